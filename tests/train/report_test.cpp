// The report page, the progress line and trace files.
// SPDX-License-Identifier: Apache-2.0
#include "suan/train/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "suan/base/file.h"
#include "suan/formats/trace_events.h"
#include "suan/train/progress_bar.h"
#include "tests/temp_folder.h"

namespace suan::train {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(Report, HoldsEverythingInOnePage) {
  ConfusionMatrix confusion(2);
  confusion.add(0, 0);
  confusion.add(1, 0);
  Array image(DType::u8, {2, 2, 1});
  std::fill_n(image.as<uint8_t>(), 4, uint8_t{7});
  Report report{.title = "<b>",
                .summary = {.run = "runs/x-1", .accuracy = 0.5, .loss = 0.25},
                .history = {{.epoch = 0.5, .train_loss = 2},
                            {1, 1, true, 0.5, 0.4, 0.5},
                            {2, NAN, true, 0.25, 0.6, 0.5}},
                .confusion = &confusion,
                .class_names = {"cat", "dog"},
                .samples = {{image, "cat", "dog", 0.9}},
                .machine = "a machine",
                .peak_gflops = 100};
  const std::string page = to_html(report);
  EXPECT_THAT(page, HasSubstr("<h1>&lt;b&gt;</h1>"));
  EXPECT_THAT(page, HasSubstr("50.00 %"));
  EXPECT_THAT(page, HasSubstr("data:image/png;base64,iVBORw0KGgo"));
  EXPECT_THAT(page, HasSubstr("dog (90.0 %), is cat"));
  EXPECT_THAT(page, HasSubstr("<polyline"));
  EXPECT_THAT(page, HasSubstr("a machine"));
  EXPECT_THAT(page, Not(HasSubstr("http")));
  EXPECT_THAT(page, Not(HasSubstr("nan,")));
}

TEST(Report, EncodesBase64) {
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("fo"), "Zm8=");
  EXPECT_EQ(base64("foobar"), "Zm9vYmFy");
}

TEST(Report, ChartsOfNothingAndOfOnePointAreValid) {
  EXPECT_THAT(svg_chart("Loss", "epoch", {{"a", {}}}), HasSubstr("</svg>"));
  EXPECT_THAT(svg_chart("Loss", "epoch", {{"a", {{1, 1}}}}), HasSubstr("</svg>"));
}

TEST(ProgressBar, SaysWhereItIs) {
  const ProgressLine line{.label = "epoch 2/4",
                          .share = 0.62,
                          .loss = 0.0841,
                          .accuracy = 0.9812,
                          .rate = 41203.4,
                          .unit = "images",
                          .percent_of_peak = 55,
                          .seconds_left = 7.9};
  EXPECT_EQ(to_text(line, false),
            "epoch 2/4  62 %  loss 0.0841  accuracy 98.12 %  41203 images/s  55.0 % of peak  0:07 "
            "left");
  EXPECT_EQ(clock_text(3723), "1:02:03");
  EXPECT_EQ(clock_text(NAN), "0:00");
}

TEST(Trace, IsJsonThatPerfettoOpens) {
  const TempFolder folder;
  formats::write_trace(folder / "t.json", {{.name = "a \"b\"", .duration = 2e-6},
                                           {.name = "c",
                                            .category = "kernel",
                                            .start = 2e-6,
                                            .duration = 1e-6,
                                            .details = {{"kernel", "fast"}}}});
  EXPECT_EQ(read_file(folder / "t.json"),
            R"({"displayTimeUnit": "ms", "traceEvents": [
{"name":"a \"b\"","cat":"","ph":"X","ts":0.0,"dur":2.0,"pid":1,"tid":0,"args":{}},
{"name":"c","cat":"kernel","ph":"X","ts":2.0,"dur":1.0,"pid":1,"tid":0,"args":{"kernel":"fast"}}
]}
)");
}

}  // namespace
}  // namespace suan::train
