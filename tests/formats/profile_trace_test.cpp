// Trace files of profiles, as text.
// SPDX-License-Identifier: Apache-2.0
#include "suan/formats/profile_trace.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "suan/base/file.h"
#include "suan/formats/trace_events.h"
#include "tests/temp_folder.h"

namespace suan::formats {
namespace {

TEST(TraceEvents, HaveCountersAndTracksWithNames) {
  const TempFolder folder;
  write_trace(folder / "t.json", {},
              {{.name = "memory", .time = 2e-6, .values = {{"a", 1.0}, {"b", 2.0}}}},
              {{3, "queue"}});
  EXPECT_EQ(read_file(folder / "t.json"),
            R"({"displayTimeUnit": "ms", "traceEvents": [
{"name":"thread_name","ph":"M","pid":1,"tid":3,"args":{"name":"queue"}},
{"name":"memory","ph":"C","ts":2.0,"pid":1,"args":{"a":1.0,"b":2.0}}
]}
)");
}

class ProfileTrace : public testing::Test {
 protected:
  // Of a program of two steps that take 2 and 4 microseconds.
  void SetUp() override {
    program_ = Program::build(parse_graph("graph {\n  %0 = input() {label=\"x\"} : f32[4, 8]\n"
                                          "  %1 = relu(%0) : f32[4, 8]\n"
                                          "  %2 = sum(%1) {axes=[0], keep=false} : f32[8]\n"
                                          "  return %2\n}\n"),
                              cpu_backend());
    profile_.steps = explain_steps(*program_);
    ASSERT_EQ(profile_.steps.size(), 2u);
    profile_.steps[0].seconds = 2e-6;
    profile_.steps[1].seconds = 4e-6;
  }
  std::string written() const {
    write_profile_trace(folder_ / "t.json", *program_, profile_, {.gflops = 1, .gbytes = 0.256});
    return read_file(folder_ / "t.json");
  }
  const TempFolder folder_;
  std::shared_ptr<const Program> program_;
  Profile profile_;
};

using testing::HasSubstr;
using testing::Not;

TEST_F(ProfileTrace, PutsStepsOneAfterAnotherWhereNothingTellsMore) {
  const std::string text = written();
  EXPECT_THAT(
      text, HasSubstr(R"("name":"relu","cat":"step","ph":"X","ts":0.0,"dur":2.0,"pid":1,"tid":0)"));
  EXPECT_THAT(text, HasSubstr(R"("name":"sum","cat":"step","ph":"X","ts":2.0,"dur":4.0)"));
  // 32 elements, 256 bytes read and written: a microsecond at 0.256 GB/s
  EXPECT_THAT(text, HasSubstr(R"("GFLOP/s":"0.0","GB/s":"0.1","% roofline":"50.0")"));
  EXPECT_THAT(
      text,
      HasSubstr(
          R"({"name":"memory in bytes","ph":"C","ts":0.0,"pid":1,"args":{"constants and states":0.0,"inputs and results":160.0,"activations and scratch":128.0}})"));
  EXPECT_THAT(
      text,
      HasSubstr(
          R"("ts":6.0,"pid":1,"args":{"constants and states":0.0,"inputs and results":160.0,"activations and scratch":0.0}})"));
}

TEST_F(ProfileTrace, PutsActivitiesOnTracksOfTheirQueues) {
  profile_.activities = {
      {.kind = Activity::copy,
       .name = "copy",
       .begin = 10'000,
       .end = 11'000,
       .bytes = 64,
       .queue = 20},
      {.name = "first", .step = 0, .begin = 12'000, .end = 13'000, .queue = 13},
      {.name = "second", .step = 0, .begin = 15'000, .end = 16'000, .queue = 13}};
  const std::string text = written();
  EXPECT_THAT(text, HasSubstr(R"("name":"relu","cat":"step","ph":"X","ts":2.0,"dur":4.0)"));
  EXPECT_THAT(text, Not(HasSubstr(R"("name":"sum")")));  // nothing was done for it
  EXPECT_THAT(
      text,
      HasSubstr(
          R"({"name":"copy","cat":"copy","ph":"X","ts":0.0,"dur":1.0,"pid":1,"tid":1,"args":{"bytes":"64"}})"));
  EXPECT_THAT(
      text,
      HasSubstr(
          R"({"name":"second","cat":"kernel","ph":"X","ts":5.0,"dur":1.0,"pid":1,"tid":2,"args":{"step":"0","node":"relu"}})"));
  EXPECT_THAT(text, HasSubstr(R"("tid":2,"args":{"name":"queue 13"}})"));
  EXPECT_THAT(text, HasSubstr(R"("name":"memory in bytes","ph":"C","ts":2.0)"));
}

}  // namespace
}  // namespace suan::formats
