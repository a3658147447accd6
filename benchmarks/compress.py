#!/usr/bin/env python3
# What compression makes of the runs of tools/train_zoo: accuracy on held-out data, latency side by side, size of the weights.
# SPDX-License-Identifier: Apache-2.0
"""usage: SUAN_DATA=... [SUAN_RUNS=runs] python3 benchmarks/compress.py [--row NAME]... [--threads N] [--json FILE]

Each row is one `suan compress` of a run: a form without a search, or a search under a promise. `exhaustive` searches models of
few layers both ways and then times what was found side by side. Rows are written as they come; `--json` keeps those of other names.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import tempfile

import compare

RUNS = pathlib.Path(os.environ.get("SUAN_RUNS", "runs")).resolve()
ZOO = ("digits-lenet", "mnist-lenet", "cifar10-resnet20", "sst2-lstm", "cora-gcn", "shakespeare-gpt")
FINE = ("--set", "optimizer.lr=0.01", "--set", "optimizer.adamw_lr=0.0015")
# name: the run's recipe and the command's options
FORMS = {
    **{f"{name}, INT8": (name, ["--quantize", "int8"]) for name in (*ZOO, "cifar10-mobilenet")},
    "cifar10-mobilenet, INT8 trained for 1 epoch": ("cifar10-mobilenet", ["--quantize", "int8", "--epochs", 1]),
    "cifar10-resnet20, half of the operations pruned, 8 epochs": ("cifar10-resnet20", ["--prune", "50%", "--epochs", 8, "--set", "train.eval_every=4", *FINE]),
    "shakespeare-gpt, INT4 weights in blocks of 32": ("shakespeare-gpt", ["--quantize", "int4w", "--block", 32]),
    "shakespeare-gpt, INT4 weights in blocks of 64, GPTQ, embedding too":
        ("shakespeare-gpt", ["--quantize", "int4w", "--block", 64, "--rounding", "gptq", "--embedding"]),
    **{f"{name}, --max-drop 0.5%": (name, ["--max-drop", "0.5%"]) for name in ZOO},
}
EXHAUSTIVE = {"exhaustive: mnist-mlp": "mnist-mlp", "exhaustive: mnist-lenet": "mnist-lenet", "exhaustive: digits-lenet": "digits-lenet"}


def compress(options, run, words):
    command = [options.suan, "compress", RUNS / f"{run}-1", "--runs", RUNS, "--threads", options.threads, "--quiet", "--json", *words]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    if done.returncode not in (0, 3):  # 3: the promise cannot be kept
        raise SystemExit(f"compress: {done.stderr.strip()}")
    return json.loads(done.stdout.splitlines()[-1])


def form(options, name):
    run, words = FORMS[name]
    with tempfile.TemporaryDirectory() as folder:
        report = compress(options, run, [*words, "--output", f"{folder}/model.onnx"])
    metric = next(key[:-len("_before")] for key in report if key.endswith("_before") and not key.startswith("latency"))
    return {"compression": name, "metric": metric, "before": report[f"{metric}_before"], "after": report[f"{metric}_after"],
            "drop": report["drop_points"], "bound": report["drop_bound"], "examples": report["examples"], "ratio": report["ratio"],
            "size_ratio": report["size_ratio"], "kept": report["kept"]}


def median_ms(options, models, alternations=15):
    """Of both models' latency, in turns."""
    workers = [compare.Worker(str(model), [options.suan, "bench", "infer", model, "--threads", options.threads, "--serve"],
                              options.threads) for model in models]
    try:
        for _ in range(alternations):
            for worker in workers:
                worker.go()
        return [statistics.median(worker.times) for worker in workers]
    finally:
        for worker in workers:
            worker.close()


def exhaustive(options, name):
    run = EXHAUSTIVE[name]
    with tempfile.TemporaryDirectory() as folder:
        models = [f"{folder}/search.onnx", f"{folder}/all.onnx"]
        kept = [compress(options, run, ["--output", model, *words])["kept"]
                for model, words in zip(models, ([], ["--exhaustive"]))]
        if not all(kept):
            raise SystemExit(f"compress: the promise about {run} is not kept")
        times = median_ms(options, models)
    return {"exhaustive": run, "search_ms": times[0], "exhaustive_ms": times[1], "ratio": times[0] / times[1]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    rows = (*FORMS, *EXHAUSTIVE)
    parser.add_argument("--row", action="append", choices=rows, metavar="NAME", help="one of: " + "; ".join(rows))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--suan", default=compare.ROOT / "build/release/bin/suan", help=argparse.SUPPRESS)
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args()
    kept = {}
    if options.json and os.path.exists(options.json):
        with open(options.json, encoding="utf-8") as file:
            kept = {r.get("compression") or r["exhaustive"]: r for r in json.load(file)}
    for name in options.row or rows:
        result = (exhaustive if name in EXHAUSTIVE else form)(options, name)
        result |= {"threads": options.threads, "suan": compare.suan_version(), **compare.machine()}
        print(json.dumps(result), flush=True)
        kept[name] = result
        if options.json:
            compare.write_json(options.json, list(kept.values()))


if __name__ == "__main__":
    main()
