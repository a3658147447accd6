// Loops that do nothing but multiply and add in registers, for each kind of arithmetic, and a copy
// loop.
// SPDX-License-Identifier: Apache-2.0
#include "suan/target/machine.h"

#include <immintrin.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <vector>

#include "suan/base/buffer.h"
#include "suan/base/file.h"
#include "suan/base/threads.h"

namespace suan {
namespace {

using Clock = std::chrono::steady_clock;
double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Independent sums, enough to cover the latency on both ports. They are variables, since a compiler
// may keep an array in memory, and the loop would then measure loads and stores.
#define SUAN_CHAINS(DO) \
  DO(a0) DO(a1) DO(a2) DO(a3) DO(a4) DO(a5) DO(a6) DO(a7) DO(a8) DO(a9) DO(a10) DO(a11)
constexpr int kChains = 12;

// Each loop returns operations done; `sink` keeps the compiler from dropping the work.
#define SUAN_PEAK_LOOP(NAME, TARGET, VECTOR, START, STEP, PER_STEP, FIRST)                     \
  __attribute__((target(TARGET))) double NAME(int64_t rounds, volatile float* sink) {          \
    VECTOR a0 = START, a1 = a0, a2 = a0, a3 = a0, a4 = a0, a5 = a0, a6 = a0, a7 = a0, a8 = a0, \
           a9 = a0, a10 = a0, a11 = a0;                                                        \
    for (int64_t r = 0; r < rounds; ++r) {                                                     \
      SUAN_CHAINS(STEP)                                                                        \
      asm volatile(""                                                                          \
                   : "+v"(a0), "+v"(a1), "+v"(a2), "+v"(a3), "+v"(a4), "+v"(a5), "+v"(a6),     \
                     "+v"(a7), "+v"(a8), "+v"(a9), "+v"(a10), "+v"(a11));                      \
    }                                                                                          \
    SUAN_CHAINS(FIRST)                                                                         \
    return static_cast<double>(rounds) * kChains * (PER_STEP);                                 \
  }

#define SUAN_FIRST_512(a) *sink = *sink + _mm512_cvtss_f32(a);
#define SUAN_FMA_512(a) a = _mm512_fmadd_ps(a, _mm512_set1_ps(0.999f), _mm512_set1_ps(0.001f));
SUAN_PEAK_LOOP(fma_512, "avx512f", __m512, _mm512_set1_ps(1.0f), SUAN_FMA_512, 32, SUAN_FIRST_512)
#define SUAN_FIRST_256(a) *sink = *sink + _mm256_cvtss_f32(a);
#define SUAN_FMA_256(a) a = _mm256_fmadd_ps(a, _mm256_set1_ps(0.999f), _mm256_set1_ps(0.001f));
SUAN_PEAK_LOOP(fma_256, "avx2,fma", __m256, _mm256_set1_ps(1.0f), SUAN_FMA_256, 16, SUAN_FIRST_256)
#define SUAN_FIRST_128(a) *sink = *sink + _mm_cvtss_f32(a);
#define SUAN_MUL_ADD_128(a) a = _mm_add_ps(_mm_mul_ps(a, _mm_set1_ps(0.999f)), _mm_set1_ps(0.001f));
SUAN_PEAK_LOOP(mul_add_128, "sse2", __m128, _mm_set1_ps(1.0f), SUAN_MUL_ADD_128, 8, SUAN_FIRST_128)
#define SUAN_DOT_BF16(a) \
  a = _mm512_dpbf16_ps(a, (__m512bh)_mm512_set1_epi16(0x3f80), (__m512bh)_mm512_set1_epi16(0x3a80));
SUAN_PEAK_LOOP(dot_bf16, "avx512f,avx512bf16", __m512, _mm512_set1_ps(1.0f), SUAN_DOT_BF16, 64,
               SUAN_FIRST_512)
#define SUAN_FIRST_INT(a) *sink = *sink + static_cast<float>(_mm512_cvtsi512_si32(a));
#define SUAN_DOT_INT8(a) a = _mm512_dpbusd_epi32(a, _mm512_set1_epi8(1), _mm512_set1_epi8(1));
SUAN_PEAK_LOOP(dot_int8, "avx512f,avx512vnni", __m512i, _mm512_set1_epi32(1), SUAN_DOT_INT8, 128,
               SUAN_FIRST_INT)
#undef SUAN_PEAK_LOOP
#undef SUAN_CHAINS

using PeakLoop = double (*)(int64_t, volatile float*);
PeakLoop loop_for(DType dtype) {
  const bool wide = __builtin_cpu_supports("avx512f");
  if (dtype == DType::bf16 && wide && __builtin_cpu_supports("avx512bf16")) return dot_bf16;
  if (dtype == DType::i8 && wide && __builtin_cpu_supports("avx512vnni")) return dot_int8;
  if (wide) return fma_512;
  const bool fma = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  return fma ? fma_256 : mul_add_128;
}

std::string cache_key() { return cpu_model() + " x" + std::to_string(num_threads()); }
std::string cache_file() {
  const std::string folder = cache_folder();
  return folder.empty() ? folder : folder + "/machine.txt";
}

bool load_cached(MachinePeak& peak) {
  double figures[4] = {};
  if (!load_figures(cache_key(), figures) || figures[0] <= 0) return false;
  peak = {figures[0], figures[1], figures[2], figures[3]};
  return true;
}

// The kernel writes this file anew for each reader, for every core: keep what it says.
std::string cpuinfo_field(const std::string& field) {
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with(field)) continue;
    const size_t colon = line.find(": ");
    if (colon != std::string::npos) return line.substr(colon + 2);
  }
  return "unknown";
}

std::string vector_flags() {
  std::istringstream flags(cpuinfo_field("flags"));
  std::string out;
  for (std::string flag; flags >> flag;) {
    const bool vector = flag.starts_with("avx") || flag.starts_with("amx") || flag == "fma" ||
                        flag == "f16c" || flag == "sse4_2";
    if (vector) out += (out.empty() ? "" : " ") + flag;
  }
  return out;
}

MachinePeak& kept_peak() {
  static MachinePeak peak;
  return peak;
}

}  // namespace

std::string cpu_model() {
  static const std::string model = cpuinfo_field("model name");
  return model;
}
std::string isa_flags() {
  static const std::string flags = vector_flags();
  return flags;
}

Arithmetic fast_precision() {
  return isa_flags().find("bf16") == std::string::npos ? Arithmetic::f32 : Arithmetic::bf16;
}

double measure_arithmetic(DType dtype, double seconds) {
  const PeakLoop loop = loop_for(dtype);
  const int threads = num_threads();
  std::vector<float> sinks(static_cast<size_t>(threads) * 16);
  constexpr int64_t kRounds = 1 << 20;  // milliseconds: long beside waking the threads
  constexpr int kLeastRuns = 8;         // on a busy machine, one of them may be undisturbed
  double best = 0;
  int runs = 0;
  for (const auto begin = Clock::now(); runs < kLeastRuns || seconds_since(begin) < seconds;
       ++runs) {
    std::atomic<double> operations = 0;
    const auto start = Clock::now();
    parallel_for(threads, 1, [&](int64_t first, int64_t last) {
      for (int64_t t = first; t < last; ++t) {
        operations += loop(kRounds, &sinks[static_cast<size_t>(t) * 16]);
      }
    });
    best = std::max(best, operations / seconds_since(start) / 1e9);
  }
  return best;
}

double measure_copy(size_t bytes) {
  const BufferPtr from = Buffer::allocate(bytes), to = Buffer::allocate(bytes);
  double best = 0;
  for (int i = 0; i < 6; ++i) {
    const auto start = Clock::now();
    parallel_for(static_cast<int64_t>(bytes / 64), 1, [&](int64_t begin, int64_t end) {
      // The first round touches the pages, later ones only copy.
      if (i == 0) std::fill(from->as<char>() + begin * 64, from->as<char>() + end * 64, char{1});
      std::copy(from->as<char>() + begin * 64, from->as<char>() + end * 64,
                to->as<char>() + begin * 64);
    });
    if (i > 0) best = std::max(best, 2.0 * static_cast<double>(bytes) / seconds_since(start) / 1e9);
  }
  return best;
}

MachinePeak measure_machine() {
  constexpr double kSeconds = 0.25;
  MachinePeak peak;
  peak.f32_gflops = measure_arithmetic(DType::f32, kSeconds);
  peak.bf16_gflops = measure_arithmetic(DType::bf16, kSeconds);
  peak.int8_gops = measure_arithmetic(DType::i8, kSeconds);
  peak.copy_gbytes = measure_copy();
  keep_figures(cache_key(),
               std::array{peak.f32_gflops, peak.bf16_gflops, peak.int8_gops, peak.copy_gbytes});
  kept_peak() = peak;
  return peak;
}

const MachinePeak& machine_peak() {
  MachinePeak& peak = kept_peak();
  if (peak.f32_gflops == 0 && !load_cached(peak)) measure_machine();
  return peak;
}

double peak_gflops(const MachinePeak& peak, DType dtype) {
  if (dtype == DType::bf16) return peak.bf16_gflops;
  return dtype == DType::i8 ? peak.int8_gops : peak.f32_gflops;
}
double peak_gflops(const MachinePeak& peak, Arithmetic precision) {
  return peak_gflops(peak, data_dtype(precision));
}

double Roofline::seconds(double flops, double bytes) const {
  return std::max(flops / (gflops * 1e9), bytes / (gbytes * 1e9));
}

Roofline cpu_roofline(Arithmetic precision) {
  return {peak_gflops(machine_peak(), precision), machine_peak().copy_gbytes};
}

// One line a machine: key, tab, its numbers.
bool load_figures(const std::string& key, std::span<double> figures) {
  std::ifstream in(cache_file());
  for (std::string line; std::getline(in, line);) {
    const size_t tab = line.find('\t');
    if (tab == std::string::npos || line.substr(0, tab) != key) continue;
    std::istringstream numbers(line.substr(tab + 1));
    return std::all_of(figures.begin(), figures.end(),
                       [&](double& figure) { return static_cast<bool>(numbers >> figure); });
  }
  return false;
}

void keep_figures(const std::string& key, std::span<const double> figures) {
  const std::string path = cache_file();
  std::string others;
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with(key + '\t')) others += line + '\n';
  }
  in.close();
  std::ofstream out(path);
  out << others << key << '\t';
  for (const double figure : figures) out << figure << ' ';
  out << '\n';
}

}  // namespace suan
