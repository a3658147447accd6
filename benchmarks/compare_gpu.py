#!/usr/bin/env python3
# Compares Suan with PyTorch on one NVIDIA GPU, in turns: the bars of the CUDA backend.
# SPDX-License-Identifier: Apache-2.0
"""usage: compare_gpu.py [--row ROW]... [--json FILE]     (--help lists the rows and options)

Suan runs as `suan bench ... --serve`, PyTorch as torch_gpu_worker.py in several variants, of which
the fastest one counts. One run of this script takes both in turns on the same card. What cannot run
says "not run: reason". Without PyTorch, Suan is measured alone, and ratios to PyTorch are not run.

The JSON is a list of rows with the fields of `compare.py train` (case, precision, suan_ms, peer,
peer_ms, ratio, suan_peak_mb, peer_peak_mb, alternations, flops, parameters, suan, date, machine,
system), and
  row, what   the key and what it means
  ratio       Suan / best PyTorch, of the rate where there is one, else of the time; of a kernel,
              the share of its limit; of a row with `seconds`: seconds / bar_seconds
  unit, suan_rate, peer_rate   tokens/s or images/s
  better      "higher" or "lower"; bar, floor: what ratio and suan_rate must reach; met: if they do
  not_run     the reason why there is no ratio (met is null); failed: true where Suan is the reason
  device, driver, versions
Memory is what a process takes of the card, by NVML: with its context, and what its allocator keeps.
"""

import argparse
import contextlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import compare
import gpu_report
import nvml
from gpu_worker import GpuWorker, NotRun, SuanFails, alternate, cosine_of, model_file, start
from recipes import time_to

HERE = pathlib.Path(__file__).resolve().parent
TRAIN_VARIANTS = ("eager+graph", "compile+graph", "max-autotune", "eager")
INFER_VARIANTS = ("eager+graph", "reduce-overhead", "max-autotune")
KERNEL_MB, PRODUCT_SIZE = 2048, 8192
RESERVE = 20  # seconds of a row that are kept for what follows the trials of variants
ROWS = gpu_report.ROWS


def start_suan(stack, options, *words):
    command = [options.suan, "bench", *words, "--device", options.device, "--serve"]
    return start(stack, GpuWorker("suan", command, options.limit))


def start_peer(stack, options, variant, *words):
    if not options.torch:
        raise NotRun(f"PyTorch: {options.why_no_torch}")
    command = [options.python, HERE / "torch_gpu_worker.py", *words, variant]
    left = options.deadline - time.monotonic() - RESERVE
    if left < 1:
        raise NotRun(f"{variant}: no time was left (--seconds)")
    return start(stack, GpuWorker(variant, command, min(options.limit, left)))


def screen(stack, options, variants, *words):
    """The fastest variant, still running, and the least memory that one took; two run at most."""
    best, least, reasons = None, None, []
    for variant in options.variant or variants:
        with contextlib.ExitStack() as trial:
            before = options.memory_mb()
            try:
                peer = start_peer(trial, options, variant, *words)
                for _ in range(compare.SCREEN_ROUNDS):
                    peer.go()
            except NotRun as error:
                reasons.append(str(error))
                print(f"  left out: {error}", flush=True)
                continue
            taken = options.memory_mb() - before
            least = taken if least is None else min(least, taken)
            if best and min(best.times) <= min(peer.times):
                continue
            if best:
                best.close()
            best = peer
            stack.push(trial.pop_all())
    if not best:
        raise NotRun(reasons[0] if reasons else "no variant of PyTorch was asked for")
    best.times.clear()
    return best, least


def fields(options, suan, suan_ms, peer=None, peer_ms=None):
    result = {
        "suan_ms": round(suan_ms, 4),
        "suan_ms_min": round(min(suan.times), 4),
        "alternations": options.alternations,
        "suan": suan.ready["version"],
        "flops": suan.ready.get("flops", 0),
    }
    if peer:
        result |= {
            "peer": f"PyTorch {peer.ready['version']} {peer.name}",
            "peer_ms": round(peer_ms, 4),
            "peer_ms_min": round(min(peer.times), 4),
            "ratio": suan_ms / peer_ms,
        }
    return result


def train(options, row):
    """A step of training in turns; rows that share a case share the run, for its memory."""
    case, batch, per_sample = row["case"], row["batch"], row["per_sample"]
    with contextlib.ExitStack() as stack:
        before = options.memory_mb()
        suan = start_suan(
            stack, options, "train", "--case", case, "--precision", "bf16", "--batch", batch
        )
        taken = options.memory_mb() - before
        result = {
            "parameters": suan.ready["parameters"],
            "suan_peak_mb": round(taken, 1),
            "unit": row["unit"],
        }
        try:
            peer, least = screen(stack, options, TRAIN_VARIANTS, "train", case, batch)
        except NotRun as error:
            result["no_ratio"] = str(error)
            (suan_ms,) = alternate(options, suan)
            result |= fields(options, suan, suan_ms)
        else:
            if peer.ready["parameters"] != suan.ready["parameters"]:
                raise NotRun(
                    f"{suan.ready['parameters']} parameters in Suan, "
                    f"{peer.ready['parameters']} in PyTorch"
                )
            suan_ms, peer_ms = alternate(options, suan, peer)
            result |= fields(options, suan, suan_ms, peer, peer_ms)
            result |= {
                "peer_peak_mb": round(least, 1),
                "ratio": peer_ms / suan_ms,
                "memory_ratio": taken / max(least, 1e-9),
                "peer_rate": round(batch * per_sample / peer_ms * 1e3),
            }
    return result | {"suan_rate": round(batch * per_sample / suan_ms * 1e3)}


def infer(options, row):
    case = row["case"]
    if not options.torch:
        raise NotRun(f"PyTorch: {options.why_no_torch}")
    model = model_file(options, case)
    with contextlib.ExitStack() as stack:
        sizes = ["--dim", "seq=128"] if case in compare.LANGUAGE_MODELS else []
        suan = start_suan(
            stack, options, "infer", model, "--batch", 1, *sizes, "--precision", "bf16"
        )
        peer, _ = screen(stack, options, INFER_VARIANTS, "infer", case, 1)
        cosine = cosine_of(
            options, case, stack.enter_context(tempfile.TemporaryDirectory()), model, peer
        )
        if cosine < 0.999:
            raise SuanFails(f"outputs differ: their cosine is {cosine:.6f}")
        return fields(options, suan, *alternate_pair(options, suan, peer)) | {"cosine": cosine}


def alternate_pair(options, suan, peer):
    suan_ms, peer_ms = alternate(options, suan, peer)
    return suan_ms, peer, peer_ms


def product(options, _row):
    with contextlib.ExitStack() as stack:
        suan = start_suan(
            stack,
            options,
            "kernels",
            "--case",
            "product",
            "--size",
            PRODUCT_SIZE,
            "--precision",
            "bf16",
        )
        peer = start_peer(stack, options, "product", "kernel", PRODUCT_SIZE)
        suan_ms, peer, peer_ms = alternate_pair(options, suan, peer)
        return fields(options, suan, suan_ms, peer, peer_ms) | {"ratio": peer_ms / suan_ms}


def chain(options, _row):
    """The limit is the fastest copy: Suan's, or PyTorch's where that is there."""
    with contextlib.ExitStack() as stack:
        sizes = ["--megabytes", KERNEL_MB]
        suan = start_suan(stack, options, "kernels", "--case", "chain", *sizes)
        copies = [start_suan(stack, options, "kernels", "--case", "copy", *sizes)]
        beside = {}
        if options.torch:
            copies.append(start_peer(stack, options, "copy", "kernel", KERNEL_MB))
            compiled = start_peer(stack, options, "chain", "kernel", KERNEL_MB)
            copies.append(compiled)
        times = alternate(options, suan, *copies)
        if options.torch:
            beside = {"ratio_to_compiled": times[0] / times.pop()}
        limit = min(times[1:])
        return (
            fields(options, suan, times[0])
            | beside
            | {"peer": "a copy", "peer_ms": round(limit, 4), "ratio": limit / times[0]}
        )


def first_step(options, row):
    """From process start to the end of the first step; `warm` has what a run before it left."""
    with tempfile.TemporaryDirectory() as cache:
        env = {"XDG_CACHE_HOME": cache, "CUDA_CACHE_PATH": f"{cache}/driver"}
        command = [
            options.suan,
            "bench",
            "train",
            "--case",
            row["case"],
            "--precision",
            "bf16",
            "--device",
            options.device,
            "--batch",
            row["batch"],
            "--warmup",
            1,
            "--serve",
        ]
        for _ in range(2 if row["warm"] else 1):
            with contextlib.ExitStack() as stack:
                worker = start(stack, GpuWorker("suan", command, options.limit, env))
    return {
        "seconds": round(worker.first_answer - worker.began, 3),
        "suan": worker.ready["version"],
    }


def compare_version(options):
    done = subprocess.run(
        [str(options.suan), "--version"], capture_output=True, text=True, check=False
    )
    return done.stdout.strip().split()[-1] if done.stdout.strip() else "?"


def mnist(options, row):
    if not os.environ.get("SUAN_DATA"):
        raise NotRun("SUAN_DATA is not set")
    with tempfile.TemporaryDirectory() as folder:
        command = [
            str(options.suan),
            "train",
            "mnist-lenet",
            "--quiet",
            "--device",
            options.device,
            "--json",
        ]
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, check=False, timeout=options.limit
        )
        if done.returncode != 0:
            raise SuanFails(done.stderr.strip())
        report = json.loads(done.stdout.splitlines()[-1])
        reached = time_to(0.99, pathlib.Path(folder, report["run"]))
    if reached is None:
        raise SuanFails(f"99 % was not reached: {100 * report['accuracy']:.2f} %")
    return {"seconds": reached, "accuracy": report["accuracy"], "suan": compare_version(options)}


MEASURES = {
    "train": train,
    "infer": infer,
    "product": product,
    "chain": chain,
    "first": first_step,
    "mnist": mnist,
}


def measure(options, row):
    why_not = options.why_no_gpu
    options.deadline = time.monotonic() + options.seconds
    if not why_not:
        try:
            return MEASURES[row["measure"]](options, row)
        except SuanFails as error:
            return {"not_run": str(error), "failed": True}
        except NotRun as error:
            why_not = str(error)
        except subprocess.TimeoutExpired:
            why_not = f"took more than {options.limit:.0f} s"
    return {"not_run": why_not}


def look_around(options):
    """Whether there is a GPU and PyTorch, and what they are."""
    done = subprocess.run(
        [str(options.suan), "devices", "--json"], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise SystemExit(f"compare_gpu: {done.stderr.strip()}")
    devices = json.loads(done.stdout.splitlines()[-1])
    options.why_no_gpu = "" if devices["cuda"] else devices["cuda_why_not"]
    code = (
        "import torch; assert torch.cuda.is_available(), 'torch.cuda is not available'; "
        "print(torch.__version__)"
    )
    done = subprocess.run([options.python, "-c", code], capture_output=True, text=True, check=False)
    options.torch = done.stdout.strip() if done.returncode == 0 else ""
    options.why_no_torch = (done.stderr.strip().splitlines() or [""])[-1]
    index = int(options.device.partition(":")[2] or 0)
    options.memory_mb = lambda: nvml.used_mb(index)
    device = devices["cuda"][index]["model"] if index < len(devices["cuda"]) else ""
    return {
        "device": device,
        "driver": nvml.driver(),
        "versions": {"suan": compare_version(options), "torch": options.torch},
        **compare.machine(),
    }


def parse_options(words):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--row", action="append", choices=tuple(ROWS))
    parser.add_argument(
        "--variant", action="append", help="of PyTorch; default: all that torch_gpu_worker.py has"
    )
    parser.add_argument("--alternations", type=compare.at_least(1), default=5)
    parser.add_argument(
        "--limit", type=float, default=300, help="seconds for one answer of a worker"
    )
    parser.add_argument(
        "--seconds", type=float, default=1200, help="for a row: no variant of PyTorch starts later"
    )
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument(
        "--models",
        type=pathlib.Path,
        default=compare.ROOT / "build/models",
        help="where ONNX files are",
    )
    parser.add_argument("--python", default=sys.executable, help="the Python that has PyTorch")
    parser.add_argument("--suan", default=compare.ROOT / "build/release/bin/suan")
    return parser.parse_args(words)


def main():
    options = parse_options(sys.argv[1:])
    around = look_around(options)
    results = []
    print(gpu_report.HEAD, flush=True)
    for key in options.row or ROWS:
        if ROWS[key].get("with") in [r["row"] for r in results]:  # it was measured with another row
            found = gpu_report.shared(
                key, next(r for r in results if r["row"] == ROWS[key]["with"])
            )
        else:
            found = gpu_report.judged(key, measure(options, ROWS[key]))
        results.append(found | around)
        print(gpu_report.line(results[-1]), flush=True)
        if options.json:
            compare.write_json(options.json, results)


if __name__ == "__main__":
    main()
