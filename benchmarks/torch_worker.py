# One PyTorch variant of one benchmark case, kept warm: answers "go N" on stdin with the time of a step.
# The protocol is described in compare.py; `suan bench train --serve` speaks it too.
# SPDX-License-Identifier: Apache-2.0
"""usage: torch_worker.py CASE f32|bf16 VARIANT THREADS

A VARIANT is words joined by '+': eager or compile (Inductor), then any of
  nhwc      channels_last memory format (image models)
  pure      bf16: parameters and optimizer state in bf16 (without it: autocast, f32 parameters)
"""
import contextlib
import json
import os
import sys
import time


def status_mb(key):
    with open("/proc/self/status", encoding="ascii") as f:
        return next(int(line.split()[1]) for line in f if line.startswith(key)) / 1024


def main():
    name, precision, variant, threads = sys.argv[1], sys.argv[2], sys.argv[3].split("+"), int(sys.argv[4])
    answers = os.fdopen(os.dup(1), "w")  # Inductor's own printing must not be taken for an answer
    os.dup2(2, 1)
    import torch
    import torch_models
    torch.set_num_threads(threads)
    torch.set_num_interop_threads(1)
    torch.set_flush_denormal(True)
    torch.manual_seed(1)
    case = torch_models.CASES[name]
    x, y = torch_models.make_batch(case)
    with open("/proc/self/clear_refs", "w", encoding="ascii") as f:
        f.write("5")  # the peak counts from here
    before = status_mb("VmRSS")

    model = torch_models.make_model(case)
    bf16 = precision == "bf16"
    if bf16 and "pure" in variant:
        model = model.to(torch.bfloat16)
        x = x.to(torch.bfloat16) if x.is_floating_point() else x
    if "nhwc" in variant:
        model, x = model.to(memory_format=torch.channels_last), x.to(memory_format=torch.channels_last)
    optimizer = torch_models.make_optimizer(case, model)
    autocast = bf16 and "pure" not in variant

    def loss_of(x, y):
        with torch.autocast("cpu", torch.bfloat16) if autocast else contextlib.nullcontext():
            return torch.nn.functional.cross_entropy(model(x), y)

    if "compile" in variant:
        loss_of = torch.compile(loss_of)

    def step():
        loss = loss_of(x, y)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return loss

    def run(steps):
        times = []
        for _ in range(steps):
            start = time.perf_counter()
            step()
            times.append(time.perf_counter() - start)
        return times

    def answer(**fields):
        print(json.dumps(fields), file=answers, flush=True)

    run(2)
    answer(ready=True, case=name, precision=precision, parameters=case.parameters,
           version=torch.__version__)
    for line in sys.stdin:
        words = line.split()
        if words[:1] != ["go"]:
            break
        times = run(int(words[1]))
        answer(ms=1e3 * sum(times) / len(times), ms_min=1e3 * min(times),
               peak_mb=status_mb("VmHWM") - before)


if __name__ == "__main__":
    main()
