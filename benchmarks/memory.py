#!/usr/bin/env python3
# What a memory budget costs: activations and scratch, FLOPs and time of a training step within smaller and smaller budgets.
# SPDX-License-Identifier: Apache-2.0
"""usage: SUAN_DATA=... python3 benchmarks/memory.py [--recipe NAME]... [--steps N] [--json FILE]"""
import argparse
import json
import os
import subprocess
import tempfile

import compare

SHARES = (1, 0.8, 0.6, 0.5, 0.4)


def suan(options, *words):
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([str(options.suan), *map(str, words), "--json"], cwd=folder, capture_output=True, text=True,
                              check=False)
    if done.returncode != 0:
        raise SystemExit(f"memory: {done.stderr.strip()}")
    return json.loads(done.stdout.splitlines()[-1])


def measure(recipe, options):
    whole = suan(options, "inspect", recipe)
    for share in SHARES:
        budget = round(share * whole["arena_bytes"] / 1e6)
        setting = ("--set", f"train.memory_mb={budget}") if share < 1 else ()
        size = suan(options, "inspect", recipe, *setting)
        ms = suan(options, "profile", recipe, "--steps", options.steps, *setting)["ms"]
        yield {"memory": recipe, "budget_mb": budget, "arena_mb": round(size["arena_bytes"] / 1e6, 1),
               "recomputed": size["recomputed"], "extra_flops": size["flops"] / whole["flops"] - 1, "ms": round(ms, 2),
               "threads": len(os.sched_getaffinity(0)), "suan": compare.suan_version(), **compare.machine()}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipe", action="append")
    parser.add_argument("--steps", type=compare.at_least(1), default=5)
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--suan", default=compare.ROOT / "build/release/bin/suan", help=argparse.SUPPRESS)
    options = parser.parse_args()
    results = []
    for recipe in options.recipe or ("cifar10-resnet18", "shakespeare-gpt"):
        for result in measure(recipe, options):
            results.append(result)
            print(json.dumps(result), flush=True)
    if options.json:
        compare.write_json(options.json, results)


if __name__ == "__main__":
    main()
