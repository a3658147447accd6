/* suan.h: running models from C, and from any language that calls C.
 * SPDX-License-Identifier: Apache-2.0
 *
 *   suan_engine* engine;
 *   suan_request* request;
 *   suan_load("model.onnx", NULL, &engine);
 *   suan_request_create(engine, &request);
 *   suan_bind_input(request, "x", SUAN_F32, 2, dims, x, sizeof x);
 *   suan_bind_output(request, "y", y, sizeof y);
 *   suan_run(request);
 *
 * Every function that can fail returns a suan_status; suan_last_error() then says what was wrong in
 * one line. No C++ exception leaves a function. Structs begin with their size, so that a program
 * built against an older header goes on working: fields are only ever added at the end.
 *
 * An engine may be used by any number of threads; a request by one at a time. Requests of one
 * engine run at the same time. Destroy requests before their engine. */
#ifndef SUAN_H
#define SUAN_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define SUAN_API __attribute__((visibility("default")))
#else
#define SUAN_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define SUAN_MAX_RANK 8

typedef enum suan_status {
  SUAN_OK = 0,
  SUAN_INVALID_ARGUMENT = 1, /* null, a name, dtype, shape or setting that does not fit */
  SUAN_BAD_FILE = 2,         /* missing, truncated, or it lies about its content */
  SUAN_OUT_OF_RANGE = 3,     /* a value found in data is outside its bounds */
  SUAN_UNSUPPORTED = 4,      /* valid, but nothing here takes it */
  SUAN_SYSTEM = 5,           /* out of memory, a library's failure */
  SUAN_NUMERIC = 6,          /* NaN or infinity where a finite value is needed */
  SUAN_CANCELLED = 7
} suan_status;

/* Element types, numbered as in onnx.TensorProto.DataType. Types of less than a byte take one byte
 * an element. Texts (8) have no form in C. */
typedef enum suan_dtype {
  SUAN_UNKNOWN = 0, /* the file does not say */
  SUAN_F32 = 1,
  SUAN_U8 = 2,
  SUAN_I8 = 3,
  SUAN_U16 = 4,
  SUAN_I16 = 5,
  SUAN_I32 = 6,
  SUAN_I64 = 7,
  SUAN_BOOL = 9,
  SUAN_F16 = 10,
  SUAN_F64 = 11,
  SUAN_U32 = 12,
  SUAN_U64 = 13,
  SUAN_BF16 = 16,
  SUAN_F8E4M3FN = 17,
  SUAN_F8E4M3FNUZ = 18,
  SUAN_F8E5M2 = 19,
  SUAN_F8E5M2FNUZ = 20,
  SUAN_U4 = 21,
  SUAN_I4 = 22,
  SUAN_F4E2M1 = 23,
  SUAN_F8E8M0 = 24,
  SUAN_U2 = 25,
  SUAN_I2 = 26,
  SUAN_F6E2M3 = 27,
  SUAN_F6E3M2 = 28,
  SUAN_AUTO = 255 /* only as a precision */
} suan_dtype;

typedef struct suan_engine suan_engine;   /* a model made ready to run */
typedef struct suan_request suan_request; /* the inputs and outputs of one run at a time */

typedef struct suan_options {
  size_t size;          /* sizeof(suan_options), set by suan_options_init */
  suan_dtype precision; /* SUAN_F32, SUAN_BF16: products of 16-bit numbers, or SUAN_AUTO: SUAN_BF16
                         * where the CPU computes in it */
  int32_t threads;      /* of the whole process; 0: all cores, or as set before */
  int32_t interpret;    /* not 0: node by node, nothing is compiled */
  size_t programs;      /* compiled programs kept, one for each set of shapes; 0: 32 */
  const char* pad;      /* sizes to pad, as "seq=attention_mask:128,batch"; NULL: none */
  int32_t small_memory; /* not 0: no kernel that takes much more memory than its operands */
  /* What a model may take, so that a hostile one does not exhaust the machine; beyond a limit a
   * function returns SUAN_UNSUPPORTED or SUAN_BAD_FILE. 0: the default. */
  size_t memory_limit;   /* bytes: arguments, results, scratch, the weights that have been read, and
                          * all other values of a run that live at once; 7/8 of what there is */
  size_t file_limit;     /* bytes of the model, weights included; 64 GiB */
  size_t value_limit;    /* bytes of one value; 16 GiB */
  double flops_limit;    /* operations of one run of the interpreter; 1e18 */
  int64_t loop_limit;    /* iterations of one loop; 1,000,000 */
  int64_t node_limit;    /* nodes that the interpreter runs; 50,000,000 */
  int64_t compile_limit; /* nodes of a compiled graph; beyond, a model is interpreted; 1,000,000 */
  int64_t depth_limit;   /* subgraphs and functions within one another; 32 */
} suan_options;

typedef struct suan_tensor_info {
  size_t size;                        /* sizeof(suan_tensor_info), set by the caller */
  const char* name;                   /* lives as long as the engine */
  suan_dtype dtype;                   /* SUAN_UNKNOWN: the file does not say */
  int32_t rank;                       /* -1: the file does not say */
  int64_t dims[SUAN_MAX_RANK];        /* -1: open */
  const char* symbols[SUAN_MAX_RANK]; /* of an open size its name, else NULL */
} suan_tensor_info;

/* A result of a run. */
typedef struct suan_tensor {
  size_t size; /* sizeof(suan_tensor), set by the caller */
  suan_dtype dtype;
  int32_t rank;
  int64_t dims[SUAN_MAX_RANK];
  const void* data; /* row-major: the bound memory, else the request's until its next run */
  size_t bytes;     /* of the elements */
} suan_tensor;

/* The version of the library as "MAJOR.MINOR.PATCH". */
SUAN_API const char* suan_version(void);

/* What went wrong in this thread's last call that did not return SUAN_OK; "" before there is one.
 * Lives until this thread's next such call. */
SUAN_API const char* suan_last_error(void);

/* Fills in the defaults. Does nothing with NULL. */
SUAN_API void suan_options_init_sized(suan_options* options, size_t size);
static inline void suan_options_init(suan_options* options) {
  suan_options_init_sized(options,
                          sizeof(suan_options)); /* of the header the program was built with */
}

/* Loads a model file (.onnx or .suan), which must stay as it is while the engine lives: large
 * weights are read from it when they are wanted. `options` may be NULL. *engine is NULL unless it
 * returns SUAN_OK; SUAN_BAD_FILE: the file is missing or wrong. Programs are compiled at the first
 * run of each set of shapes; that of the bounds in `pad`, with a batch of 1, is there when the
 * function returns. */
SUAN_API suan_status suan_load(const char* path, const suan_options* options, suan_engine** engine);
/* Ends the engine; NULL is let be. */
SUAN_API void suan_engine_destroy(suan_engine* engine);

/* How many inputs and outputs the model has; 0 for NULL. */
SUAN_API size_t suan_input_count(const suan_engine* engine);
SUAN_API size_t suan_output_count(const suan_engine* engine);
/* Describes one, counted from 0. SUAN_INVALID_ARGUMENT: there is none of that number.
 * SUAN_UNSUPPORTED: it is no tensor, but a sequence, optional or map. */
SUAN_API suan_status suan_describe_input(const suan_engine* engine, size_t index,
                                         suan_tensor_info* info);
SUAN_API suan_status suan_describe_output(const suan_engine* engine, size_t index,
                                          suan_tensor_info* info);

/* A request, to be run as often as wanted. */
SUAN_API suan_status suan_request_create(suan_engine* engine, suan_request** request);
SUAN_API void suan_request_destroy(suan_request* request);

/* Reads an input from the caller's memory at each run from now on: `bytes` bytes at `data`, aligned
 * as its elements are, hold a row-major tensor of `rank` sizes. SUAN_INVALID_ARGUMENT: there is no
 * such input, its dtype or shape is another, or the memory is too small. */
SUAN_API suan_status suan_bind_input(suan_request* request, const char* name, suan_dtype dtype,
                                     int32_t rank, const int64_t* dims, const void* data,
                                     size_t bytes);
/* Writes an output to the caller's memory at each run from now on; NULL: to memory of the request
 * again. It must not overlap any input or other output. */
SUAN_API suan_status suan_bind_output(suan_request* request, const char* name, void* data,
                                      size_t bytes);

/* Runs the model. SUAN_INVALID_ARGUMENT: an input was not bound, or the memory of an output is too
 * small (the message says how much it takes). A run whose program is compiled, with all outputs
 * bound, allocates nothing but what oneDNN does for itself. */
SUAN_API suan_status suan_run(suan_request* request);

/* The type and place of an output of the last run that succeeded. */
SUAN_API suan_status suan_output(const suan_request* request, const char* name,
                                 suan_tensor* tensor);

#ifdef __cplusplus
}
#endif
#endif
