// Operators of ai.onnx.ml that prepare features: look-ups, scaling, maps.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <numeric>
#include <unordered_map>

#include "suan/base/string_pool.h"
#include "suan/formats/onnx/internal/ml.h"
#include "suan/formats/onnx/internal/text_cast.h"
#include "suan/ops/arange.h"
#include "suan/ops/check_range.h"
#include "suan/ops/concat.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/gather.h"
#include "suan/ops/leaf.h"
#include "suan/ops/pad.h"
#include "suan/ops/reduce.h"
#include "suan/ops/shape_ops.h"
#include "suan/ops/slice.h"

namespace suan::onnx {
namespace {

Outputs array_feature_extractor(const NodeView& n) {
  const Tensor& x = n.in(0);
  if (x.rank() < 1) n.fail("got a number, expected a tensor");
  const Tensor y = gather(x, reshape(n.in(1), {n.in(1).shape().numel()}), -1);
  return {x.rank() == 1 ? reshape(y, {1, y.shape()[0]}) : y};
}

Outputs binarizer(const NodeView& n) {
  const Tensor& x = n.in(0);
  return {cast(greater(x, n.f("threshold", 0)), x.dtype())};
}

// The value that belongs to each element of x as a key; of equal keys the last counts. Keys are
// compared a block at a time, so that the table of hits stays small.
Tensor looked_up(const NodeView& n, const Tensor& x, const Array& keys, const Array& values,
                 const Tensor& otherwise) {
  constexpr int64_t kBlock = 256;
  if (x.dtype() != keys.dtype) n.fail("got {} for keys of {}", name(x.dtype()), name(keys.dtype));
  if (keys.shape.rank() != 1 || !(keys.shape == values.shape)) {
    n.fail("got keys {} and values {}, expected two lists of the same length",
           to_string(keys.shape), to_string(values.shape));
  }
  const Tensor all_keys = NodeView::constant(keys), all_values = NodeView::constant(values);
  const Tensor column = reshape(x, {x.shape().numel(), 1});
  Tensor y = broadcast_to(otherwise, {x.shape().numel()});
  for (int64_t begin = 0; begin < keys.numel(); begin += kBlock) {
    const int64_t end = std::min(begin + kBlock, keys.numel());
    const Tensor block = narrow(all_keys, 0, begin, end);
    Tensor hit = equal(column, block);
    if (is_float(keys.dtype)) hit = logical_or(hit, logical_and(is_nan(column), is_nan(block)));
    const Tensor last = max(select(hit, arange(1, 1, end - begin), 0.0), {1});
    const Tensor found = gather(narrow(all_values, 0, begin, end), maximum(last - 1.0, 0.0));
    y = select(greater(last, 0.0), found, y);
  }
  return reshape(y, x.shape());
}

// The list that attribute <prefix>_floats, _int64s, _strings or _tensor gives.
Array list_attribute(const NodeView& n, const std::string& prefix) {
  std::vector<Array> found;
  if (n.has_attr(prefix + "_floats")) {
    found.push_back(n.known(numbers(n.floats(prefix + "_floats"), DType::f32)));
  }
  if (n.has_attr(prefix + "_int64s")) found.push_back(Array::list(n.ints(prefix + "_int64s")));
  if (n.has_attr(prefix + "_strings")) {
    found.push_back(list_of_texts(n.strings(prefix + "_strings")));
  }
  if (n.has_attr(prefix + "_tensor")) found.push_back(n.tensor(prefix + "_tensor"));
  if (found.size() != 1) n.fail("got {} attributes {}_*, expected one", found.size(), prefix);
  return found[0];
}

Tensor one_text(std::string_view text) {
  return Tensor::from(Array::of(std::span<const StringId>(std::vector{intern(text)}), {}));
}

Tensor default_value(const NodeView& n, DType dtype) {
  if (n.has_attr("default_tensor")) {
    const Array value = n.tensor("default_tensor");
    if (value.numel() != 1 || value.dtype != dtype) {
      n.fail("default_tensor is {}, expected one {}",
             suan::to_string(Type(value.dtype, value.shape)), name(dtype));
    }
    return reshape(NodeView::constant(value), {});
  }
  if (dtype == DType::string) return one_text(n.s("default_string", "_Unused"));
  if (is_float(dtype)) return full(n.f("default_float", -0.0), {}, dtype);
  return cast(Tensor::of<int64_t>({n.i("default_int64", -1)}, {}), dtype);
}

// Texts to the numbers beside them in the list, and numbers to texts.
Outputs map_category(const NodeView& n, const Array& ids, const Array& texts) {
  const bool to_text = n.in(0).dtype() != DType::string;
  const Array& values = to_text ? texts : ids;
  return {looked_up(n, n.in(0), to_text ? ids : texts, values, default_value(n, values.dtype))};
}
Outputs category_mapper(const NodeView& n) {
  return map_category(n, Array::list(n.ints("cats_int64s")),
                      list_of_texts(n.strings("cats_strings")));
}
Outputs label_encoder(const NodeView& n) {
  if (n.opset < 2) {
    const Array texts = list_of_texts(n.strings("classes_strings"));
    std::vector<int64_t> ids(static_cast<size_t>(texts.numel()));
    std::iota(ids.begin(), ids.end(), 0);
    return map_category(n, Array::list(ids), texts);
  }
  const Array keys = list_attribute(n, "keys"), values = list_attribute(n, "values");
  return {looked_up(n, n.in(0), keys, values, default_value(n, values.dtype))};
}

Outputs one_hot_encoder(const NodeView& n) {
  Tensor x = n.in(0);
  const Tensor categories = class_labels(n, "cats_int64s", "cats_strings");
  if (!categories) n.fail("has no categories");
  const bool texts = categories.dtype() == DType::string;
  if (texts != (x.dtype() == DType::string)) {
    n.fail("got {} for categories of {}", name(x.dtype()), name(categories.dtype()));
  }
  if (x.rank() == kMaxRank) n.fail("got {}, expected fewer axes", to_string(x.shape()));
  if (!texts) x = cast(x, DType::i64);
  Shape shape = x.shape();
  shape.push_back(1);
  const Tensor hit = cast(equal(reshape(x, shape), categories), DType::f32);
  if (n.i("zeros", 1)) return {hit};
  const Tensor hits =
      check_range(cast(sum(hit, {-1}, true), DType::i64), {.low = 1,
                                                           .high = categories.size(0),
                                                           .where = "OneHotEncoder",
                                                           .what = "number of categories found"});
  return {hit * minimum(cast(hits, DType::f32), 1.0)};
}

// A list of one number, or of one for each feature.
Tensor per_feature(const NodeView& n, std::string_view attribute, const Tensor& x, DType dtype,
                   const std::vector<double>& values) {
  const auto count = static_cast<int64_t>(values.size());
  if (x.rank() < 1 || (count != 1 && count != x.shape().back())) {
    n.fail("{} has {} elements for {}", attribute, count, to_string(x.shape()));
  }
  return numbers(values, dtype);
}

Outputs scaler(const NodeView& n) {
  Tensor x = n.in(0);
  if (x.dtype() != DType::f64) x = cast(x, DType::f32);
  if (n.has_attr("offset")) x = x - per_feature(n, "offset", x, x.dtype(), n.floats("offset"));
  if (n.has_attr("scale")) x = x * per_feature(n, "scale", x, x.dtype(), n.floats("scale"));
  return {cast(x, DType::f32)};
}

Outputs imputer(const NodeView& n) {
  const Tensor& x = n.in(0);
  if (is_float(x.dtype())) {
    const double replaced = n.f("replaced_value_float", 0);
    const Tensor by =
        per_feature(n, "imputed_value_floats", x, x.dtype(), n.floats("imputed_value_floats"));
    return {select(std::isnan(replaced) ? is_nan(x) : equal(x, replaced), by, x)};
  }
  const std::vector<int64_t> by = n.ints("imputed_value_int64s");
  per_feature(n, "imputed_value_int64s", x, DType::i64, std::vector<double>(by.size()));
  const Tensor replaced = Tensor::of<int64_t>({n.i("replaced_value_int64", 0)}, {});
  return {select(equal(cast(x, DType::i64), replaced),
                 cast(NodeView::constant(Array::list(by)), x.dtype()), x)};
}

// Each row divided by its largest element, its sum of magnitudes or its length, where that is not
// 0.
Outputs normalizer(const NodeView& n) {
  const Tensor& given = n.in(0);
  if (given.rank() < 1) n.fail("got a number, expected rows");
  const Tensor x = given.dtype() == DType::f64 ? given : cast(given, DType::f32);
  const std::string norm = n.s("norm", "MAX");
  Tensor by;
  if (norm == "MAX") {
    by = x.shape().back() ? max(x, {-1}, true) : sum(x, {-1}, true);
  } else if (norm == "L1") {
    by = sum(abs(x), {-1}, true);
  } else if (norm == "L2") {
    by = sqrt(sum(square(x), {-1}, true));
  } else {
    n.fail("norm '{}' is unknown, expected MAX, L1 or L2", norm);
  }
  return {cast(x / select(equal(by, 0.0), 1.0, by), DType::f32)};
}

Outputs feature_vectorizer(const NodeView& n) {
  const std::vector<int64_t> sizes = n.ints("inputdimensions");
  if (!sizes.empty() && static_cast<int>(sizes.size()) != n.count()) {
    n.fail("got {} inputdimensions for {} inputs", sizes.size(), n.count());
  }
  std::vector<Tensor> parts;
  for (int i = 0; i < n.count(); ++i) {
    Tensor x = cast(as_rows(n, n.in(i)), DType::f32);
    const int64_t size = sizes.empty() ? x.shape()[1] : sizes[static_cast<size_t>(i)];
    if (size < 0 || size > (int64_t{1} << 31)) n.fail("got the size {}", size);
    const int64_t missing = size - x.shape()[1];
    parts.push_back(missing <= 0 ? narrow(x, 1, 0, size) : pad(x, {0, 0}, {0, missing}));
  }
  if (parts.empty()) n.fail("got no inputs");
  return {concat(parts, 1)};
}

// The values of a map at these positions; -1 gives 0 or the empty text.
Tensor picked(const Tensor& values, const std::vector<int64_t>& positions) {
  const Tensor none =
      values.dtype() == DType::string ? reshape(one_text(""), {1}) : zeros({1}, values.dtype());
  std::vector<int64_t> at = positions;
  for (int64_t& p : at) p = p < 0 ? values.shape()[0] : p;
  return gather(concat({values, none}), NodeView::constant(Array::list(at)));
}

// The value, which must be a map with such keys.
Value map_of(const NodeView& n, const Value& value, DType keys) {
  if (value.kind != TypeKind::map || value.items.size() != 1) {
    n.fail("input 0 is {}, expected a map", to_string(value));
  }
  if (value.keys.dtype != keys)
    n.fail("its keys are {}, expected {}", name(value.keys.dtype), name(keys));
  return value;
}

// The values of a map in the order of its keys, or each at the place that its key says.
Outputs cast_map(const NodeView& n) {
  const Value& map = map_of(n, n.value(0), DType::i64);
  const auto keys = map.keys.span<int64_t>();
  const std::string form = n.s("map_form", "DENSE"), to = n.s("cast_to", "TO_FLOAT");
  std::vector<int64_t> positions(keys.size());
  if (form == "DENSE") {
    std::iota(positions.begin(), positions.end(), 0);
    std::sort(positions.begin(), positions.end(), [&](int64_t a, int64_t b) {
      return keys[static_cast<size_t>(a)] < keys[static_cast<size_t>(b)];
    });
  } else if (form == "SPARSE") {
    const int64_t size = n.i("max_map", 1);
    if (size < 1 || size > (int64_t{1} << 28)) n.fail("max_map is {}", size);
    positions.assign(static_cast<size_t>(size), -1);
    for (size_t i = 0; i < keys.size(); ++i) {
      if (keys[i] < 0 || keys[i] >= size) n.fail("the key {} is outside [0, {})", keys[i], size);
      positions[static_cast<size_t>(keys[i])] = static_cast<int64_t>(i);
    }
  } else {
    n.fail("map_form '{}' is unknown, expected DENSE or SPARSE", form);
  }
  const Tensor y = picked(map.items[0].tensor, positions);
  const Tensor row = reshape(y, {1, y.shape()[0]});
  if (to == "TO_FLOAT") return {cast_any(n, row, DType::f32)};
  if (to == "TO_INT64") return {cast_any(n, row, DType::i64)};
  if (to == "TO_STRING") return {cast_any(n, row, DType::string)};
  n.fail("cast_to '{}' is unknown, expected TO_FLOAT, TO_INT64 or TO_STRING", to);
}

// The values of a map in the order of a vocabulary.
Outputs dict_vectorizer(const NodeView& n) {
  const Tensor given = class_labels(n, "int64_vocabulary", "string_vocabulary");
  if (!given) n.fail("has no vocabulary");
  const Array words = n.known(given);
  const auto number = [](const Array& a, int64_t i) {  // keys, and ids of texts
    return a.as<int64_t>()[i];
  };
  const auto vector = [&](const Value& value) {
    const Value& map = map_of(n, value, words.dtype);
    std::unordered_map<int64_t, int64_t> places;
    for (int64_t i = 0; i < map.keys.numel(); ++i) places[number(map.keys, i)] = i;
    std::vector<int64_t> positions;
    for (int64_t i = 0; i < words.numel(); ++i) {
      const auto found = places.find(number(words, i));
      positions.push_back(found == places.end() ? -1 : found->second);
    }
    return picked(map.items[0].tensor, positions);
  };
  if (n.value(0).kind != TypeKind::sequence) return {vector(n.value(0))};
  std::vector<Tensor> rows;
  for (const Value& map : n.sequence(0)) rows.push_back(vector(map));
  if (rows.empty()) n.fail("the sequence is empty");
  return {stack(rows)};
}

Outputs zip_map(const NodeView& n) {
  const Tensor x = as_rows(n, n.in(0));
  const Tensor labels = class_labels(n, "classlabels_int64s", "classlabels_strings");
  if (!labels || labels.shape()[0] != x.shape()[1]) {
    n.fail("got {} labels for {} columns", labels ? labels.shape()[0] : 0, x.shape()[1]);
  }
  const Array keys = n.known(labels);
  std::vector<Value> maps;
  for (int64_t i = 0; i < x.shape()[0]; ++i) maps.push_back(Value::map(keys, take(x, 0, i)));
  return {Value::sequence(std::move(maps))};
}

constexpr OperatorRule kRules[] = {
    {"ai.onnx.ml.ArrayFeatureExtractor", array_feature_extractor},
    {"ai.onnx.ml.Binarizer", binarizer},
    {"ai.onnx.ml.CastMap", cast_map},
    {"ai.onnx.ml.CategoryMapper", category_mapper},
    {"ai.onnx.ml.DictVectorizer", dict_vectorizer},
    {"ai.onnx.ml.FeatureVectorizer", feature_vectorizer},
    {"ai.onnx.ml.Imputer", imputer},
    {"ai.onnx.ml.LabelEncoder", label_encoder},
    {"ai.onnx.ml.Normalizer", normalizer},
    {"ai.onnx.ml.OneHotEncoder", one_hot_encoder},
    {"ai.onnx.ml.Scaler", scaler},
    {"ai.onnx.ml.ZipMap", zip_map},
};

}  // namespace

std::span<const OperatorRule> ml_rules() { return kRules; }

}  // namespace suan::onnx
