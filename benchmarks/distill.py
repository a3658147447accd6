#!/usr/bin/env python3
# What a small model learns from a large trained one: the same recipe alone and with its teacher.
# SPDX-License-Identifier: Apache-2.0
"""usage: SUAN_DATA=... python3 benchmarks/distill.py --teacher RUN [--student RECIPE] [--seeds N] [--json FILE]

Trains the student's recipe with N seeds, each alone and with [[technique]] kind = "distill", and prints the accuracies on
the test set. RUN is the folder of a run of the teacher, such as $SUAN_RUNS/cifar10-resnet20-1.
"""
import argparse
import math
import os
import pathlib
import tempfile

import compare


def technique(options):
    values = {"kind": "distill", "teacher": options.teacher, "temperature": options.temperature, "alpha": options.alpha,
              "hidden": options.hidden, "attention": options.attention}
    return [f"technique.0.{name}={value}" for name, value in values.items()]


def train(options, runs, extra):
    """The report of each seed."""
    reports = []
    for seed in range(options.seeds):
        words = [word for pair in (*options.set, *extra, f"train.seed={seed}") for word in ("--set", pair)]
        reports.append(compare.run_suan(options.suan, "train", options.student, "--quiet", "--runs", runs, *words))
    return reports


def spread(values):
    mean = sum(values) / len(values)
    return mean, math.sqrt(sum((v - mean) ** 2 for v in values) / max(1, len(values) - 1))


def row(name, evaluation, accuracies, seconds):
    mean, deviation = spread(accuracies)
    flops = evaluation["gflops"] * evaluation["seconds"] / evaluation["samples"]
    return {"model": name, "mflop_per_sample": 1000 * flops, "accuracy": mean, "accuracy_std": deviation,
            "seeds": len(accuracies), "seconds": round(seconds, 1)}


def measure(options, runs):
    teacher = compare.run_suan(options.suan, "eval", options.teacher)
    yield row("teacher", teacher, [teacher["accuracy"]], 0)
    for name, extra in (("student alone", []), ("student with teacher", technique(options))):
        reports = train(options, runs, extra)
        evaluation = compare.run_suan(options.suan, "eval", reports[0]["run"])
        seconds = sum(r["seconds"] for r in reports) / len(reports)
        yield row(name, evaluation, [r["accuracy"] for r in reports], seconds)


def table(rows):
    yield "| model | MFLOP per sample | accuracy | seeds | seconds of a training |"
    yield "|---|---|---|---|---|"
    for r in rows:
        deviation = f" ± {100 * r['accuracy_std']:.2f}" if r["seeds"] > 1 else ""
        yield (f"| {r['model']} | {r['mflop_per_sample']:.2f} | {100 * r['accuracy']:.2f} %{deviation} | {r['seeds']} "
               f"| {r['seconds']} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--teacher", required=True, metavar="RUN")
    parser.add_argument("--student", default="cifar10-resnet20-small", metavar="RECIPE")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--temperature", type=float, default=4)
    parser.add_argument("--alpha", type=float, default=0.9)
    parser.add_argument("--hidden", type=float, default=0)
    parser.add_argument("--attention", type=float, default=0)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="of the student's recipe")
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--suan", default=compare.ROOT / "build/release/bin/suan", help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.teacher = str(pathlib.Path(options.teacher).resolve())
    with tempfile.TemporaryDirectory() as runs:
        rows = list(measure(options, runs))
    print("\n".join(table(rows)))
    if options.json:
        common = {"student": options.student, "temperature": options.temperature, "alpha": options.alpha,
                  "hidden": options.hidden, "attention": options.attention, "threads": len(os.sched_getaffinity(0)),
                  "suan": compare.suan_version(),
                  **compare.machine()}
        compare.write_json(options.json, [r | common for r in rows])


if __name__ == "__main__":
    main()
