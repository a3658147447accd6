// Names that were mistyped.
// SPDX-License-Identifier: Apache-2.0
#include "suan/base/nearest.h"

#include <gtest/gtest.h>

#include <vector>

namespace suan {
namespace {

TEST(NearestName, IsTheOneWithTheFewestEdits) {
  const std::vector<std::string> names{"classes", "channels", "depth"};
  EXPECT_EQ(nearest_name("clases", names), "classes");
  EXPECT_EQ(nearest_name("chanels", names), "channels");
  EXPECT_EQ(nearest_name("dpeth", names), "depth");
  EXPECT_EQ(nearest_name("momentum", names), "");
  EXPECT_EQ(nearest_name(std::string(100'000, 'x'), names), "");
  EXPECT_EQ(unknown_name("option", "clases", names),
            "there is no option 'clases', did you mean 'classes'?");
  EXPECT_EQ(unknown_name("option", "x", names),
            "there is no option 'x', expected one of classes, channels, depth");
  const std::string many =
      unknown_name("weight", "x", std::vector<std::string>(50, "layers.0.weight"));
  EXPECT_TRUE(many.ends_with(", layers.0.weight, ... (50 in all)")) << many;
}

}  // namespace
}  // namespace suan
