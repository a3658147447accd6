// EXPECT_ERROR(statement, code, "text"): the statement throws suan::Error with that code and
// exactly that text.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <gtest/gtest.h>

#include "suan/base/error.h"

#define EXPECT_ERROR(statement, expected_code, text)           \
  try {                                                        \
    statement;                                                 \
    ADD_FAILURE() << "no error, expected: " << (text);         \
  } catch (const ::suan::Error& error) {                       \
    EXPECT_EQ(std::string(error.what()), (text));              \
    EXPECT_EQ(error.code(), ::suan::ErrorCode::expected_code); \
  }
