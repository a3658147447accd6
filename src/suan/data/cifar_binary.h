// CIFAR-10 in its binary form.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>
#include <string>

#include "suan/data/mnist.h"

namespace suan::data {

// The images u8 [n, 32, 32, 3] and labels of data_batch_1.bin to data_batch_5.bin, or of
// test_batch.bin: records of one label byte and 3 x 32 x 32 pixels, one colour after another.
// Krizhevsky, "Learning multiple layers of features from tiny images", 2009. Throws Error naming
// the file.
std::shared_ptr<ArrayDataset> cifar_binary(const std::string& folder, Split split = Split::train);

}  // namespace suan::data
