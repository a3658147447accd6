#!/usr/bin/env python3
# How long it takes from a model file to its first result, in a new process, with and without a timing cache.
# SPDX-License-Identifier: Apache-2.0
"""usage: load.py [--model resnet50] [--runs N] [--json FILE]"""
import argparse
import os
import subprocess
import tempfile

import compare


def first_seconds(options, path, cache):
    environment = dict(os.environ, XDG_CACHE_HOME=cache)
    return compare.run_suan(options.suan, "bench", "infer", path, "--runs", 1, "--warmup", 0, "--threads", options.threads,
                            env=environment)["first_seconds"]


def measure(options, folder):
    onnx, engine = compare.ROOT / f"build/models/{options.model}.onnx", f"{folder}/model.suan"

    def best(path, fresh):
        times = []
        for i in range(options.runs):
            times.append(first_seconds(options, path, f"{folder}/cold{i}" if fresh else f"{folder}/warm"))
        return min(times)

    def result(name, cache, seconds):
        return {"load": name, "cache": cache, "seconds": seconds, "model": options.model, "threads": options.threads,
                "suan": compare.suan_version(), **compare.machine()}

    yield result(f"{options.model}.onnx", "empty", best(onnx, True))
    first_seconds(options, onnx, f"{folder}/warm")
    yield result(f"{options.model}.onnx", "filled", best(onnx, False))
    compare.run_suan(options.suan, "compile", onnx, "-o", engine, env=dict(os.environ, XDG_CACHE_HOME=f"{folder}/warm"))
    yield result(f"{options.model}.suan", "filled", best(engine, False))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", choices=compare.MODELS, default="resnet50")
    parser.add_argument("--runs", type=compare.at_least(1), default=5)
    parser.add_argument("--threads", type=compare.at_least(1), default=min(2, len(os.sched_getaffinity(0))))
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--suan", default=compare.ROOT / "build/release/bin/suan", help=argparse.SUPPRESS)
    options = parser.parse_args()
    subprocess.run([compare.ROOT / "benchmarks/make_models.py", options.model], check=True, stdout=subprocess.DEVNULL)
    with tempfile.TemporaryDirectory() as folder:
        compare.note(measure(options, folder), options.json)


if __name__ == "__main__":
    main()
