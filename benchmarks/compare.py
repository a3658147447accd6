#!/usr/bin/env python3
# Compares Suan with PyTorch on one machine, side by side: a number here is a ratio of two times taken seconds apart.
# SPDX-License-Identifier: Apache-2.0
"""Benchmarks against PyTorch, ONNX Runtime and OpenVINO.

  compare.py train [--case NAME]... [--precision f32|bf16]... [--json FILE]
  compare.py infer [--case NAME]... [--precision f32|bf16]... [--batch N]... [--json FILE]
  compare.py report FILE... [--output docs/benchmarks.md]

A case is trained by warm workers that take turns: one of `suan bench train --serve` and one of torch_worker.py for
each variant of PyTorch. After some rounds the slow variants leave; the two fastest and Suan then
alternate. The peer is the variant with the lowest median; its memory is the lowest of all variants.

Protocol of a worker: it builds the model, warms up and prints one line of JSON with "ready": true, "parameters" and
"version", and from Suan also "flops" (counted, of one step). Then it answers each line of its input with one
line of JSON:
  go N   runs N steps           {"ms": mean of a step, "ms_min": the fastest, "peak_mb": peak memory until now}
  peak   measures the machine   {"gflops": arithmetic in registers, same threads and precision}   (Suan only; the best counts)
  (end)  the worker leaves
Memory is peak RSS minus RSS just before the model is built, the input batch already in memory.
"""
import argparse
import contextlib
import datetime
import json
import os
import pathlib
import platform
import re
import statistics
import subprocess
import sys
import tempfile

import report

ROOT = pathlib.Path(__file__).resolve().parent.parent
PYTHON = ROOT / "build/bench-venv/bin/python"
CASES = ("mlp", "lenet", "resnet18", "gpt-mini", "gpt-small")
IMAGE_CASES = ("lenet", "resnet18")
LANGUAGE_MODELS = ("bert_6x384", "bert_base", "gpt2")  # their length is open
MODELS = ("resnet50", "mobilenet_v3", "vit_b_16", *LANGUAGE_MODELS)
ENGINES = ("onnxruntime", "openvino", "torch-eager", "torch-compile")
BURST_MS = 250
SCREEN_ROUNDS = 2
FINALISTS = 2


class Worker:
    """A process that keeps one engine's training step warm."""

    def __init__(self, name, command, threads):
        self.name, self.times, self.steps = name, [], 1
        self.errors = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")
        self.process = subprocess.Popen([str(c) for c in command], text=True, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=self.errors,
                                        env=dict(os.environ, OMP_NUM_THREADS=str(threads)))
        self.ready = self.read()
        self.peak_mb = 0
        if self.ready:
            self.go()
            self.steps = max(1, min(2000, round(BURST_MS / self.times[0])))
            self.times.clear()

    def read(self):
        for line in self.process.stdout:
            if line.startswith("{"):
                return json.loads(line)
        self.process.wait()
        self.errors.seek(0)
        self.error = (self.errors.read().strip().splitlines() or ["no output"])[-1]
        return None

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        reply = self.read()
        if reply is None:
            raise SystemExit(f"compare: {self.name} stopped: {self.error}")
        return reply

    def go(self):
        reply = self.ask(f"go {self.steps}")
        self.times.append(reply["ms"])
        self.peak_mb = reply["peak_mb"]

    def close(self):
        if not self.errors.closed:
            self.process.communicate()
            self.errors.close()


def start_peers(stack, variants, case, precision, threads):
    """Workers for those of the variants that PyTorch can run, after a little running."""
    peers = []
    for variant in variants:
        script = ROOT / "benchmarks/torch_worker.py"
        worker = Worker(variant, [PYTHON, script, case, precision, variant, threads], threads)
        stack.callback(worker.close)
        if worker.ready:
            peers.append(worker)
        else:
            print(f"  PyTorch {variant} left out: {worker.error[:100]}", flush=True)
    for _ in range(SCREEN_ROUNDS):
        for peer in peers:
            peer.go()
    if not peers:
        raise SystemExit(f"compare: no variant of PyTorch ran {case} {precision}")
    return sorted(peers, key=lambda peer: min(peer.times))


def screen(stack, case, precision, threads):
    """All variants of PyTorch, the fastest ones first: torch.compile tries what eager found best."""
    layouts = ("", "+nhwc") if case in IMAGE_CASES else ("",)
    weights = ("", "+pure") if precision == "bf16" else ("",)
    eager = ["eager" + layout + weight for layout in layouts for weight in weights]
    peers = start_peers(stack, eager, case, precision, threads)
    weight = "+pure" if peers[0].name.endswith("+pure") else ""
    peers += start_peers(stack, ["compile" + layout + weight for layout in layouts], case, precision, threads)
    peers.sort(key=lambda peer: min(peer.times))
    for peer in peers[FINALISTS:]:
        peer.close()
    for peer in peers:
        peer.times.clear()
    return peers


def compare(stack, case, precision, options):
    suan = Worker("suan", [options.suan, "bench", "train", "--case", case, "--precision", precision,
                           "--threads", options.threads, "--serve"], options.threads)
    stack.callback(suan.close)
    if not suan.ready:
        raise SystemExit(f"compare: suan cannot run {case} {precision}: {suan.error}")
    peers = screen(stack, case, precision, options.threads)
    finalists = peers[:FINALISTS]
    if suan.ready["parameters"] != peers[0].ready["parameters"]:
        raise SystemExit(f"compare: {case} has {suan.ready['parameters']} parameters in Suan and "
                         f"{peers[0].ready['parameters']} in PyTorch")
    peaks = []
    for _ in range(options.alternations):
        suan.go()
        peaks.append(suan.ask("peak")["gflops"])
        for peer in finalists:
            peer.go()
    best = min(finalists, key=lambda peer: statistics.median(peer.times))
    suan_ms, peer_ms = statistics.median(suan.times), statistics.median(best.times)
    return {
        "case": case, "precision": precision, "suan_ms": round(suan_ms, 4),
        "peer": f"PyTorch {best.ready['version']} {best.name}", "peer_ms": round(peer_ms, 4),
        "ratio": round(suan_ms / peer_ms, 4), "suan_peak_mb": round(suan.peak_mb, 1),
        "peer_peak_mb": round(min(peer.peak_mb for peer in peers), 1),
        "percent_of_peak": round(100 * suan.ready["flops"] / suan_ms / 1e6 / max(peaks), 1),
        "suan_ms_min": round(min(suan.times), 4), "peer_ms_min": round(min(best.times), 4),
        "alternations": options.alternations, "threads": options.threads, "flops": suan.ready["flops"],
        "parameters": suan.ready["parameters"], "suan": suan.ready["version"], **machine()}


def infer_peers(stack, case, precision, batch, threads):
    path = ROOT / f"build/models/{case}.onnx"
    engines = ["openvino", "torch-eager", "torch-compile"] if precision == "bf16" else list(ENGINES)
    peers = []
    for engine in engines:
        worker = Worker(engine, [PYTHON, ROOT / "benchmarks/infer_worker.py", engine, path, precision, batch, threads],
                        threads)
        stack.callback(worker.close)
        if worker.ready:
            peers.append(worker)
        else:
            print(f"  {engine} left out: {worker.error[:100]}", flush=True)
    return peers


def outputs_agree(options, case, precision, peer, folder):
    """The largest difference between Suan's first output and the peer's, relative to the peer's largest value, and the cosine.
    In 16 bits the other side is our own exact f32."""
    peer.ask(f"inputs {folder}")
    inputs = [word for path in pathlib.Path(folder).glob("input_*.npy")
              for word in ("--input", f"{path.stem[6:]}={path}")]

    def run(*flags):
        subprocess.run([options.suan, "run", ROOT / f"build/models/{case}.onnx", *inputs, *flags, "--save", folder], check=True,
                       capture_output=True)

    if precision == "f32":
        peer.ask(f"output {folder}/peer.npy")
    else:
        run("--exact")
        os.replace(f"{folder}/output_0.npy", f"{folder}/peer.npy")
    run("--precision", precision)
    code = ("import sys, numpy as n; a, b = (n.load(p).astype('f8') for p in sys.argv[1:]);"
            "print(abs(a - b).max() / abs(b).max(), (a * b).sum() / n.sqrt((a * a).sum() * (b * b).sum()))")
    done = subprocess.run([PYTHON, "-c", code, f"{folder}/output_0.npy", f"{folder}/peer.npy"], check=True,
                          capture_output=True, text=True)
    return [float(word) for word in done.stdout.split()]


def suan_worker(stack, case, precision, batch, options, *flags):
    sizes = ["--batch", batch, *(["--dim", "seq=128"] if case in LANGUAGE_MODELS else [])]
    suan = Worker("suan", [options.suan, "bench", "infer", ROOT / f"build/models/{case}.onnx", *sizes, "--precision", precision,
                           "--threads", options.threads, "--serve", *flags], options.threads)
    stack.callback(suan.close)
    if not suan.ready:
        raise SystemExit(f"compare: suan cannot run {case} {precision}: {suan.error}")
    return suan


def compare_infer(stack, case, precision, batch, options):
    suan = suan_worker(stack, case, precision, batch, options)
    peers = infer_peers(stack, case, precision, batch, options.threads)
    if not peers:
        raise SystemExit("compare: no peer can be started")
    folder = stack.enter_context(tempfile.TemporaryDirectory())
    difference, cosine = outputs_agree(options, case, precision, peers[0], folder)
    if cosine < (0.999 if precision == "bf16" else 0.9999):
        raise SystemExit(f"compare: {case} {precision}: outputs differ (cosine {cosine:.6f}, largest {difference:.2e})")
    exact = suan_worker(stack, case, "f32", batch, options, "--exact") if precision == "bf16" else None
    peaks = []
    for _ in range(options.alternations):
        suan.go()
        peaks.append(suan.ask("peak")["gflops"])
        for worker in [*peers, *([exact] if exact else [])]:
            worker.go()
    suan_ms = statistics.median(suan.times)
    beside = {"ratio_to_exact": round(suan_ms / statistics.median(exact.times), 4)} if exact else {}
    times = {peer.name: statistics.median(peer.times) for peer in peers}
    best = min(times, key=times.get)
    return {
        "case": case, "precision": precision, "batch": batch, "threads": options.threads, "suan_ms": round(suan_ms, 4),
        "peer": best, "peer_ms": round(times[best], 4), "ratio": round(suan_ms / times[best], 4),
        "ratio_to": {name: round(suan_ms / ms, 4) for name, ms in times.items()},
        "versions": {peer.name: peer.ready["version"] for peer in peers},
        "suan_peak_mb": round(suan.peak_mb, 1), "peer_peak_mb": round(min(peer.peak_mb for peer in peers), 1),
        "percent_of_peak": round(100 * suan.ready["flops"] / suan_ms / 1e6 / max(peaks), 1),
        "suan_ms_min": round(min(suan.times), 4), "alternations": options.alternations,
        "difference": difference, "cosine": cosine, "flops": suan.ready["flops"], "suan": suan.ready["version"],
        **beside, **machine()}


def infer(options):
    make_models(options.case or MODELS)
    results = []
    print(report.INFER_HEAD, flush=True)
    for case in options.case or MODELS:
        for precision in options.precision or ("f32", "bf16"):
            for batch in options.batch or (1, 8):
                with contextlib.ExitStack() as stack:
                    results.append(compare_infer(stack, case, precision, batch, options))
                print(report.infer_row(results[-1]), flush=True)
                if options.json:
                    write_json(options.json, results)


def machine():
    with open("/proc/cpuinfo", encoding="ascii") as f:
        models = [line.split(":", 1)[1].strip() for line in f if line.startswith("model name")]
    return {"date": datetime.date.today().isoformat(), "machine": f"{models[0]}, {len(models)} cores",
            "system": f"Linux {platform.release().split('-')[0]}"}


def suan_version():
    text = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
    return re.search(r"^project\(suan VERSION (\S+)", text, re.MULTILINE).group(1)


def run_suan(program, *words, **options):
    """What a command of suan reports as JSON; it runs in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([str(program), *map(str, words), "--json"], cwd=folder, capture_output=True, text=True, check=False,
                              **options)
    if done.returncode != 0:
        raise SystemExit(f"{pathlib.Path(sys.argv[0]).stem}: {done.stderr.strip()}")
    return json.loads(done.stdout.splitlines()[-1])


def note(measured, path):
    """Prints results as they come and, unless the path is None, writes them into that file."""
    results = []
    for result in measured:
        results.append(result)
        print(json.dumps(result), flush=True)
        if path:
            write_json(path, results)


def write_json(path, results):
    beside = path + ".part"
    with open(beside, "w", encoding="utf-8") as f:
        json.dump(results, f, indent=1)
        f.write("\n")
    os.replace(beside, path)


def train(options):
    if not PYTHON.exists():
        subprocess.run([ROOT / "benchmarks/setup"], check=True)
    results = []
    print(report.HEAD, flush=True)
    for case in options.case or CASES:
        for precision in options.precision or ("f32", "bf16"):
            with contextlib.ExitStack() as stack:
                results.append(compare(stack, case, precision, options))
            print(report.row(results[-1]), flush=True)
            if options.json:
                write_json(options.json, results)


def at_least(least):
    def parse(text):
        if int(text) < least:
            raise argparse.ArgumentTypeError(f"got {text}, expected {least} or more")
        return int(text)
    return parse


def add_options(command):
    """What all scripts that measure Suan take."""
    command.add_argument("--json", metavar="FILE")
    command.add_argument("--threads", type=at_least(1), default=min(2, len(os.sched_getaffinity(0))))
    command.add_argument("--suan", default=ROOT / "build/release/bin/suan", help=argparse.SUPPRESS)


def make_models(names):
    subprocess.run([ROOT / "benchmarks/make_models.py", *names], check=True, stdout=subprocess.DEVNULL)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("train", help="time and memory of a training step")
    command.add_argument("--case", action="append", choices=CASES)
    command.add_argument("--precision", action="append", choices=("f32", "bf16"))
    command.add_argument("--alternations", type=at_least(1), default=9)
    add_options(command)
    command.set_defaults(run=train)
    command = commands.add_parser("infer", help="time and memory of a run of an ONNX model")
    command.add_argument("--case", action="append", choices=MODELS)
    command.add_argument("--precision", action="append", choices=("f32", "bf16"))
    command.add_argument("--batch", action="append", type=at_least(1))
    command.add_argument("--alternations", type=at_least(1), default=9)
    add_options(command)
    command.set_defaults(run=infer)
    command = commands.add_parser("report", help="the page of measured numbers")
    command.add_argument("files", nargs="+", metavar="FILE")
    command.add_argument("--output", metavar="FILE", help="default: standard output")
    command.set_defaults(run=report.write)
    options = parser.parse_args()
    options.run(options)


if __name__ == "__main__":
    main()
