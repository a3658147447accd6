// Windows, Fourier transforms and the mel scale. The last axis of a complex signal holds the real
// and the imaginary part. SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <functional>
#include <numbers>

#include "suan/formats/onnx/internal/node.h"
#include "suan/ops/arange.h"
#include "suan/ops/concat.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/fourier.h"
#include "suan/ops/gather.h"
#include "suan/ops/leaf.h"
#include "suan/ops/pad.h"
#include "suan/ops/shape_ops.h"
#include "suan/ops/slice.h"

namespace suan::onnx {
namespace {

constexpr int64_t kMostElements = int64_t{1} << 28;  // of a window, along a transform's axis

// A size that data gives, within bounds.
int64_t size_of_input(const NodeView& n, int i, int64_t least) {
  const int64_t size = n.known_int(i);
  if (size < least || size > kMostElements) {
    n.fail("input {} is {}, expected {} to {}", i, size, least, kMostElements);
  }
  return size;
}

DType output_dtype(const NodeView& n) {
  return dtype_of_onnx(n.i("output_datatype", 1), n.proto().op_type());
}

// w_i = a - b cos(2 pi i / n) + c cos(4 pi i / n), with n - 1 for n where it is not periodic.
Tensor cosine_window(const NodeView& n, double a, double b, double c) {
  const int64_t size = size_of_input(n, 0, 0);
  const int64_t period = std::max<int64_t>(1, n.i("periodic", 1) ? size : size - 1);
  Array window(DType::f64, {size});
  for (int64_t i = 0; i < size; ++i) {
    const double angle =
        2 * std::numbers::pi * static_cast<double>(i) / static_cast<double>(period);
    window.as<double>()[i] = a - b * std::cos(angle) + c * std::cos(2 * angle);
  }
  return cast(NodeView::constant(window), output_dtype(n));
}
Outputs hann_window(const NodeView& n) { return {cosine_window(n, 0.5, 0.5, 0)}; }
Outputs hamming_window(const NodeView& n) { return {cosine_window(n, 25.0 / 46, 21.0 / 46, 0)}; }
Outputs blackman_window(const NodeView& n) { return {cosine_window(n, 0.42, 0.5, 0.08)}; }

// The parts of a signal [..., 1 or 2].
ComplexTensor parts_of(const NodeView& n, const Tensor& x) {
  const int64_t count = x.rank() >= 2 ? x.shape().back() : 0;
  if (count != 1 && count != 2) {
    n.fail("the signal is {}, expected [..., 1] or [..., 2]", to_string(x.shape()));
  }
  return {take(x, -1, 0), count == 2 ? take(x, -1, 1) : Tensor()};
}
Tensor joined(const ComplexTensor& x) { return stack({x.real, x.imag}, x.real.rank()); }

// The first `size` elements along the axis; zeros follow where there are fewer.
Tensor with_size(const Tensor& x, int axis, int64_t size) {
  const int64_t missing = size - x.shape()[axis];
  if (missing <= 0) return narrow(x, axis, 0, size);
  std::vector<int64_t> begin(static_cast<size_t>(x.rank())), end = begin;
  end[static_cast<size_t>(axis)] = missing;
  return pad(x, begin, end);
}

// The second half of a spectrum of n elements follows from the first where the signal is real.
ComplexTensor with_mirrored(const ComplexTensor& x, int axis, int64_t n) {
  const int64_t half = n / 2 + 1;
  const auto mirrored = [&](const Tensor& t, bool turn_sign) {
    const Tensor first = with_size(t, axis, half);
    if (n == half) return first;
    const Tensor rest = flip(narrow(first, axis, 1, n - half + 1), {axis});
    return concat({first, turn_sign ? neg(rest) : rest}, axis);
  };
  return {mirrored(x.real, false), mirrored(x.imag, true)};
}

Outputs dft_rule(const NodeView& n) {
  const Tensor& x = n.in(0);
  const bool inverse = n.i("inverse", 0) != 0, onesided = n.i("onesided", 0) != 0;
  int64_t given = n.i("axis", 1);
  if (n.opset >= 20) given = n.has(2) ? n.known_int(2) : -2;
  const int axis = axis_of(n, given, x.rank());
  if (axis == x.rank() - 1) n.fail("axis {} holds the parts of a number", given);
  ComplexTensor signal = parts_of(n, x);
  if (onesided && inverse != static_cast<bool>(signal.imag)) {
    n.fail("a one-sided transform is of real signals, its inverse of complex ones, got {}",
           to_string(x.shape()));
  }
  int64_t size = x.shape()[axis];
  if (onesided && inverse) size = 2 * (size - 1);
  if (n.has(1)) size = size_of_input(n, 1, 1);
  const int64_t rest = x.shape()[axis] ? x.shape().numel() / x.shape()[axis] : 0;
  if (size < 1 || size > kMostElements ||
      rest > static_cast<int64_t>(n.limits().value_bytes) / size) {
    n.fail("got the length {} for {}", size, to_string(x.shape()));
  }
  if (onesided && inverse) {
    const Tensor y = dft(with_mirrored(signal, axis, size), axis, true).real;
    return {reshape(y, [&] {
      Shape shape = y.shape();
      shape.push_back(1);
      return shape;
    }())};
  }
  signal.real = with_size(signal.real, axis, size);
  if (signal.imag) signal.imag = with_size(signal.imag, axis, size);
  const Tensor y = joined(dft(signal, axis, inverse));
  return {onesided ? narrow(y, axis, 0, size / 2 + 1) : y};
}

// Windows of the signal one step apart, each transformed: [batch, frames, frequencies, 2].
Outputs stft(const NodeView& n) {
  const Tensor& x = n.in(0);
  if (x.rank() != 3)
    n.fail("the signal is {}, expected [batch, length, 1 or 2]", to_string(x.shape()));
  const bool onesided = n.i("onesided", 1) != 0;
  const int64_t step = size_of_input(n, 1, 1), length = x.shape()[1];
  int64_t size = length;
  if (n.has(2)) {
    if (n.in(2).rank() != 1)
      n.fail("the window is {}, expected one axis", to_string(n.in(2).shape()));
    size = n.in(2).shape()[0];
  }
  if (n.has(3)) {
    const int64_t wanted = size_of_input(n, 3, 1);
    if (n.has(2) && wanted != size) n.fail("the window has {} elements, expected {}", size, wanted);
    size = wanted;
  }
  if (size < 1 || size > length) n.fail("got frames of {} of {} elements", size, length);
  const ComplexTensor signal = parts_of(n, x);
  if (onesided && signal.imag) n.fail("a one-sided transform of a complex signal");
  const int64_t frames = (length - size) / step + 1;
  const Tensor first = reshape(arange(0, static_cast<double>(step), frames), {frames, 1});
  const auto framed = [&](const Tensor& t) {
    if (!t) return t;
    const Tensor y = gather(t, first + arange(size), 1);
    return n.has(2) ? y * cast(n.in(2), y.dtype()) : y;
  };
  const Tensor y = joined(dft({framed(signal.real), framed(signal.imag)}));
  return {onesided ? narrow(y, 2, 0, size / 2 + 1) : y};
}

// Triangles whose corners are evenly spaced on the mel scale: mel(f) = 2595 log10(1 + f / 700).
Outputs mel_weight_matrix(const NodeView& n) {
  const int64_t bands = size_of_input(n, 0, 1), length = size_of_input(n, 1, 1);
  const int64_t bins = length / 2 + 1, rate = size_of_input(n, 2, 1);
  const double low = n.known_number(3), high = n.known_number(4);
  if (!(low >= 0 && low <= high && std::isfinite(high))) {
    n.fail("got the frequencies {} to {}", low, high);
  }
  if (bins > kMostElements / bands) n.fail("{} x {} weights are too many", bins, bands);
  const auto mel = [](double f) { return 2595 * std::log10(1 + f / 700); };
  const double step = (mel(high) - mel(low)) / static_cast<double>(bands + 2);
  const auto corner = [&](int64_t i) {
    const double f = 700 * (std::pow(10, (mel(low) + static_cast<double>(i) * step) / 2595) - 1);
    const double bin = std::floor(static_cast<double>(length + 1) * f / static_cast<double>(rate));
    if (!(bin >= 0 && bin < static_cast<double>(bins))) {
      n.fail("{} Hz are above half the sample rate of {}", f, rate);
    }
    return static_cast<int64_t>(bin);
  };
  Array weights(DType::f64, {bins, bands});
  std::fill_n(weights.as<double>(), bins * bands, 0.0);
  for (int64_t i = 0; i < bands; ++i) {
    const int64_t left = corner(i), peak = corner(i + 1), right = corner(i + 2);
    const auto set = [&](int64_t bin, int64_t distance, int64_t of) {
      weights.as<double>()[bin * bands + i] =
          static_cast<double>(distance) / static_cast<double>(of);
    };
    for (int64_t j = left; j < peak; ++j) set(j, j - left, peak - left);
    for (int64_t j = peak + 1; j < right; ++j) set(j, right - j, right - peak);
    set(peak, 1, 1);
  }
  return {cast(NodeView::constant(weights), output_dtype(n))};
}

constexpr OperatorRule kRules[] = {
    {"BlackmanWindow", blackman_window}, {"DFT", dft_rule}, {"HammingWindow", hamming_window},
    {"HannWindow", hann_window},         {"STFT", stft},    {"MelWeightMatrix", mel_weight_matrix},
};

}  // namespace

std::span<const OperatorRule> signal_rules() { return kRules; }

}  // namespace suan::onnx
