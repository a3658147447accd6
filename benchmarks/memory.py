#!/usr/bin/env python3
# What a memory budget costs: activations and scratch, FLOPs and time of a training step within smaller and smaller budgets.
# SPDX-License-Identifier: Apache-2.0
"""usage: SUAN_DATA=... python3 benchmarks/memory.py [--recipe NAME]... [--steps N] [--json FILE]"""
import argparse
import os

import compare

SHARES = (1, 0.8, 0.6, 0.5, 0.4)


def measure(recipe, options):
    whole = compare.run_suan(options.suan, "inspect", recipe)
    for share in SHARES:
        budget = round(share * whole["arena_bytes"] / 1e6)
        setting = ("--set", f"train.memory_mb={budget}") if share < 1 else ()
        size = compare.run_suan(options.suan, "inspect", recipe, *setting)
        ms = compare.run_suan(options.suan, "profile", recipe, "--steps", options.steps, *setting)["ms"]
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
    recipes = options.recipe or ("cifar10-resnet18", "shakespeare-gpt")
    compare.note((result for recipe in recipes for result in measure(recipe, options)), options.json)


if __name__ == "__main__":
    main()
