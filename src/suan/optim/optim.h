// All optimizers and schedules.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/optim/adam.h"
#include "suan/optim/adaptive.h"
#include "suan/optim/gradients.h"
#include "suan/optim/loss_scale.h"
#include "suan/optim/muon.h"
#include "suan/optim/optimizer.h"
#include "suan/optim/schedule.h"
#include "suan/optim/sgd.h"
