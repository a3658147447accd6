// report.html: what a training did, as one page that needs no network and no scripts.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "suan/base/array.h"
#include "suan/train/metrics.h"
#include "suan/train/trainer.h"

namespace suan::train {

struct ReportSample {
  Array image;  // u8 [h, w, c]
  std::string label, prediction;
  double probability = 0;
};

// A form of the model on its way to where it is used.
struct ReportStage {
  std::string name, file;
  double accuracy = 0, bytes = 0, seconds = 0;  // on held-out data; of the file; of one sample
};

struct Report {
  std::string title;
  TrainSummary summary;
  std::vector<HistoryPoint> history;
  const ConfusionMatrix* confusion = nullptr;
  std::vector<std::string> class_names;
  std::vector<ReportSample> samples;
  std::vector<ReportStage> stages;
  std::string machine;     // "AMD EPYC, 2 threads"
  double peak_gflops = 0;  // of the machine
};

std::string to_html(const Report& report);
// A whole page with this title, which is escaped, and the body after it.
std::string html_page(const std::string& title, const std::string& body);

// A curve of an SVG chart: a name and points in rising x. Values that are not finite are left out.
struct Curve {
  std::string name;
  std::vector<std::pair<double, double>> points;
  bool line = true, dots = false;
};
std::string svg_chart(const std::string& title, const std::string& x_axis,
                      const std::vector<Curve>& curves, bool percent = false);

// Text with the characters that HTML gives a meaning as entities.
std::string escaped_html(std::string_view text);
std::string base64(std::string_view bytes);

}  // namespace suan::train
