// The page, and the search's record.
// SPDX-License-Identifier: Apache-2.0
#include "suan/compress/compression_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "suan/base/error.h"
#include "suan/train/report.h"

namespace suan::compress {
namespace {

using train::escaped_html;

std::string summary(const Outcome& o) {
  return fmt::format(
      "<table><tr><th></th><th>{}</th><th>latency</th><th>weights</th></tr>\n"
      "<tr><td>original</td><td>{}</td><td>{:.3f} ms</td><td>{:.3f} MB</td></tr>\n"
      "<tr><td>compressed</td><td>{}</td><td>{:.3f} ms ({:.2f}x)</td><td>{:.3f} MB ({:.2f}x)</td>"
      "</tr></table>\n<p>Drop {:.2f}, with 95 % confidence at most {:.2f}, on {} held-out "
      "examples.{}"
      "</p>\n",
      metric_name(o), metric_text(o.metric_before, o.metric), 1e3 * o.seconds_before,
      o.bytes_before / 1e6, metric_text(o.metric_after, o.metric), 1e3 * o.seconds_after,
      o.seconds_after / o.seconds_before, o.bytes_after / 1e6, o.bytes_after / o.bytes_before,
      o.drop, o.bound, o.examples,
      o.kept ? fmt::format(" {} was promised, which is kept.", drop_text(o.max_drop, o.metric))
             : fmt::format(" {} was promised, which is not kept: {}.",
                           drop_text(o.max_drop, o.metric), escaped_html(o.why_not)));
}

std::string layers_table(const Outcome& o) {
  std::string out =
      "<table><tr><th>layer</th><th>precision</th><th>share of operations</th><th>SQNR in int8"
      "</th></tr>\n";
  for (size_t i = 0; i < o.layers.size(); ++i) {
    const SearchLayer& layer = o.layers[i];
    const auto r = std::ranges::find(o.report, layer.name, &LayerReport::name);
    const bool measured = r != o.report.end() && layer.int8_refused.empty();
    const std::string_view precision =
        !o.chosen.empty()     ? enum_names(LayerPrecision::f32)[static_cast<size_t>(o.chosen[i])]
        : r != o.report.end() ? std::string_view(r->scheme)
                              : "f32";
    out += fmt::format("<tr><td>{}</td><td>{}</td><td>{:.1f} %</td><td>{}</td></tr>\n",
                       escaped_html(layer.name), precision, 100 * layer.share,
                       measured ? fmt::format("{:.1f} dB", r->own) : "");
  }
  return out + "</table>\n";
}

}  // namespace

std::string_view metric_name(const Outcome& o) {
  return enum_names(o.metric)[static_cast<size_t>(o.metric)];
}
std::string metric_text(double value, Metric metric) {
  if (metric == Metric::accuracy) return fmt::format("{:.2f} %", 100 * value);
  return fmt::format("{:.{}f}", value, metric == Metric::cosine ? 5 : 4);
}

std::string to_html(const Outcome& o, const std::string& title, const std::string& machine) {
  std::string out = fmt::format("<p>{}</p>\n", escaped_html(machine));
  out += summary(o);
  train::Curve front{"Pareto front", {}}, tried{"tried", {}};
  tried.dots = front.dots = true;
  tried.line = false;
  for (const Trial& t : o.result.trials) tried.points.emplace_back(t.ratio, t.drop);
  for (const size_t i : pareto_front(o.result.trials)) {
    front.points.emplace_back(o.result.trials[i].ratio, o.result.trials[i].drop);
  }
  if (!front.points.empty()) {
    out += "<h2>What was tried</h2>\n";
    out += train::svg_chart(
        o.metric == Metric::perplexity ? "Drop in % of perplexity" : "Drop in points",
        "cost, as a share of the original's", {tried, front});
  }
  out += "<h2>Layers</h2>\n" + layers_table(o);
  if (!o.result.refused.empty()) out += "<h2>Refused</h2>\n<table>\n";
  for (const Refusal& r : o.result.refused) {
    out +=
        fmt::format("<tr><td>{}</td><td>{}</td></tr>\n", escaped_html(r.what), escaped_html(r.why));
  }
  if (!o.result.refused.empty()) out += "</table>\n";
  return train::html_page(title, out);
}

namespace {

// The assignment as letters: f, b, i.
constexpr std::string_view kLetters = "fbi";

template <class T>
T number(std::string_view& text, const std::string& where, int line) {
  while (!text.empty() && text[0] == ' ') text.remove_prefix(1);
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc()) {
    fail(ErrorCode::kBadFile, where, "line {}: expected a number at '{}'", line, text);
  }
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return value;
}

}  // namespace

std::string to_text(const std::vector<Trial>& trials, const std::vector<SearchLayer>& layers) {
  std::string out = "layers";
  for (const SearchLayer& layer : layers) out += " " + layer.name;
  out += "\n";
  for (const Trial& t : trials) {
    for (const LayerPrecision p : t.assignment) out += kLetters[static_cast<size_t>(p)];
    out += fmt::format(" {} {} {} {} {}\n", t.ratio, t.drop, t.bound, t.examples, t.keeps ? 1 : 0);
  }
  return out;
}

std::vector<Trial> parse_trials(std::string_view text, const std::vector<SearchLayer>& layers,
                                const std::string& where) {
  std::vector<Trial> trials;
  const std::string head = to_text({}, layers);
  if (!text.starts_with(head)) return {};  // of another model
  text.remove_prefix(head.size());
  for (int line = 2; !text.empty(); ++line) {
    std::string_view row = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), row.size() + 1));
    Trial t;
    for (size_t i = 0; i < layers.size(); ++i) {
      const size_t letter = i < row.size() ? kLetters.find(row[i]) : std::string_view::npos;
      if (letter == std::string_view::npos) {
        fail(ErrorCode::kBadFile, where, "line {}: expected {} of the letters {}", line,
             layers.size(), kLetters);
      }
      t.assignment.push_back(static_cast<LayerPrecision>(letter));
    }
    row.remove_prefix(layers.size());
    t.ratio = number<double>(row, where, line);
    t.drop = number<double>(row, where, line);
    t.bound = number<double>(row, where, line);
    t.examples = number<int64_t>(row, where, line);
    t.keeps = number<int>(row, where, line) != 0;
    trials.push_back(std::move(t));
  }
  return trials;
}

}  // namespace suan::compress
