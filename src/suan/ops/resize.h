// Resizing along spatial axes. Every mode is a weighted sum of a few elements along one axis, so
// the op does one axis; several follow each other. SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/graph/op_def.h"

namespace suan {

enum class ResizeMode : uint8_t {
  nearest,  // the nearest element
  linear,   // between the two nearest
  cubic,    // between the four nearest, by Keys' polynomial
  area,     // mean over the part that an output element covers (adaptive average pooling)
};
// Where output element o of n lies among s input elements, scale = n / s. A scale that is given may
// be larger, its result's size being rounded down: then align_corners and crop take scale s for n.
enum class ResizeCoordinates : uint8_t {
  half_pixel,            // (o + 0.5) / scale - 0.5: pixels are areas
  align_corners,         // o (s - 1) / (n - 1): first and last elements meet
  asymmetric,            // o / scale
  half_pixel_symmetric,  // half_pixel with the middle of both kept, where the size was rounded
  pytorch_half_pixel,    // half_pixel, but 0 where n = 1
  tf_half_pixel,         // (o + 0.5) / scale
  crop,  // align_corners on the part [start (s - 1), end (s - 1)]; its middle for n = 1
};
// What the nearest element is.
enum class ResizeRound : uint8_t { prefer_floor, prefer_ceil, floor, ceil };

inline std::span<const std::string_view> enum_names(ResizeMode) {
  static constexpr std::string_view kNames[] = {"nearest", "linear", "cubic", "area"};
  return kNames;
}
inline std::span<const std::string_view> enum_names(ResizeCoordinates) {
  static constexpr std::string_view kNames[] = {
      "half_pixel",         "align_corners", "asymmetric", "half_pixel_symmetric",
      "pytorch_half_pixel", "tf_half_pixel", "crop"};
  return kNames;
}
inline std::span<const std::string_view> enum_names(ResizeRound) {
  static constexpr std::string_view kNames[] = {"prefer_floor", "prefer_ceil", "floor", "ceil"};
  return kNames;
}

struct ResizeOptions {
  ResizeMode mode = ResizeMode::nearest;
  ResizeCoordinates coordinates = ResizeCoordinates::half_pixel;
  ResizeRound round = ResizeRound::prefer_floor;  // of mode nearest; halves go this way
  bool antialias = false;  // linear and cubic widen when they shrink, so that all elements count
};

// x [n, c, spatial...] with these sizes along its spatial axes; positions outside x are its border.
// Modes, coordinates and roundings are those of ONNX Resize. PyTorch's interpolate is {linear,
// half_pixel} or {linear, align_corners}, its "nearest" {nearest, asymmetric, floor}. Throws Error
// unless there is a positive size for each spatial axis (a list of one is for all).
Tensor resize(const Tensor& x, std::vector<int64_t> sizes, ResizeOptions options = {});
// The same to floor(scale s) elements along each spatial axis.
Tensor resize_by(const Tensor& x, std::vector<double> scales, ResizeOptions options = {});

struct ResizeAttrs {
  int64_t axis = 0;  // from the front
  int64_t size = 1;  // of the result along it
  ResizeMode mode = ResizeMode::nearest;
  ResizeCoordinates coordinates = ResizeCoordinates::half_pixel;
  ResizeRound round = ResizeRound::prefer_floor;
  double scale = 0;              // 0: the quotient of the sizes
  double start = 0, end = 1;     // of crop
  double cubic_a = -0.75;        // of cubic: the slope at distance 1
  bool antialias = false;        // as in ResizeOptions
  bool exclude_outside = false;  // of linear and cubic: elements outside do not count; false: they
                                 // are the border
  bool adjoint = false;  // the gradient: x has the resized shape, and `size` is the original's
  bool operator==(const ResizeAttrs&) const = default;
  static constexpr auto fields() {
    return std::tuple{Field{"axis", &ResizeAttrs::axis},
                      Field{"size", &ResizeAttrs::size},
                      Field{"mode", &ResizeAttrs::mode},
                      Field{"coordinates", &ResizeAttrs::coordinates},
                      Field{"round", &ResizeAttrs::round},
                      Field{"scale", &ResizeAttrs::scale},
                      Field{"start", &ResizeAttrs::start},
                      Field{"end", &ResizeAttrs::end},
                      Field{"cubic_a", &ResizeAttrs::cubic_a},
                      Field{"antialias", &ResizeAttrs::antialias},
                      Field{"exclude_outside", &ResizeAttrs::exclude_outside},
                      Field{"adjoint", &ResizeAttrs::adjoint}};
  }
};

// One axis alone, any of them, with all that ONNX Resize has. Throws Error when attributes do not
// fit.
Tensor resize_axis(const Tensor& x, ResizeAttrs attrs);
// Where result element o lies among `inputs` elements.
double resize_position(const ResizeAttrs& attrs, int64_t o, int64_t inputs);

// Result element i along the axis is the sum over k in [first[i], first[i + 1]) of weight[k]
// x[at[k]]; every `at` is in [0, inputs).
struct ResizeTaps {
  std::vector<int64_t> first, at;
  std::vector<double> weight;
};
ResizeTaps resize_taps(const ResizeAttrs& attrs, int64_t inputs);

}  // namespace suan
