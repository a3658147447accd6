/* Describes a model, runs it on ones and prints what comes out: embed MODEL.onnx
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <suan.h>

/* Says what went wrong and ends the program. */
static void check(suan_status status, const char* what) {
  if (status == SUAN_OK) return;
  fprintf(stderr, "embed: %s: %s\n", what, suan_last_error());
  exit(1);
}

static void print_type(const char* name, suan_dtype dtype, int rank, const int64_t* dims) {
  int i;
  printf("%s: dtype %d [", name, (int)dtype);
  for (i = 0; i < rank; ++i) printf("%s%lld", i ? ", " : "", (long long)dims[i]);
  printf("]");
}

/* Binds an input of floats to ones; open sizes become 1. The memory is the caller's to free. */
static float* bind_ones(suan_engine* engine, suan_request* request, size_t index) {
  suan_tensor_info info = {.size = sizeof info};
  size_t count = 1, i;
  float* data;
  check(suan_describe_input(engine, index, &info), "input");
  if (info.rank < 0 || info.dtype != SUAN_F32) {
    fprintf(stderr, "embed: input %s is not of floats of a known shape\n", info.name);
    exit(1);
  }
  for (i = 0; i < (size_t)info.rank; ++i) {
    if (info.dims[i] < 0) info.dims[i] = 1;
    count *= (size_t)info.dims[i];
  }
  print_type(info.name, info.dtype, info.rank, info.dims);
  printf("\n");
  data = malloc(count * sizeof *data);
  if (!data) exit(1);
  for (i = 0; i < count; ++i) data[i] = 1;
  check(suan_bind_input(request, info.name, SUAN_F32, info.rank, info.dims, data,
                        count * sizeof *data),
        "bind");
  return data;
}

static void print_output(suan_engine* engine, suan_request* request, size_t index) {
  suan_tensor_info info = {.size = sizeof info};
  suan_tensor result = {.size = sizeof result};
  size_t i;
  check(suan_describe_output(engine, index, &info), "output");
  check(suan_output(request, info.name, &result), "result");
  print_type(info.name, result.dtype, result.rank, result.dims);
  for (i = 0; result.dtype == SUAN_F32 && i < result.bytes / sizeof(float) && i < 8; ++i) {
    printf(" %g", (double)((const float*)result.data)[i]);
  }
  printf("\n");
}

int main(int argc, char** argv) {
  suan_engine* engine;
  suan_request* request;
  float** inputs;
  size_t i, count;
  if (argc != 2) {
    fprintf(stderr, "usage: embed MODEL.onnx\n");
    return 2;
  }
  printf("suan %s\n", suan_version());
  check(suan_load(argv[1], NULL, &engine), "load");
  check(suan_request_create(engine, &request), "request");
  count = suan_input_count(engine);
  inputs = calloc(count + 1, sizeof *inputs);
  if (!inputs) return 1;
  for (i = 0; i < count; ++i) inputs[i] = bind_ones(engine, request, i);
  check(suan_run(request), "run");
  for (i = 0; i < suan_output_count(engine); ++i) print_output(engine, request, i);
  suan_request_destroy(request);
  suan_engine_destroy(engine);
  for (i = 0; i < count; ++i) free(inputs[i]);
  free(inputs);
  return 0;
}
