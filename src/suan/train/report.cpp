// The page.
// SPDX-License-Identifier: Apache-2.0
#include "suan/train/report.h"

#include <fmt/format.h>

#include <algorithm>

#include "suan/formats/image.h"

namespace suan::train {
namespace {

constexpr const char* kStyle = R"(
body { font: 15px/1.5 system-ui, sans-serif; max-width: 980px; margin: 2em auto; padding: 0 1em;
       color: #1f2937; background: #fff; }
h1 { font-size: 1.6em; margin-bottom: .2em } h2 { font-size: 1.15em; margin-top: 1.8em }
.facts { display: flex; flex-wrap: wrap; gap: 12px }
.facts div { background: #f3f4f6; border-radius: 8px; padding: 10px 16px }
.facts b { display: block; font-size: 1.35em }
svg text { font: 12px system-ui, sans-serif; fill: #4b5563 } svg .title { font-weight: 600 }
svg .grid { stroke: #e5e7eb }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
td, th { padding: 3px 10px; text-align: right; font-weight: 400 } th { color: #6b7280 }
.samples { display: flex; flex-wrap: wrap; gap: 12px }
figure { margin: 0; text-align: center } figcaption { font-size: 13px }
figure img { width: 84px; height: 84px; image-rendering: pixelated; border-radius: 4px }
.wrong { color: #dc2626; font-weight: 600 }
.bar { height: 14px; background: #e5e7eb; border-radius: 7px; overflow: hidden; max-width: 460px }
.bar div { height: 100%; background: #2563eb }
)";

std::string fact(const std::string& value, const std::string& name) {
  return fmt::format("<div><b>{}</b>{}</div>\n", escaped_html(value), escaped_html(name));
}

std::string facts(const Report& r) {
  const TrainSummary& s = r.summary;
  std::string out = "<div class='facts'>\n";
  if (s.accuracy) out += fact(fmt::format("{:.2f} %", 100 * *s.accuracy), "test accuracy");
  out += fact(fmt::format("{:.4f}", s.loss), "test loss");
  out += fact(fmt::format("{:.1f} s", s.seconds), "time");
  out += fact(fmt::format("{:.0f}", s.samples_per_second), "images a second in training");
  return out + "</div>\n";
}

std::string curves(const std::vector<HistoryPoint>& history) {
  Curve step_loss{"train", {}}, eval_loss{"test", {}};
  Curve train_accuracy{"train", {}}, eval_accuracy{"test", {}};
  const bool steps = std::any_of(history.begin(), history.end(),
                                 [](const HistoryPoint& p) { return !p.evaluated; });
  for (const HistoryPoint& p : history) {
    // At an evaluation it is the mean since the last one: no point of a curve of steps.
    if (!p.evaluated || !steps) step_loss.points.emplace_back(p.epoch, p.train_loss);
    if (!p.evaluated) continue;
    eval_loss.points.emplace_back(p.epoch, p.eval_loss);
    train_accuracy.points.emplace_back(p.epoch, p.train_accuracy);
    eval_accuracy.points.emplace_back(p.epoch, p.eval_accuracy);
  }
  return svg_chart("Loss", "epoch", {step_loss, eval_loss}) +
         svg_chart("Accuracy", "epoch", {train_accuracy, eval_accuracy}, true);
}

std::string confusion_table(const ConfusionMatrix& m, const std::vector<std::string>& names) {
  int64_t largest = 1;
  for (int64_t i = 0; i < m.classes(); ++i) {
    for (int64_t j = 0; j < m.classes(); ++j) {
      if (i != j) largest = std::max(largest, m.at(i, j));
    }
  }
  std::string out = "<table><tr><th>label \\ prediction</th>";
  for (const std::string& name : names) out += fmt::format("<th>{}</th>", escaped_html(name));
  out += "<th>F1</th></tr>\n";
  for (int64_t i = 0; i < m.classes(); ++i) {
    out += fmt::format("<tr><th>{}</th>", escaped_html(names[static_cast<size_t>(i)]));
    for (int64_t j = 0; j < m.classes(); ++j) {
      const double share = static_cast<double>(m.at(i, j)) / static_cast<double>(largest);
      const char* colour = i == j ? "22, 163, 74" : "220, 38, 38";
      const double alpha = i == j ? 0.25 : m.at(i, j) == 0 ? 0 : 0.1 + 0.5 * share;
      out += fmt::format("<td style='background: rgba({}, {:.2f})'>{}</td>", colour, alpha,
                         m.at(i, j));
    }
    out += fmt::format("<td>{:.4f}</td></tr>\n", m.f1(i));
  }
  return out + "</table>\n";
}

std::string sample_figures(const std::vector<ReportSample>& samples) {
  std::string out = "<div class='samples'>\n";
  for (const ReportSample& s : samples) {
    const bool right = s.label == s.prediction;
    out += fmt::format(
        "<figure><img alt='{0}' src='data:image/png;base64,{1}'><figcaption{2}>{3} ({4:.1f} %){5}"
        "</figcaption></figure>\n",
        escaped_html(s.label), base64(formats::encode_png(s.image)), right ? "" : " class='wrong'",
        escaped_html(s.prediction), 100 * s.probability,
        right ? "" : ", is " + escaped_html(s.label));
  }
  return out + "</div>\n";
}

std::string stages_table(const std::vector<ReportStage>& stages) {
  std::string out =
      "<table><tr><th>stage</th><th>accuracy</th><th>size</th><th>latency</th><th>file</th></tr>\n";
  for (const ReportStage& s : stages) {
    const ReportStage& first = stages.front();
    out += fmt::format(
        "<tr><td>{}</td><td>{:.2f} %</td><td>{:.1f} kB ({:.2f}x)</td><td>{:.1f} µs ({:.2f}x)</td>"
        "<td>{}</td></tr>\n",
        escaped_html(s.name), 100 * s.accuracy, s.bytes / 1e3, s.bytes / first.bytes,
        1e6 * s.seconds, s.seconds / first.seconds, escaped_html(s.file));
  }
  return out + "</table>\n";
}

std::string throughput(const Report& r) {
  const double share = std::clamp(r.summary.percent_of_peak, 0.0, 100.0);
  return fmt::format(
      "<p>{:.1f} of {:.1f} GFLOP/s: {:.1f} % of what {} reaches in registers.</p>"
      "<div class='bar'><div style='width: {:.1f}%'></div></div>\n",
      r.summary.gflops, r.peak_gflops, r.summary.percent_of_peak, escaped_html(r.machine), share);
}

}  // namespace

std::string escaped_html(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string base64(std::string_view bytes) {
  static constexpr char kLetters[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t group = 0;
    const size_t count = std::min<size_t>(3, bytes.size() - i);
    for (size_t k = 0; k < 3; ++k) {
      group = group << 8 | (k < count ? static_cast<unsigned char>(bytes[i + k]) : 0);
    }
    for (size_t k = 0; k < 4; ++k) {
      out += k <= count ? kLetters[group >> (18 - 6 * k) & 63] : '=';
    }
  }
  return out;
}

std::string html_page(const std::string& title, const std::string& body) {
  return fmt::format(
      "<!doctype html>\n<html lang='en'><head><meta charset='utf-8'>\n<title>{0}</title>\n"
      "<style>{1}</style></head><body>\n<h1>{0}</h1>\n{2}</body></html>\n",
      escaped_html(title), kStyle, body);
}

std::string to_html(const Report& r) {
  std::string out = fmt::format("<p>Run {}</p>\n", escaped_html(r.summary.run)) + facts(r);
  if (!r.stages.empty()) out += "<h2>From training to use</h2>\n" + stages_table(r.stages);
  out += "<h2>Training</h2>\n" + curves(r.history);
  out += "<h2>Throughput</h2>\n" + throughput(r);
  if (!r.samples.empty())
    out += "<h2>Predictions on test images</h2>\n" + sample_figures(r.samples);
  if (r.confusion) {
    out += "<h2>Confusion matrix</h2>\n" + confusion_table(*r.confusion, r.class_names);
  }
  return html_page(r.title, out);
}

}  // namespace suan::train
