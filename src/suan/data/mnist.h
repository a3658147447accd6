// MNIST and the sets in its format (Fashion-MNIST, KMNIST): a folder of IDX files.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>
#include <string>

#include "suan/data/dataset.h"

namespace suan::data {

enum class Split { train, test };

// The images u8 [n, 28, 28, 1] and labels of `train-images-idx3-ubyte` and
// `train-labels-idx1-ubyte`, or of `t10k-…` for the test split, each plain or with ".gz". LeCun,
// Cortes and Burges, "The MNIST database of handwritten digits". Throws Error naming the file.
std::shared_ptr<ArrayDataset> mnist(const std::string& folder, Split split = Split::train);

}  // namespace suan::data
