// The kernels of src/suan/backend/cuda/kernels as functions of this program.
// SPDX-License-Identifier: Apache-2.0
#include "tests/emulate/words.h"
//
#include "suan/backend/cuda/kernels/device.cuh"
//
#include "tests/emulate/halves.h"
//
#include "tests/emulate/mma.h"
//
#include "suan/backend/cuda/kernels/rows.cuh"
//
#include "suan/backend/cuda/kernels/attention.cu"
#include "suan/backend/cuda/kernels/batch_norm.cu"
#include "suan/backend/cuda/kernels/cross_entropy.cu"
#include "suan/backend/cuda/kernels/csr.cu"
#include "suan/backend/cuda/kernels/cumsum.cu"
#include "suan/backend/cuda/kernels/fill.cu"
#include "suan/backend/cuda/kernels/gather.cu"
#include "suan/backend/cuda/kernels/move.cu"
#include "suan/backend/cuda/kernels/norm.cu"
#include "suan/backend/cuda/kernels/pool.cu"
#include "suan/backend/cuda/kernels/random.cu"
#include "suan/backend/cuda/kernels/reduce_floats.cu"
#include "suan/backend/cuda/kernels/reduce_integers.cu"
#include "suan/backend/cuda/kernels/reduce_statistics.cu"
#include "suan/backend/cuda/kernels/resize.cu"
#include "suan/backend/cuda/kernels/rotary.cu"
#include "suan/backend/cuda/kernels/scatter.cu"
#include "suan/backend/cuda/kernels/softmax.cu"
#include "suan/backend/cuda/kernels/sort.cu"
#include "suan/backend/cuda/kernels/top_k.cu"
