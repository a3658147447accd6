// The keys of a recipe, and what reads and prints them.
// SPDX-License-Identifier: Apache-2.0
#include "suan/train/recipe.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <optional>

#include "suan/base/file.h"
#include "suan/train/internal/toml_values.h"

namespace suan::train {
namespace {

constexpr double kAny = std::numeric_limits<double>::max();
constexpr double kCount = 1e12;

struct Range {
  double low, high;
};

const std::vector<std::string> kDataKinds{"digits", "mnist",     "cifar10", "images",
                                          "text",   "sentences", "graph",   "csv"};

std::vector<std::string> precisions() {
  const auto names = arithmetic_names();
  return {names.begin(), names.end()};
}
std::vector<std::string> schedule_kinds() {
  std::vector<std::string> kinds;
  for (const std::string_view name : enum_names(optim::ScheduleKind{})) kinds.emplace_back(name);
  kinds.emplace_back("plateau");
  return kinds;
}

// The one list of keys. A visitor gets (key, member, range) for numbers and lists of them, (key,
// member, allowed values or none) for strings, (key, Choice) for what has options of its own.
template <class R, class V>
void visit_data(R& r, V& visit) {
  visit("data.kind", r.data.kind, kDataKinds);
  visit("data.path", r.data.path, {});
  visit("data.label", r.data.label, {});
  visit("data.train_samples", r.data.train_samples, Range{0, kCount});
  visit("data.test_samples", r.data.test_samples, Range{0, kCount});
  visit("data.mean", r.data.mean, Range{-1e6, 1e6});
  visit("data.std", r.data.std, Range{1e-6, 1e6});
  visit("data.height", r.data.height, Range{0, 16384});
  visit("data.width", r.data.width, Range{0, 16384});
  visit("data.context", r.data.context, Range{1, 1 << 20});
  visit("data.vocabulary", r.data.vocabulary, Range{3, 1 << 24});
  visit("data.workers", r.data.workers, Range{-1, 1024});
  visit("data.mixup", r.data.mixup, Range{0, 100});
  visit("data.cutmix", r.data.cutmix, Range{0, 100});
}

template <class R, class V>
void visit_train(R& r, V& visit) {
  visit("train.epochs", r.train.epochs, Range{1, 1e6});
  visit("train.steps", r.train.steps, Range{0, kCount});
  visit("train.batch", r.train.batch, Range{1, 1 << 20});
  visit("train.eval_batch", r.train.eval_batch, Range{1, 1 << 20});
  visit("train.precision", r.train.precision, precisions());
  visit("train.seed", r.train.seed, Range{0, 9e15});
  visit("train.from", r.train.from, {});
  visit("train.threads", r.train.threads, Range{0, 1024});
  visit("train.memory_mb", r.train.memory_mb, Range{0, 1e9});
  visit("train.clip_norm", r.train.clip_norm, Range{0, kAny});
  visit("train.accumulate", r.train.accumulate, Range{1, 1 << 20});
  visit("train.ema", r.train.ema, Range{0, 0.9999999});
  visit("train.label_smoothing", r.train.label_smoothing, Range{0, 0.999});
  visit("train.eval_views", r.train.eval_views, Range{1, 2});
  visit("train.eval_every", r.train.eval_every, Range{1, kCount});
  visit("train.checkpoint_every", r.train.checkpoint_every, Range{1, kCount});
  visit("train.patience", r.train.patience, Range{0, kCount});
  visit("train.top_k", r.train.top_k, Range{0, kCount});
  visit("train.log_every", r.train.log_every, Range{1, kCount});
}

template <class R, class V>
void visit_schedule(R& r, V& visit) {
  visit("schedule.kind", r.schedule.kind, schedule_kinds());
  visit("schedule.warmup_steps", r.schedule.warmup_steps, Range{0, kCount});
  visit("schedule.warmup_epochs", r.schedule.warmup_epochs, Range{0, 1e6});
  visit("schedule.min_lr", r.schedule.min_lr, Range{0, kAny});
  visit("schedule.gamma", r.schedule.gamma, Range{1e-12, 1});
  visit("schedule.step_size", r.schedule.step_size, Range{1, kCount});
  visit("schedule.milestones", r.schedule.milestones, Range{0, kCount});
  visit("schedule.rise", r.schedule.rise, Range{0, 1});
  visit("schedule.div_factor", r.schedule.div_factor, Range{1e-6, kAny});
  visit("schedule.final_div_factor", r.schedule.final_div_factor, Range{1e-6, kAny});
  visit("schedule.factor", r.schedule.factor, Range{1e-6, 1});
  visit("schedule.patience", r.schedule.patience, Range{0, kCount});
}

template <class R, class V>
void visit_keys(R& r, V& visit) {
  visit("name", r.name, {});
  visit.choice("model", "name", r.model);
  visit_data(r, visit);
  visit.choices("augment", "kind", r.augment);
  visit.choices("technique", "kind", r.techniques);
  visit.choice("optimizer", "name", r.optimizer);
  visit_schedule(r, visit);
  visit_train(r, visit);
}

class Reader {
 public:
  explicit Reader(std::vector<TomlValue> values) : values_(std::move(values)) {}

  void operator()(const char* key, std::string& target, const std::vector<std::string>& allowed) {
    const TomlValue* value = take(key);
    if (!value) return;
    if (value->kind != TomlKind::string) wrong_type(*value, "a string");
    if (!allowed.empty() &&
        std::find(allowed.begin(), allowed.end(), value->text) == allowed.end()) {
      fail(value->where, "{}: {}", key, unknown_name("value", value->text, allowed));
    }
    target = value->text;
  }
  void operator()(const char* key, int64_t& target, Range range) {
    const TomlValue* value = take(key);
    if (!value) return;
    int64_t number = 0;
    if (value->kind != TomlKind::integer || !detail::read_text(value->text, number)) {
      wrong_type(*value, "an integer");
    }
    check_range(*value, static_cast<double>(number), range);
    target = number;
  }
  void operator()(const char* key, double& target, Range range) {
    const TomlValue* value = take(key);
    if (!value) return;
    double number = 0;
    const bool numeric = value->kind == TomlKind::integer || value->kind == TomlKind::number;
    if (!numeric || !detail::read_text(value->text, number)) wrong_type(*value, "a number");
    check_range(*value, number, range);
    target = number;
  }
  template <class T>
  void operator()(const char* key, std::vector<T>& target, Range range) {
    const TomlValue* value = take(key);
    if (!value) return;
    std::vector<T> list;
    if (value->kind != TomlKind::list || !detail::read_text(value->text, list)) {
      wrong_type(*value, std::is_integral_v<T> ? "a list of integers" : "a list of numbers");
    }
    for (const T v : list) check_range(*value, static_cast<double>(v), range);
    target = list;
  }

  void choice(const std::string& section, const std::string& name_key, Choice& target) {
    known_.push_back(section + "." + name_key);
    const std::string prefix = section + ".";
    for (TomlValue& value : values_) {
      if (!value.key.starts_with(prefix)) continue;
      const std::string option = value.key.substr(prefix.size());
      if (option == name_key) {
        if (value.kind != TomlKind::string) wrong_type(value, "a string");
        if (target.name != value.text) target.options.clear();
        target.name = value.text;
        value.key.clear();
      }
    }
    for (TomlValue& value : values_) {
      if (!value.key.starts_with(prefix)) continue;
      target.options[value.key.substr(prefix.size())] = {value.text, value.kind == TomlKind::string,
                                                         value.where};
      value.key.clear();
    }
  }
  void choices(const std::string& section, const std::string& name_key,
               std::vector<Choice>& target) {
    for (int i = 0;; ++i) {
      const std::string one = fmt::format("{}.{}", section, i);
      const auto belongs = [&](const TomlValue& v) { return v.key.starts_with(one + "."); };
      const auto first = std::find_if(values_.begin(), values_.end(), belongs);
      if (first == values_.end()) break;
      const std::string where = first->where;
      if (i >= static_cast<int>(target.size())) target.emplace_back();
      Choice& element = target[static_cast<size_t>(i)];
      choice(one, name_key, element);
      if (element.name.empty()) fail(where, "{} has no '{}'", one, name_key);
    }
    known_.push_back(section);
  }

  void check_all_taken() const {
    for (const TomlValue& value : values_) {
      if (!value.key.empty()) {
        fail(value.where, "{}", unknown_name("key", value.key, known_));
      }
    }
  }

 private:
  // The last of that key, so that a setting wins over the file; all of them count as taken.
  const TomlValue* take(const char* key) {
    known_.emplace_back(key);
    const TomlValue* found = nullptr;
    for (TomlValue& value : values_) {
      if (value.key != key) continue;
      value.key.clear();
      found = &value;
    }
    current_ = key;
    return found;
  }
  [[noreturn]] void wrong_type(const TomlValue& value, const char* expected) const {
    const std::string name = value.key.empty() ? current_ : value.key;
    const std::string text = value.kind == TomlKind::string ? quoted_toml(value.text) : value.text;
    fail(value.where, "{} is {} ({}), expected {}", name, text, to_string(value.kind), expected);
  }
  void check_range(const TomlValue& value, double number, Range range) const {
    if (number >= range.low && number <= range.high) return;
    if (range.high >= kCount) {
      fail(value.where, "{} is {}, expected {} or more", current_, value.text, range.low);
    }
    fail(value.where, "{} is {}, expected {} to {}", current_, value.text, range.low, range.high);
  }

  std::vector<TomlValue> values_;
  std::vector<std::string> known_;
  std::string current_;
};

class Printer {
 public:
  void operator()(std::string_view key, const std::string& value, const std::vector<std::string>&) {
    line(key, quoted_toml(value));
  }
  void operator()(std::string_view key, int64_t value, Range) { line(key, std::to_string(value)); }
  void operator()(std::string_view key, double value, Range) {
    line(key, fmt::format("{}", value));
  }
  template <class T>
  void operator()(std::string_view key, const std::vector<T>& values, Range) {
    line(key, fmt::format("[{}]", fmt::join(values, ", ")));
  }
  void choice(std::string_view section, std::string_view name_key, const Choice& value) {
    line(fmt::format("{}.{}", section, name_key), quoted_toml(value.name));
    options(value);
  }
  void choices(std::string_view section, std::string_view name_key,
               const std::vector<Choice>& values) {
    for (const Choice& value : values) {
      out_ += fmt::format("\n[[{}]]\n{} = {}\n", section, name_key, quoted_toml(value.name));
      section_ = section;
      options(value);
    }
  }
  std::string take() { return std::move(out_); }

 private:
  void options(const Choice& value) {
    for (const auto& [name, option] : value.options) {
      out_ +=
          fmt::format("{} = {}\n", name, option.string ? quoted_toml(option.text) : option.text);
    }
  }
  void line(std::string_view key, const std::string& value) {
    const size_t dot = key.find('.');
    const std::string_view section = dot == std::string_view::npos ? "" : key.substr(0, dot);
    if (section != section_) out_ += fmt::format("\n[{}]\n", section);
    section_ = section;
    out_ += fmt::format("{} = {}\n", section.empty() ? key : key.substr(dot + 1), value);
  }
  std::string out_;
  std::string section_;
};

void check_lengths(const Recipe& recipe, const std::string& name) {
  if (recipe.data.mean.empty() || recipe.data.mean.size() != recipe.data.std.size()) {
    fail(name, "data.mean has {} values and data.std {}, expected as many, and at least one",
         recipe.data.mean.size(), recipe.data.std.size());
  }
  const bool plain = !recipe.name.empty() && recipe.name.size() <= 100 && recipe.name[0] != '.' &&
                     recipe.name.find('/') == std::string::npos;
  if (!plain) fail(name, "name is {}, expected a plain file name", quoted_toml(recipe.name));
}

}  // namespace

Arithmetic Recipe::precision() const { return *parse_arithmetic(train.precision); }

Recipe parse_recipe(std::string_view text, const std::string& name,
                    const std::vector<std::string>& settings) {
  std::vector<TomlValue> values = parse_toml(text, name);
  for (const std::string& setting : settings) values.push_back(parse_setting(setting));
  Recipe recipe;
  Reader reader(std::move(values));
  visit_keys(recipe, reader);
  reader.check_all_taken();
  check_lengths(recipe, name);
  return recipe;
}

std::string to_toml(const Recipe& recipe) {
  Printer printer;
  visit_keys(recipe, printer);
  return printer.take();
}

Recipe load_recipe(const std::string& file_or_name, const std::vector<std::string>& settings) {
  if (std::filesystem::is_regular_file(file_or_name)) {
    return parse_recipe(read_file(file_or_name, size_t{1} << 20), file_or_name, settings);
  }
  if (const std::string_view text = recipe_text(file_or_name); !text.empty()) {
    return parse_recipe(text, file_or_name + ".toml", settings);
  }
  if (file_or_name.ends_with(".toml")) {
    fail(ErrorCode::kBadFile, file_or_name, "there is no such file");
  }
  fail("recipe", "{}", unknown_name("recipe", file_or_name, recipe_names()));
}

std::string expand_path(const std::string& path, std::string_view where) {
  std::string out;
  for (size_t i = 0; i < path.size(); ++i) {
    if (path[i] != '$' || (i > 0 && path[i - 1] != '/')) {
      out += path[i];
      continue;
    }
    size_t end = i + 1;
    while (end < path.size() && path[end] != '/') ++end;
    const std::string variable = path.substr(i + 1, end - i - 1);
    const char* value = std::getenv(variable.c_str());
    if (!value || !*value) {
      fail(where, "'{}' needs the environment variable {}, which is not set", path, variable);
    }
    out += value;
    i = end - 1;
  }
  return out;
}

}  // namespace suan::train
