// Operators on images: what ONNX's own suite does not try, and what each refuses.
// SPDX-License-Identifier: Apache-2.0
#include "suan/formats/image.h"
#include "tests/formats/onnx/one_node.h"

namespace suan::onnx {
namespace {

TEST(OnnxImages, PoolsEveryDType) {
  for (DType dtype : {DType::f16, DType::bf16, DType::f64, DType::i8, DType::u8}) {
    const OneNode node{"MaxPool", {numbered({1, 1, 2, 4}, dtype)}, {{"kernel_shape", Ints{2, 2}}}};
    expect_near(node.run()[0], std::string(name(dtype)) + "[1, 1, 1, 3]", {5, 6, 7});
  }
}

TEST(OnnxImages, PoolsAnyNumberOfAxes) {
  const OneNode node{"MaxPool",
                     {numbered({1, 1, 2, 2, 2, 3})},
                     {{"kernel_shape", Ints{2, 1, 2, 2}}, {"strides", Ints{1, 1, 1, 1}}}};
  expect_near(node.run()[0], "f32[1, 1, 1, 2, 1, 2]", {16, 17, 22, 23});
  const OneNode mean{"AveragePool",
                     {numbered({1, 1, 2, 1, 2, 2})},
                     {{"kernel_shape", Ints{2, 1, 2, 2}}, {"pads", Ints{1, 0, 0, 0, 0, 0, 0, 0}}}};
  expect_near(mean.run()[0], "f32[1, 1, 2, 1, 1, 1]", {1.5, 3.5});
}

TEST(OnnxImages, GivesPositionsOfMaximaByRowsOrColumns) {
  OneNode node{"MaxPool",
               {floats({1, 9, 2, 3, 4, 8, 7, 7, 0, 5, 6, 1}, {1, 2, 2, 3})},
               {{"kernel_shape", Ints{2, 2}}},
               12,
               2};
  EXPECT_EQ(OneNode::numbers(node.run()[1]), (std::vector<double>{1, 1, 6, 7}));
  node.attributes["storage_order"] = int64_t{1};
  EXPECT_EQ(OneNode::numbers(node.run()[1]), (std::vector<double>{2, 2, 6, 8}));
}

TEST(OnnxImages, TakesNormsOverWindowsAndImages) {
  const Tensor x = floats({3, -4, 0, 12}, {1, 1, 2, 2});
  expect_near(OneNode{"GlobalLpPool", {x}}.run()[0], "f32[1, 1, 1, 1]", {13});
  expect_near(OneNode{"GlobalLpPool", {x}, {{"p", int64_t{1}}}}.run()[0], "f32[1, 1, 1, 1]", {19});
  const OneNode windows{"LpPool", {x}, {{"kernel_shape", Ints{1, 2}}, {"p", int64_t{3}}}};
  expect_near(windows.run()[0], "f32[1, 1, 2, 1]", {std::cbrt(91.0), 12});
}

TEST(OnnxImages, PoolsRegions) {
  const Tensor x = numbered({1, 1, 4, 4});
  const Tensor rois = floats({0, 0, 0, 3, 3, 0, 1, 1, 1, 1, 0, 9, 9, 12, 12}, {3, 5});
  const OneNode node{"MaxRoiPool", {x, rois}, {{"pooled_shape", Ints{2, 2}}}};
  expect_near(node.run()[0], "f32[3, 1, 2, 2]", {5, 7, 13, 15, 5, 5, 5, 5, 0, 0, 0, 0});
  // Of as many samples as a region has elements: the mean of a linear image is that in its middle.
  const OneNode align{"RoiAlign",
                      {numbered({1, 1, 4, 4}, DType::f64),
                       cast(floats({0.5, 0.5, 3.5, 2.5}, {1, 4}), DType::f64), ints({0})},
                      {{"output_height", int64_t{1}}, {"output_width", int64_t{2}}}};
  expect_near(align.run()[0], "f64[1, 1, 1, 2]", {1 * 4 + 0.75, 1 * 4 + 2.25});
}

TEST(OnnxImages, UpsamplesAsOldModelsDo) {
  const Tensor x = floats({1, 2, 3, 4, 5}, {1, 1, 1, 5});
  const Tensor half = floats({1, 1, 1, 0.6F}, {4}), twice = floats({1, 1, 1, 2}, {4});
  expect_near(OneNode{"Resize", {x, half}, {}, 10}.run()[0], "f32[1, 1, 1, 3]", {1, 3, 5});
  expect_near(OneNode{"Upsample", {x, twice}, {{"mode", std::string("linear")}}, 9}.run()[0],
              "f32[1, 1, 1, 10]", {1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5, 5});
  const OneNode by_attribute{"Upsample", {x}, {{"scales", std::vector<double>{1, 1, 2, 1}}}, 7};
  expect_near(by_attribute.run()[0], "f32[1, 1, 2, 5]", {1, 2, 3, 4, 5, 1, 2, 3, 4, 5});
}

TEST(OnnxImages, ResizesWholeNumbersAndHalves) {
  const Attributes linear{{"mode", std::string("linear")}};
  const Tensor sizes = ints({1, 1, 4});
  const auto resized = [&](DType dtype) {
    return OneNode{"Resize", {numbered({1, 1, 2}, dtype) * 10.0, {}, {}, sizes}, linear}.run()[0];
  };
  expect_near(resized(DType::u8), "u8[1, 1, 4]", {0, 2, 8, 10});  // 2.5 and 7.5 to even
  expect_near(resized(DType::f16), "f16[1, 1, 4]", {0, 2.5, 7.5, 10});
  const OneNode moved{"Resize", {numbered({1, 1, 2}, DType::boolean), {}, {}, sizes}};
  expect_near(moved.run()[0], "bool[1, 1, 4]", {0, 0, 1, 1});
}

TEST(OnnxImages, TransposesConvolutionsToAnyPlace) {
  // Output padding beyond the stride, and an output larger than all that is computed.
  const Tensor x = floats({1, 2}, {1, 1, 2}), w = floats({1, 10}, {1, 1, 2}), b = floats({5}, {1});
  const OneNode more{
      "ConvTranspose", {x, w, b}, {{"dilations", Ints{2}}, {"output_padding", Ints{1}}}};
  expect_near(more.run()[0], "f32[1, 1, 5]", {6, 7, 15, 25, 5});
  const OneNode larger{"ConvTranspose", {x, w}, {{"output_shape", Ints{6}}}};
  expect_near(larger.run()[0], "f32[1, 1, 6]", {0, 1, 12, 20, 0, 0});
}

TEST(OnnxImages, DecodesWhatItKnows) {
  Array pixels(DType::u8, {1, 2, 3});
  for (int i = 0; i < 6; ++i) pixels.as<uint8_t>()[i] = static_cast<uint8_t>(40 * i);
  const auto decode = [](std::string_view bytes, const std::string& order) {
    const auto* data = reinterpret_cast<const uint8_t*>(bytes.data());
    const auto count = static_cast<int64_t>(bytes.size());
    const Tensor file = Tensor::from(Array::of(std::span(data, bytes.size()), {count}));
    return OneNode{"ImageDecoder", {file}, {{"pixel_format", order}}};
  };
  const std::string png = formats::encode_png(pixels);
  expect_near(decode(png, "BGR").run()[0], "u8[1, 2, 3]", {80, 40, 0, 200, 160, 120});
  expect_near(decode(png, "Grayscale").run()[0], "u8[1, 2, 1]", {33, 153});
  expect_near(decode("P5 # grey\n2 1\n255\nAB", "RGB").run()[0], "u8[1, 2, 3]",
              {65, 65, 65, 66, 66, 66});
  expect_error(decode("P5 9 9 255\nAB", "RGB"), "image: ends too early");
  expect_error(decode("P6 9 9 65535\nAB", "RGB"),
               "image: is a PNM with other than 8 bits a sample");
  expect_error(decode("RIFF....WEBP", "RGB"), "image: is a damaged WebP");
  expect_error(decode("GIF89a", "RGB"), "image: is no JPEG, JPEG 2000, PNG or WebP image");
  expect_error(decode(png, "HSV"),
               "ImageDecoder: pixel_format is 'HSV', expected RGB, BGR or Grayscale");
}

TEST(OnnxImages, RefusesWrongWindows) {
  const Tensor x = numbered({1, 2, 4, 4}), w = numbered({2, 2, 3, 3});
  expect_error({"MaxPool", {x}}, "MaxPool: attribute 'kernel_shape' is missing");
  expect_error({"MaxPool", {x}, {{"kernel_shape", Ints{2}}}},
               "MaxPool: kernel_shape has 1 entries, expected 2");
  expect_error({"MaxPool", {x}, {{"kernel_shape", Ints{2, 2}}, {"strides", Ints{0, 1}}}},
               "MaxPool: strides has 0, expected 1 to 1048576");
  expect_error({"AveragePool", {x}, {{"kernel_shape", Ints{5, 5}}}},
               "avg_pool: kernel 5 does not fit into [1, 2, 4, 4]");
  expect_error({"MaxPool", {numbered({3, 3})}, {{"kernel_shape", Ints{2}}}},
               "MaxPool: got [3, 3], expected a batch of channels with spatial axes");
  expect_error({"Conv", {x, w}, {{"kernel_shape", Ints{2, 3}}}},
               "Conv: kernel_shape differs from the weights' kernel");
  expect_error({"Conv", {x, w}, {{"auto_pad", std::string("SAME")}}},
               "Conv: auto_pad is 'SAME', expected NOTSET, SAME_UPPER, SAME_LOWER or VALID");
  expect_error({"Conv", {x, numbered({2, 2, 3})}},
               "Conv: got [1, 2, 4, 4] and weights [2, 2, 3], expected both with the same spatial "
               "axes");
  expect_error({"ConvTranspose", {x, w}, {{"pads", Ints{9, 0, 0, 0}}}},
               "ConvTranspose: nothing is left of [1, 2, 4, 4] along spatial axis 0");
  expect_error({"LpPool", {x}, {{"kernel_shape", Ints{1, 1}}, {"p", int64_t{0}}}},
               "LpPool: p is 0, expected a positive number");
  expect_error({"MaxUnpool", {x, numbered({1, 2, 4}, DType::i64)}, {{"kernel_shape", Ints{2, 2}}}},
               "MaxUnpool: got [1, 2, 4, 4] and indices [1, 2, 4], expected the same shape");
  const Tensor one = numbered({1, 1, 2, 2}), place = ints({0, 1, 2, 3});
  expect_error(
      {"MaxUnpool",
       {one, Tensor::from({DType::i64, {1, 1, 2, 2}, place.array().buffer}), ints({1, 1, 1, 1})},
       {{"kernel_shape", Ints{1 << 20, 1 << 20}}}},
      "MaxUnpool: f32[1, 1, 1048577, 1048577] is too large");
  expect_error(
      {"DeformConv", {one, numbered({1, 1, 1, 1}), numbered({1, 2, 2, 2})}, {{"group", INT64_MAX}}},
      "DeformConv: got [1, 1, 2, 2], weights [1, 1, 1, 1], group 9223372036854775807 and "
      "offset_group 1");
}

TEST(OnnxImages, RefusesWrongResizes) {
  const Tensor x = numbered({1, 1, 4});
  expect_error({"Resize", {x}}, "Resize: expected either scales or sizes");
  expect_error({"Resize", {x, {}, {}, ints({1, 2})}}, "Resize: got 2 sizes, expected 3");
  expect_error({"Resize", {x, {}, {}, ints({1, 1, 0})}},
               "Resize: axis 2 of [1, 1, 4] would get 0 elements");
  expect_error({"Resize", {x, {}, floats({1, 1, -1}, {3})}}, "Resize: got the scale -1");
  expect_error({"Resize", {x, {}, {}, ints({1, 1, 2})}, {{"mode", std::string("lanczos")}}},
               "Resize: mode 'lanczos' is unknown");
  expect_error({"Resize", {x, {}, {}, ints({1, 2})}, {{"axes", Ints{2, -1}}}},
               "Resize: axis 2 is given twice");
  expect_error({"Resize", {x, {}, {}, ints({1, 1, int64_t{1} << 40})}},
               "Resize: the result [1, 1, 1099511627776] is too large");
}

TEST(OnnxImages, RefusesWrongPlaces) {
  const Tensor x = numbered({1, 1, 3, 3}), grid = numbered({1, 2, 2, 2});
  expect_error({"GridSample", {x, numbered({1, 2, 2, 3})}},
               "GridSample: got [1, 1, 3, 3] and grid [1, 2, 2, 3], expected a grid [1, sizes..., "
               "2]");
  expect_error({"GridSample", {x, grid}, {{"padding_mode", std::string("wrap")}}},
               "GridSample: padding_mode 'wrap' is unknown, expected zeros, border or reflection");
  expect_error({"RoiAlign", {x, numbered({1, 4}), ints({1})}, {{"sampling_ratio", int64_t{1}}}},
               "RoiAlign: batch index 1 at position 0 is outside [0, 0]");
  expect_error({"RoiAlign", {x, floats({0, 0, INFINITY, 1}, {1, 4}), ints({0})}},
               "RoiAlign: region 0 is inf elements long");
  expect_error({"MaxRoiPool", {x, floats({7, 0, 0, 1, 1}, {1, 5})}, {{"pooled_shape", Ints{1, 1}}}},
               "MaxRoiPool: a region is of image 7, expected 0 to 0");
  expect_error({"Col2Im", {numbered({1, 4, 5}), ints({3, 3}), ints({2, 2})}},
               "Col2Im: got [1, 4, 5], expected [n, multiple of 4, 4]");
  expect_error({"CenterCropPad", {x, ints({1, 2})}}, "CenterCropPad: got 2 sizes, expected 4");
  expect_error({"AffineGrid", {numbered({1, 2, 2}), ints({1, 1, 2, 2})}},
               "AffineGrid: got matrices [1, 2, 2] and 4 sizes");
  expect_error({"NonMaxSuppression", {numbered({1, 2, 4}), numbered({1, 1, 3})}},
               "NonMaxSuppression: got boxes [1, 2, 4] and scores [1, 1, 3], expected [n, boxes, "
               "4] and [n, classes, boxes]");
}

TEST(OnnxImages, SaysWhichRegionsItMustKnow) {
  // How many samples there are follows from the regions, which only data gives here.
  const OneNode node{"RoiAlign", {numbered({1, 1, 3, 3}), floats({0, 0, 2, 2}, {1, 4}), ints({0})}};
  EXPECT_THROW(node.model()->specialise(node.arguments()), DataDependent);
  OneNode fixed = node;
  fixed.attributes["sampling_ratio"] = int64_t{2};
  EXPECT_NO_THROW(fixed.model()->specialise(fixed.arguments()));
}

}  // namespace
}  // namespace suan::onnx
