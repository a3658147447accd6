#!/usr/bin/env python3
# Trains the recipes on real data and notes what they reach and how long it takes, from process start.
# SPDX-License-Identifier: Apache-2.0
"""usage: SUAN_DATA=... python3 benchmarks/recipes.py [--recipe NAME]... [--json FILE]

Each recipe is trained by `suan train`, with several seeds where a mean is asked for; `demo` is `suan demo` on the generated
digits. `reached` is the time at which the first evaluation reached `goal`.
"""
import argparse
import json
import os
import pathlib
import subprocess
import tempfile
import time

import compare

# name: seeds, the accuracy whose time is noted
RECIPES = {"demo": (1, None), "mnist-lenet": (1, 0.99), "shakespeare-gpt": (1, None), "cora-gcn": (20, None),
           "sst2-lstm": (5, None), "cifar10-resnet20": (1, 0.90)}


def time_to(goal, run):
    for line in (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines():
        fields = json.loads(line)
        if fields.get("eval_accuracy", 0) >= goal:
            return round(fields["seconds"], 2)
    return None


def train(name, seeds, goal, suan):
    command = [suan, "demo"] if name == "demo" else [suan, "train", name, "--quiet"]
    environment = dict(os.environ)
    if name == "demo":
        environment.pop("SUAN_DATA", None)  # with it, the demo takes MNIST
    if seeds > 1:
        command += ["--seeds", str(seeds)]
    with tempfile.TemporaryDirectory() as folder:
        start = time.monotonic()
        done = subprocess.run([*map(str, command), "--json"], cwd=folder, env=environment, capture_output=True, text=True,
                              check=False)
        seconds = time.monotonic() - start
        if done.returncode != 0:
            raise SystemExit(f"recipes: {name} failed: {done.stderr.strip()}")
        report = json.loads(done.stdout.splitlines()[-1])
        reached = time_to(goal, pathlib.Path(folder, report["run"])) if goal else None
    result = {"recipe": name, "seeds": seeds, "seconds": round(seconds, 1), "goal": goal, "reached": reached}
    for key in ("accuracy", "accuracy_std", "loss"):
        if key in report:
            result[key] = report[key]
    return result | {"threads": len(os.sched_getaffinity(0)), "suan": compare.suan_version(), **compare.machine()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", action="append", choices=tuple(RECIPES))
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--suan", default=compare.ROOT / "build/release/bin/suan", help=argparse.SUPPRESS)
    options = parser.parse_args()
    names = options.recipe or RECIPES
    compare.note((train(name, *RECIPES[name], options.suan) for name in names), options.json)


if __name__ == "__main__":
    main()
