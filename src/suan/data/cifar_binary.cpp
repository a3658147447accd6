// Records of 3,073 bytes.
// SPDX-License-Identifier: Apache-2.0
#include "suan/data/cifar_binary.h"

#include "suan/base/error.h"
#include "suan/base/file.h"

namespace suan::data {

std::shared_ptr<ArrayDataset> cifar_binary(const std::string& folder, Split split) {
  constexpr size_t kPixels = 32 * 32, kRecord = 1 + 3 * kPixels;
  constexpr int64_t kClasses = 10;
  std::vector<std::string> names{"test_batch.bin"};
  if (split == Split::train) {
    names.clear();
    for (int i = 1; i <= 5; ++i) names.push_back(fmt::format("data_batch_{}.bin", i));
  }
  std::string records;
  for (const std::string& name : names) {
    const std::string path = folder + "/" + name;
    const std::string bytes = read_file(path, size_t{1} << 30);
    if (bytes.size() % kRecord != 0) {
      fail(ErrorCode::kBadFile, path, "has {} bytes, expected a multiple of {}", bytes.size(),
           kRecord);
    }
    for (size_t i = 0; i < bytes.size(); i += kRecord) {
      if (static_cast<uint8_t>(bytes[i]) >= kClasses) {
        fail(ErrorCode::kOutOfRange, path, "label {} of image {} is out of range for {} classes",
             static_cast<uint8_t>(bytes[i]), i / kRecord, kClasses);
      }
    }
    records += bytes;
  }
  const auto count = static_cast<int64_t>(records.size() / kRecord);
  Array images(DType::u8, {count, 32, 32, 3}), labels(DType::i64, {count});
  uint8_t* out = images.as<uint8_t>();
  for (int64_t i = 0; i < count; ++i) {
    const char* record = records.data() + static_cast<size_t>(i) * kRecord;
    labels.as<int64_t>()[i] = static_cast<uint8_t>(record[0]);
    for (size_t p = 0; p < kPixels; ++p) {
      for (size_t c = 0; c < 3; ++c) *out++ = static_cast<uint8_t>(record[1 + c * kPixels + p]);
    }
  }
  return std::make_shared<ArrayDataset>(
      images, labels,
      ArrayDataset::Options{.image = true,
                            .num_classes = kClasses,
                            .classes = {"airplane", "automobile", "bird", "cat", "deer", "dog",
                                        "frog", "horse", "ship", "truck"}});
}

}  // namespace suan::data
