#!/usr/bin/env python3
# INT8 against our own exact f32, and against the peers' INT8 by their own quantizers, side by side.
# SPDX-License-Identifier: Apache-2.0
"""usage: int8.py [--case resnet50|bert_base]... [--batch N]... [--alternations N] [--json FILE]

Makes what is missing in build/models: the models (make_models.py), the peers' quantized ones (quantize_models.py, which needs nncf in
the environment of `setup infer`), and ours: `suan compress MODEL --quantize int8` on 128 made-up samples. Prints medians and ratios.
"""
import argparse
import contextlib
import json
import statistics
import subprocess

from compare import PYTHON, ROOT, Worker, machine, suan_version

CASES = ("resnet50", "bert_base")
MODELS = ROOT / "build/models"
SAMPLES = """
import sys
import numpy as np
name, path, n = sys.argv[1], sys.argv[2], 128
random = np.random.default_rng(7)
if name == "resnet50":
    np.savez(path, input=random.uniform(-1, 1, (n, 3, 224, 224)).astype(np.float32))
else:
    ids = random.integers(0, 30000, (n, 128))
    np.savez(path, input_ids=ids, attention_mask=np.ones_like(ids), token_type_ids=np.zeros_like(ids))
"""


def prepare(case, suan):
    if not (MODELS / f"{case}.onnx").exists():
        subprocess.run([ROOT / "benchmarks/make_models.py", case], check=True)
    subprocess.run([ROOT / "benchmarks/quantize_models.py", case], check=True, stdout=subprocess.DEVNULL)
    ours = MODELS / f"{case}.int8.onnx"
    if not ours.exists():
        samples = MODELS / f"{case}.npz"
        subprocess.run([PYTHON, "-c", SAMPLES, case, samples], check=True)
        subprocess.run([suan, "compress", MODELS / f"{case}.onnx", "--data", samples, "--quantize", "int8", "--output", ours],
                       check=True)


def workers(stack, case, batch, options):
    length = ["--dim", "seq=128"] if case == "bert_base" else []

    def ours(name, model, *flags):
        return Worker(name, [options.suan, "bench", "infer", MODELS / model, "--batch", batch, "--threads", options.threads, "--serve",
                             *flags], options.threads)

    def peer(name, engine, model, precision):
        script = ROOT / "benchmarks/infer_worker.py"
        return Worker(name, [PYTHON, script, engine, MODELS / model, precision, batch, options.threads], options.threads)
    made = [ours("suan f32 exact", f"{case}.onnx", "--exact", *length), ours("suan int8", f"{case}.int8.onnx"),
            peer("onnxruntime int8", "onnxruntime", f"{case}.onnxruntime.onnx", "f32"),
            peer("openvino int8", "openvino", f"{case}.openvino.xml", "f32"),
            peer("openvino int8 + bf16", "openvino", f"{case}.openvino.xml", "bf16")]
    for worker in made:
        stack.callback(worker.close)
        if not worker.ready:
            raise SystemExit(f"int8: {worker.name} cannot run {case}: {worker.error}")
    return made


def measure(case, batch, options):
    with contextlib.ExitStack() as stack:
        made = workers(stack, case, batch, options)
        for _ in range(options.alternations):
            for worker in made:
                worker.go()
        times = {worker.name: statistics.median(worker.times) for worker in made}
    mine = times["suan int8"]
    best = min((name for name in times if not name.startswith("suan")), key=times.get)
    return {"int8": case, "threads": options.threads, "suan": suan_version(), **machine(), "batch": batch, "times_ms": {name: round(ms, 3) for name, ms in times.items()},
            "to_exact": round(mine / times["suan f32 exact"], 3), "best_peer": best, "to_best_peer": round(mine / times[best], 3)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--case", action="append", choices=CASES)
    parser.add_argument("--batch", action="append", type=int)
    parser.add_argument("--alternations", type=int, default=9)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--suan", default=ROOT / "build/release/bin/suan", help=argparse.SUPPRESS)
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args()
    results = []
    for case in options.case or CASES:
        prepare(case, options.suan)
        for batch in options.batch or (1, 8):
            results.append(measure(case, batch, options))
            print(json.dumps(results[-1]), flush=True)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(results, file, indent=1)


if __name__ == "__main__":
    main()
