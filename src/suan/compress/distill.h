// Distillation: a training that learns from a larger trained model beside its labels.
// Hinton, Vinyals and Dean, "Distilling the knowledge in a neural network", 2015; Zagoruyko and
// Komodakis, "Paying more attention to attention", ICLR 2017.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "suan/train/technique.h"

namespace suan::compress {

struct DistillOptions {
  std::string teacher;     // the folder of a run, or an .onnx file
  double temperature = 4;  // T
  double alpha = 0.9;
  double hidden = 0, attention = 0;
  std::vector<std::string> pairs;  // "student's layer=teacher's"; none: feature maps of equal size
};

// T^2 KL(softmax(teacher / T) || softmax(student / T)) of class scores [..., classes], the mean
// over rows.
Tensor soft_loss(const Tensor& student, const Tensor& teacher, double temperature);
// The mean of (student - teacher)^2, of equal shapes.
Tensor hidden_loss(const Tensor& student, const Tensor& teacher);
// The mean of (q(student) - q(teacher))^2 of feature maps [n, channels, ...] that have all sizes
// but the channels in common: q is the mean of squares over the channels, as a vector of length 1
// for each sample.
Tensor attention_loss(const Tensor& student, const Tensor& teacher);

// Technique "distill": (1 - alpha) loss + alpha soft_loss + the sum over pairs of hidden times
// hidden_loss and attention times attention_loss. The teacher is part of the step as it is in
// evaluation, its weights constants. Only training needs it: it is opened when that begins. Throws
// Error for an option that does not fit; and, when training begins, what teacher.h and
// hidden_values.h say, and where class counts or shapes differ.
std::unique_ptr<train::Technique> make_distill(const train::Options& options);

}  // namespace suan::compress
