// All layers.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/nn/activation.h"
#include "suan/nn/attention.h"
#include "suan/nn/conv.h"
#include "suan/nn/dropout.h"
#include "suan/nn/embedding.h"
#include "suan/nn/init.h"
#include "suan/nn/linear.h"
#include "suan/nn/module.h"
#include "suan/nn/norm.h"
#include "suan/nn/pool.h"
#include "suan/nn/recurrent.h"
#include "suan/nn/sequential.h"
#include "suan/nn/state_dict.h"
#include "suan/nn/transformer.h"
