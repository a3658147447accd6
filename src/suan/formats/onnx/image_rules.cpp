// Images as files, their borders, their blocks, and the boxes found in them.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <numeric>

#include "suan/formats/image.h"
#include "suan/formats/onnx/internal/raster.h"
#include "suan/formats/onnx/internal/window.h"
#include "suan/ops/gather.h"
#include "suan/ops/leaf.h"
#include "suan/ops/pad.h"
#include "suan/ops/shape_ops.h"
#include "suan/ops/slice.h"

namespace suan::onnx {
namespace {

Outputs center_crop_pad(const NodeView& n) {
  const Tensor& x = n.in(0);
  const std::vector<int64_t> sizes = n.known_ints(1);
  std::vector<int64_t> axes = n.ints("axes");
  if (!n.has_attr("axes")) {
    axes.resize(static_cast<size_t>(x.rank()));
    std::iota(axes.begin(), axes.end(), 0);
  }
  if (sizes.size() != axes.size()) n.fail("got {} sizes, expected {}", sizes.size(), axes.size());
  std::vector<int64_t> starts(static_cast<size_t>(x.rank())), before = starts, after = starts;
  std::vector<int64_t> ends(x.shape().begin(), x.shape().end());
  for (size_t i = 0; i < axes.size(); ++i) {
    const auto a = static_cast<size_t>(axis_of(n, axes[i], x.rank()));
    const int64_t size = x.shape()[static_cast<int>(a)];
    if (sizes[i] < 0) n.fail("got the size {}", sizes[i]);
    starts[a] = std::max<int64_t>(size - sizes[i], 0) / 2;
    ends[a] = starts[a] + std::min(size, sizes[i]);
    before[a] = std::max<int64_t>(sizes[i] - size, 0) / 2;
    after[a] = std::max<int64_t>(sizes[i] - size, 0) - before[a];
  }
  const Tensor cropped = slice(x, starts, ends);
  const auto is_zero = [](int64_t v) { return v == 0; };
  if (std::ranges::all_of(after, is_zero)) return {cropped};
  return {pad(cropped, before, after)};
}

// Where each element of each block lies in the image, [block elements, blocks]: its row-major
// position, or `outside` for elements in the padding.
std::vector<int64_t> block_positions(const Window& w, const std::vector<int64_t>& image,
                                     const std::vector<int64_t>& blocks, int64_t outside) {
  std::vector<int64_t> at{0}, next;
  for (size_t i = 0; i < image.size(); ++i) {  // [e, b] grows to [e, kernel, b, blocks]
    int64_t columns = 1;
    for (size_t k = 0; k < i; ++k) columns *= blocks[k];
    const int64_t rows = static_cast<int64_t>(at.size()) / columns;
    next.clear();
    for (int64_t row = 0; row < rows * w.kernel[i]; ++row) {
      for (int64_t column = 0; column < columns * blocks[i]; ++column) {
        const int64_t old =
            at[static_cast<size_t>(row / w.kernel[i] * columns + column / blocks[i])];
        const int64_t here =
            column % blocks[i] * w.stride[i] - w.begin[i] + row % w.kernel[i] * w.dilation[i];
        const bool inside = old != outside && here >= 0 && here < image[i];
        next.push_back(inside ? old * image[i] + here : outside);
      }
    }
    at.swap(next);
  }
  return at;
}

// Adds blocks up where they overlap: the adjoint of cutting an image into them.
Outputs col2im(const NodeView& n) {
  const Tensor& x = n.in(0);
  const std::vector<int64_t> image = n.known_ints(1), block = n.known_ints(2);
  if (x.rank() != 3 || image.empty() || image.size() != block.size() || image.size() > 6) {
    n.fail("got {}, {} image sizes and {} block sizes", to_string(x.shape()), image.size(),
           block.size());
  }
  Shape shape{x.shape()[0], x.shape()[1]};
  constexpr int64_t kMost = int64_t{1} << 31;
  for (size_t i = 0; i < image.size(); ++i) {
    if (image[i] < 1 || image[i] > kMost || block[i] < 1 || block[i] > kMost) {
      n.fail("got the image size {} and the block size {}", image[i], block[i]);
    }
    shape.push_back(image[i]);
  }
  const Window w = read_window(n, shape, block);
  std::vector<int64_t> blocks;
  int64_t count = 1, elements = 1, positions = 1;
  for (size_t i = 0; i < image.size(); ++i) {
    const int64_t room = image[i] + w.begin[i] + w.end[i] - w.extent(i);
    blocks.push_back(room < 0 ? 0 : room / w.stride[i] + 1);
    // Every one of these sizes is bounded, and so are the products, checked as they grow.
    const auto most = static_cast<int64_t>(n.limits().value_bytes / 8);
    if (blocks.back() > most / (count * elements) / block[i] || image[i] > most / positions) {
      n.fail("the blocks are too many for {}", to_string(x.shape()));
    }
    count *= blocks.back();
    elements *= block[i];
    positions *= image[i];
    if (count == 0) n.fail("block {} does not fit into {}", block[i], image[i]);
  }
  const Shape& s = x.shape();
  if (s[2] != count || s[1] % elements) {
    n.fail("got {}, expected [n, multiple of {}, {}]", to_string(s), elements, count);
  }
  const int64_t images = s[0] * (s[1] / elements);
  const std::vector<int64_t> at = block_positions(w, image, blocks, positions);
  const Tensor sum =
      scatter(zeros({images, positions + 1}, x.dtype()), Tensor::from(Array::list(at)),
              reshape(x, {images, elements * count}), 1);
  shape[1] = s[1] / elements;
  return {reshape(narrow(sum, 1, 0, positions), shape)};
}

struct Box {
  float left, top, right, bottom;
  float area() const { return (right - left) * (bottom - top); }
};
Box box_of(const double* v, bool by_center) {
  const auto f = [&](int i) { return static_cast<float>(v[i]); };
  if (by_center) {
    return {f(0) - f(2) / 2, f(1) - f(3) / 2, f(0) + f(2) / 2, f(1) + f(3) / 2};
  }
  return {std::min(f(1), f(3)), std::min(f(0), f(2)), std::max(f(1), f(3)), std::max(f(0), f(2))};
}
// Intersection over union; 0 for boxes without area.
float overlap(const Box& a, const Box& b) {
  const float width = std::min(a.right, b.right) - std::max(a.left, b.left);
  const float height = std::min(a.bottom, b.bottom) - std::max(a.top, b.top);
  if (!(width > 0 && height > 0)) return 0;
  const float both = width * height, either = a.area() + b.area() - both;
  return a.area() > 0 && b.area() > 0 && either > 0 ? both / either : 0;
}

// The candidates by falling score, without those that overlap one taken before too much.
std::vector<int64_t> suppressed(const std::vector<Box>& boxes, const double* scores,
                                std::vector<int64_t> candidates, int64_t most, float threshold) {
  std::stable_sort(candidates.begin(), candidates.end(),
                   [&](int64_t a, int64_t b) { return scores[a] > scores[b]; });
  std::vector<int64_t> taken;
  for (int64_t candidate : candidates) {
    if (static_cast<int64_t>(taken.size()) >= most) break;
    const bool is_new = std::ranges::all_of(taken, [&](int64_t other) {
      return !(overlap(boxes[static_cast<size_t>(candidate)], boxes[static_cast<size_t>(other)]) >
               threshold);
    });
    if (is_new) taken.push_back(candidate);
  }
  return taken;
}

Outputs non_max_suppression(const NodeView& n) {
  const Shape &b = n.in(0).shape(), &s = n.in(1).shape();
  if (b.rank() != 3 || s.rank() != 3 || b[2] != 4 || b[0] != s[0] || b[1] != s[2]) {
    n.fail("got boxes {} and scores {}, expected [n, boxes, 4] and [n, classes, boxes]",
           to_string(b), to_string(s));
  }
  const int64_t most = n.has(2) ? n.known_int(2) : 0;
  const auto threshold = static_cast<float>(n.has(3) ? n.known_number(3) : 0);
  const double least = n.has(4) ? n.known_number(4) : -INFINITY;
  const bool by_center = n.i("center_point_box", 0) != 0;
  const std::vector<double> corners = n.known_numbers(0), scores = n.known_numbers(1);
  std::vector<int64_t> selected;
  for (int64_t image = 0; image < b[0]; ++image) {
    std::vector<Box> boxes;
    for (int64_t i = 0; i < b[1]; ++i) {
      boxes.push_back(box_of(corners.data() + (image * b[1] + i) * 4, by_center));
    }
    for (int64_t label = 0; label < s[1]; ++label) {
      const double* score = scores.data() + (image * s[1] + label) * b[1];
      std::vector<int64_t> candidates;  // a score that is not a number is no score
      for (int64_t i = 0; i < b[1]; ++i) {
        if (n.has(4) ? score[i] > least : score[i] >= least) candidates.push_back(i);
      }
      for (int64_t i : suppressed(boxes, score, std::move(candidates), most, threshold)) {
        selected.insert(selected.end(), {image, label, i});
      }
    }
  }
  const auto count = static_cast<int64_t>(selected.size() / 3);
  return {NodeView::constant(Array::of(std::span<const int64_t>(selected), {count, 3}))};
}

Array decoded(std::span<const uint8_t> bytes) {
  if (std::optional<Array> image = decode_raster(bytes)) return *image;
  return formats::decode_image(bytes, "image", {.channels = 3});
}

Outputs image_decoder(const NodeView& n) {
  const Array bytes = n.known(0);
  const std::string order = n.s("pixel_format", "RGB");
  if (bytes.dtype != DType::u8) n.fail("got {}, expected the bytes of a file", name(bytes.dtype));
  if (order != "RGB" && order != "BGR" && order != "Grayscale") {
    n.fail("pixel_format is '{}', expected RGB, BGR or Grayscale", order);
  }
  Array image = decoded(bytes.span<const uint8_t>());
  auto* pixel = image.as<uint8_t>();
  const int64_t pixels = image.shape[0] * image.shape[1];
  if (order == "RGB") return {NodeView::constant(image)};
  if (order == "BGR") {
    for (int64_t i = 0; i < pixels; ++i) std::swap(pixel[3 * i], pixel[3 * i + 2]);
    return {NodeView::constant(image)};
  }
  const Array grey(DType::u8, {image.shape[0], image.shape[1], 1});
  formats::to_grey(pixel, pixels, grey.as<uint8_t>());
  return {NodeView::constant(grey)};
}

constexpr OperatorRule kRules[] = {
    {"CenterCropPad", center_crop_pad},
    {"Col2Im", col2im},
    {"ImageDecoder", image_decoder},
    {"NonMaxSuppression", non_max_suppression},
};

}  // namespace

std::span<const OperatorRule> image_rules() { return kRules; }

}  // namespace suan::onnx
