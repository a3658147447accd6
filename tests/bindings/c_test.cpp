// The C interface: what it gives, and what it says about mistakes.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cstddef>
#include <cstring>
#include <thread>

#include "bindings/c/suan.h"
#include "tests/engine/models.h"
#include "tests/temp_folder.h"

namespace suan {
namespace {

#define EXPECT_FAILS(call, status, text) \
  EXPECT_EQ(call, status);               \
  EXPECT_STREQ(suan_last_error(), text)

class CInterface : public testing::Test {
 protected:
  CInterface() {
    path_ = folder_.file("model.onnx", perceptron().bytes());
    EXPECT_EQ(suan_load(path_.c_str(), nullptr, &engine_), SUAN_OK) << suan_last_error();
    EXPECT_EQ(suan_request_create(engine_, &request_), SUAN_OK);
  }
  ~CInterface() override {
    suan_request_destroy(request_);
    suan_engine_destroy(engine_);
  }
  suan_status bind(int64_t batch, const std::vector<float>& x) {
    const int64_t dims[] = {batch, 16};
    return suan_bind_input(request_, "x", SUAN_F32, 2, dims, x.data(), x.size() * sizeof(float));
  }

  TempFolder folder_;
  std::string path_;
  suan_engine* engine_ = nullptr;
  suan_request* request_ = nullptr;
};

TEST_F(CInterface, DescribesTheModel) {
  EXPECT_EQ(suan_input_count(engine_), 1u);
  EXPECT_EQ(suan_output_count(engine_), 1u);
  suan_tensor_info info{};
  info.size = sizeof info;
  ASSERT_EQ(suan_describe_input(engine_, 0, &info), SUAN_OK);
  EXPECT_STREQ(info.name, "x");
  EXPECT_EQ(info.dtype, SUAN_F32);
  EXPECT_EQ(info.rank, 2);
  EXPECT_EQ(info.dims[0], -1);
  EXPECT_STREQ(info.symbols[0], "batch");
  EXPECT_EQ(info.dims[1], 16);
  EXPECT_EQ(info.symbols[1], nullptr);
  ASSERT_EQ(suan_describe_output(engine_, 0, &info), SUAN_OK);
  EXPECT_STREQ(info.name, "y");
  EXPECT_EQ(info.dtype, SUAN_UNKNOWN);
  EXPECT_EQ(info.rank, -1);
  EXPECT_EQ(std::string(suan_version()).find("0."), 0u);
}

TEST_F(CInterface, GivesAnOlderProgramTheFieldsItKnows) {
  suan_tensor_info info{};
  info.size = offsetof(suan_tensor_info, rank);
  info.rank = 77;
  ASSERT_EQ(suan_describe_input(engine_, 0, &info), SUAN_OK);
  EXPECT_STREQ(info.name, "x");
  EXPECT_EQ(info.rank, 77);
  EXPECT_EQ(info.size, offsetof(suan_tensor_info, rank));
}

TEST_F(CInterface, RunsOnMemoryOfBothSides) {
  const Array x = random_array({3, 16}, 5);
  const std::vector<float> values(x.as<float>(), x.as<float>() + x.numel());
  const auto want = floats_of(perceptron().model()->interpret({Tensor::from(x)})[0]);
  ASSERT_EQ(bind(3, values), SUAN_OK);
  std::vector<float> y(15);
  for (const bool own : {false, true}) {
    ASSERT_EQ(suan_bind_output(request_, "y", own ? nullptr : y.data(), y.size() * 4), SUAN_OK);
    ASSERT_EQ(suan_run(request_), SUAN_OK) << suan_last_error();
    suan_tensor result{};
    result.size = sizeof result;
    ASSERT_EQ(suan_output(request_, "y", &result), SUAN_OK);
    EXPECT_EQ(result.dtype, SUAN_F32);
    EXPECT_EQ(result.rank, 2);
    EXPECT_EQ(result.dims[0], 3);
    EXPECT_EQ(result.dims[1], 5);
    EXPECT_EQ(result.bytes, 60u);
    EXPECT_EQ(result.data == y.data(), !own);
    const auto* data = static_cast<const float*>(result.data);
    for (size_t i = 0; i < want.size(); ++i) EXPECT_NEAR(data[i], want[i], 1e-5);
  }
}

TEST_F(CInterface, RequestsOfSeveralThreadsRunAtOnce) {
  const Array x = random_array({2, 16}, 6);
  const auto want = floats_of(perceptron().model()->interpret({Tensor::from(x)})[0]);
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&] {
      suan_request* request = nullptr;
      std::vector<float> y(10);
      const int64_t dims[] = {2, 16};
      ASSERT_EQ(suan_request_create(engine_, &request), SUAN_OK);
      ASSERT_EQ(suan_bind_input(request, "x", SUAN_F32, 2, dims, x.buffer->data(), x.bytes()),
                SUAN_OK);
      ASSERT_EQ(suan_bind_output(request, "y", y.data(), 40), SUAN_OK);
      for (int i = 0; i < 30; ++i) {
        std::fill(y.begin(), y.end(), -1.0f);
        ASSERT_EQ(suan_run(request), SUAN_OK);
        for (size_t k = 0; k < want.size(); ++k) ASSERT_NEAR(y[k], want[k], 1e-5);
      }
      suan_request_destroy(request);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_F(CInterface, RefusesNull) {
  suan_tensor_info info{};
  suan_tensor tensor{};
  suan_engine* engine = engine_;
  EXPECT_FAILS(suan_load(nullptr, nullptr, &engine), SUAN_INVALID_ARGUMENT,
               "suan.h: the path is NULL");
  EXPECT_EQ(engine, nullptr);
  EXPECT_FAILS(suan_load(path_.c_str(), nullptr, nullptr), SUAN_INVALID_ARGUMENT,
               "suan.h: the place of the engine is NULL");
  EXPECT_FAILS(suan_describe_input(nullptr, 0, &info), SUAN_INVALID_ARGUMENT,
               "suan.h: the engine is NULL");
  EXPECT_FAILS(suan_run(nullptr), SUAN_INVALID_ARGUMENT, "suan.h: the request is NULL");
  EXPECT_FAILS(suan_bind_output(nullptr, "y", nullptr, 0), SUAN_INVALID_ARGUMENT,
               "suan.h: the request is NULL");
  EXPECT_FAILS(suan_output(nullptr, "y", &tensor), SUAN_INVALID_ARGUMENT,
               "suan.h: the request is NULL");
  EXPECT_FAILS(suan_bind_input(request_, nullptr, SUAN_F32, 0, nullptr, nullptr, 0),
               SUAN_INVALID_ARGUMENT, "suan.h: the name is NULL");
  EXPECT_EQ(suan_input_count(nullptr), 0u);
  suan_engine_destroy(nullptr);
  suan_request_destroy(nullptr);
  suan_options_init(nullptr);
}

TEST_F(CInterface, NamesWhatDoesNotFit) {
  const std::vector<float> x(32);
  const int64_t dims[] = {2, 16}, others[] = {2, 15};
  suan_tensor_info info{};
  info.size = sizeof info;
  EXPECT_FAILS(suan_describe_input(engine_, 3, &info), SUAN_INVALID_ARGUMENT,
               "suan.h: there is no input 3, the model has 1");
  EXPECT_FAILS(suan_bind_input(request_, "xx", SUAN_F32, 2, dims, x.data(), 128),
               SUAN_INVALID_ARGUMENT, "suan.h: there is no input 'xx', did you mean 'x'?");
  EXPECT_FAILS(suan_bind_input(request_, "x", SUAN_I64, 2, dims, x.data(), 128),
               SUAN_INVALID_ARGUMENT, "suan.h: 'x' is i64[2, 16], expected f32[batch, 16]");
  EXPECT_FAILS(suan_bind_input(request_, "x", SUAN_F32, 2, others, x.data(), 128),
               SUAN_INVALID_ARGUMENT, "suan.h: 'x' is f32[2, 15], expected f32[batch, 16]");
  EXPECT_FAILS(suan_bind_input(request_, "x", SUAN_F32, 1, dims, x.data(), 128),
               SUAN_INVALID_ARGUMENT, "suan.h: 'x' is f32[2], expected f32[batch, 16]");
  EXPECT_FAILS(suan_bind_input(request_, "x", SUAN_F32, 9, dims, x.data(), 128),
               SUAN_INVALID_ARGUMENT, "suan.h: 'x' has the rank 9, expected 0 to 8");
  EXPECT_FAILS(suan_bind_input(request_, "x", static_cast<suan_dtype>(8), 2, dims, x.data(), 128),
               SUAN_INVALID_ARGUMENT, "suan.h: there is no dtype 8");
  EXPECT_FAILS(suan_bind_input(request_, "x", SUAN_F32, 2, dims, x.data(), 127),
               SUAN_INVALID_ARGUMENT, "suan.h: 'x' is f32[2, 16] and takes 128 bytes, got 127");
  EXPECT_FAILS(suan_run(request_), SUAN_INVALID_ARGUMENT, "suan.h: the input 'x' is not bound");
  suan_tensor result{};
  result.size = sizeof result;
  EXPECT_FAILS(suan_output(request_, "y", &result), SUAN_INVALID_ARGUMENT,
               "suan.h: the request has no results: it has not run");
  float y[9];
  ASSERT_EQ(bind(2, x), SUAN_OK);
  ASSERT_EQ(suan_bind_output(request_, "y", y, sizeof y), SUAN_OK);
  EXPECT_FAILS(suan_run(request_), SUAN_INVALID_ARGUMENT,
               "output: 0 is f32[2, 5] and takes 40 bytes, got memory for 36");
}

TEST_F(CInterface, SizesThatAreTooLargeAreRefused) {
  const int64_t dims[] = {int64_t{1} << 62, 16}, negative[] = {-1, 16};
  float x = 0;
  EXPECT_EQ(suan_bind_input(request_, "x", SUAN_F32, 2, dims, &x, 4), SUAN_INVALID_ARGUMENT);
  EXPECT_EQ(suan_bind_input(request_, "x", SUAN_F32, 2, negative, &x, 4), SUAN_INVALID_ARGUMENT);
}

TEST_F(CInterface, FilesAndOptionsThatAreWrong) {
  suan_engine* engine = nullptr;
  const std::string missing = folder_ / "missing.onnx";
  EXPECT_EQ(suan_load(missing.c_str(), nullptr, &engine), SUAN_BAD_FILE);
  EXPECT_NE(std::string(suan_last_error()).find(missing), std::string::npos);
  const std::string text = folder_.file("text.onnx", "not a model");
  EXPECT_FAILS(suan_load(text.c_str(), nullptr, &engine), SUAN_BAD_FILE,
               (text + ": is not an ONNX model (its message does not parse)").c_str());
  EXPECT_EQ(engine, nullptr);
  suan_options options;
  suan_options_init(&options);
  options.pad = "bath:8";
  EXPECT_FAILS(suan_load(path_.c_str(), &options, &engine), SUAN_INVALID_ARGUMENT,
               "pad: there is no open size 'bath', did you mean 'batch'?");
  options.pad = "batch:8";
  options.precision = SUAN_I8;
  EXPECT_FAILS(suan_load(path_.c_str(), &options, &engine), SUAN_INVALID_ARGUMENT,
               "suan.h: the precision is i8, expected f32, bf16 or auto");
  options.precision = SUAN_F32;
  options.threads = -3;
  EXPECT_FAILS(suan_load(path_.c_str(), &options, &engine), SUAN_INVALID_ARGUMENT,
               "threads: got -3 threads, expected 1 to 1024");
  options.threads = 0;
  EXPECT_EQ(suan_load(path_.c_str(), &options, &engine), SUAN_OK);
  suan_engine_destroy(engine);
}

TEST_F(CInterface, ChoosesThePrecision) {
  suan_engine* engine = nullptr;
  suan_options options;
  suan_options_init(&options);
  options.precision = SUAN_AUTO;
  ASSERT_EQ(suan_load(path_.c_str(), &options, &engine), SUAN_OK) << suan_last_error();
  suan_engine_destroy(engine);
  float x = 0;
  EXPECT_FAILS(suan_bind_input(request_, "x", SUAN_AUTO, 0, nullptr, &x, 4), SUAN_INVALID_ARGUMENT,
               "suan.h: there is no dtype 255");
}

// The perceptron takes 2,688 bytes of weights.
TEST_F(CInterface, KeepsAModelToItsLimits) {
  const std::vector<float> x(16);
  const int64_t dims[] = {1, 16};
  const auto run = [&](void (*limit)(suan_options&)) -> std::string {
    suan_options options;
    suan_options_init(&options);
    limit(options);
    suan_engine* engine = nullptr;
    suan_request* request = nullptr;
    std::string error;
    if (suan_load(path_.c_str(), &options, &engine) != SUAN_OK ||
        suan_request_create(engine, &request) != SUAN_OK ||
        suan_bind_input(request, "x", SUAN_F32, 2, dims, x.data(), 64) != SUAN_OK ||
        suan_run(request) != SUAN_OK) {
      error = suan_last_error();
    }
    suan_request_destroy(request);
    suan_engine_destroy(engine);
    return error;
  };
  EXPECT_EQ(run([](suan_options&) {}), "");
  EXPECT_EQ(run([](suan_options& o) { o.memory_limit = 20000; }), "");
  EXPECT_EQ(run([](suan_options& o) { o.memory_limit = 100; }),
            path_ + ": 2048 bytes beside the 0 that are taken are over the limit of 100 bytes");
  EXPECT_NE(run([](suan_options& o) { o.memory_limit = 2700; }).find("the limit of 2700"),
            std::string::npos);
  EXPECT_NE(run([](suan_options& o) { o.file_limit = 10; }).find("at most 10 are read"),
            std::string::npos);
  EXPECT_NE(run([](suan_options& o) { o.value_limit = 10; }).find("over the limit of 10 bytes"),
            std::string::npos);
  EXPECT_NE(run([](suan_options& o) {
              o.interpret = 1, o.flops_limit = 1;
            }).find("needs more than 1 operations"),
            std::string::npos);
  EXPECT_EQ(run([](suan_options& o) { o.interpret = 1, o.node_limit = 2; }),
            "graph: more than 2 nodes ran");
  EXPECT_EQ(run([](suan_options& o) { o.loop_limit = -1; }),
            "suan.h: loop_limit is -1, expected a number from 0 to 9223372036854775807");
  EXPECT_EQ(run([](suan_options& o) { o.depth_limit = int64_t{1} << 40; }),
            "suan.h: depth_limit is 1099511627776, expected a number from 0 to 2147483647");
}

// A program built against a header without the limits gives a struct that ends before them.
TEST_F(CInterface, TakesOptionsOfAnOlderProgram) {
  constexpr size_t kOlder = offsetof(suan_options, memory_limit);
  EXPECT_EQ(kOlder, 48U);
  suan_options options;
  std::memset(&options, 0x7f, sizeof options);
  suan_options_init_sized(&options, kOlder);
  EXPECT_EQ(options.size, kOlder);
  EXPECT_EQ(options.memory_limit, 0x7f7f7f7f7f7f7f7fU);  // not its memory
  suan_engine* engine = nullptr;
  ASSERT_EQ(suan_load(path_.c_str(), &options, &engine), SUAN_OK) << suan_last_error();
  suan_engine_destroy(engine);
}

}  // namespace
}  // namespace suan
