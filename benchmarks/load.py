#!/usr/bin/env python3
# How long it takes from a model file to its first result, and how much memory, in a new process, with and without a timing cache.
# SPDX-License-Identifier: Apache-2.0
"""usage: load.py [--model resnet50] [--runs N] [--json FILE]"""
import argparse
import os
import tempfile

import compare


def first_run(options, path, cache, memory="default"):
    environment = dict(os.environ, XDG_CACHE_HOME=cache)
    return compare.run_suan(options.suan, "bench", "infer", path, "--runs", 1, "--warmup", 0, "--threads", options.threads,
                            "--memory", memory, env=environment)


def measure(options, folder):
    onnx, engine = f"{compare.ROOT}/build/models/{options.model}.onnx", f"{folder}/{options.model}.suan"

    def result(path, cache, memory="default"):
        runs = [first_run(options, path, f"{folder}/{cache}{i if cache == 'empty' else ''}", memory) for i in range(options.runs)]
        return {"load": os.path.basename(path), "cache": cache, "memory_mode": memory,
                "seconds": min(run["first_seconds"] for run in runs), "peak_mb": min(run["peak_mb"] for run in runs),
                "model": options.model, "threads": options.threads, "suan": compare.suan_version(), **compare.machine()}

    yield result(onnx, "empty")
    first_run(options, onnx, f"{folder}/filled")
    yield result(onnx, "filled")
    yield result(onnx, "filled", "small")
    compare.run_suan(options.suan, "compile", onnx, "-o", engine, env=dict(os.environ, XDG_CACHE_HOME=f"{folder}/filled"))
    yield result(engine, "filled")
    yield result(engine, "filled", "small")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", choices=compare.MODELS, default="resnet50")
    parser.add_argument("--runs", type=compare.at_least(1), default=5)
    compare.add_options(parser)
    options = parser.parse_args()
    compare.make_models([options.model])
    with tempfile.TemporaryDirectory() as folder:
        compare.note(measure(options, folder), options.json)


if __name__ == "__main__":
    main()
