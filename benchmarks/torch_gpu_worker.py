# One PyTorch variant of one GPU benchmark, kept warm: answers "go N" on stdin with a step's time.
# The protocol is described in compare.py; `suan bench ... --serve` speaks it too.
# SPDX-License-Identifier: Apache-2.0
"""usage: torch_gpu_worker.py train CASE BATCH VARIANT | infer MODEL BATCH VARIANT
       torch_gpu_worker.py kernel SIZE product|chain|copy     (SIZE: of the product, or MiB)

bf16: training by autocast with f32 parameters and the fused optimizer, inference with bf16 weights
from host memory to host memory; attention is SDPA, images are channels_last. A VARIANT is words
joined by '+': eager, compile (Inductor, max-autotune without its CUDA graphs), max-autotune or
reduce-overhead (torch.compile's modes, which use CUDA graphs), and graph (the whole step is
captured by torch.cuda.graph).
"""
import json
import os
import pathlib
import sys
import time

import torch


def captured(step):
    """The step as one CUDA graph, after what may only happen outside of it."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        result = step()
    return graph, result


def compiled(function, words):
    if "compile" in words:
        return torch.compile(function, mode="max-autotune-no-cudagraphs")
    for mode in ("max-autotune", "reduce-overhead"):
        if mode in words:
            return torch.compile(function, mode=mode)
    return function


def optimizer_of(case, model, words):
    if case.optimizer == "sgd":
        return torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, fused=True)
    return torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01, fused=True,
                             capturable="graph" in words)


def training(name, batch, words):
    import torch_models
    case = torch_models.CASES[name]._replace(
        input=(batch, *torch_models.CASES[name].input[1:]))
    x, y = (t.cuda() for t in torch_models.make_batch(case))
    model = torch_models.make_model(case).cuda()
    if case.images:
        model = model.to(memory_format=torch.channels_last)
        x = x.to(memory_format=torch.channels_last)
    optimizer = optimizer_of(case, model, words)

    def loss_of(x, y):
        with torch.autocast("cuda", torch.bfloat16, cache_enabled="graph" not in words):
            return torch.nn.functional.cross_entropy(model(x), y)

    loss_of = compiled(loss_of, words)

    def step():
        optimizer.zero_grad(set_to_none=True)
        loss = loss_of(x, y)
        loss.backward()
        optimizer.step()
        return loss

    if "graph" in words:
        graph, _ = captured(step)
        return {"run": per_step(graph.replay), "parameters": case.parameters}
    return {"run": per_step(step), "parameters": case.parameters}


def per_step(step):
    """Seconds of each of n steps, which are not waited for one by one: their mean."""
    def run(n):
        torch.cuda.synchronize()
        start = time.perf_counter()
        for _ in range(n):
            step()
        torch.cuda.synchronize()
        return [(time.perf_counter() - start) / n] * n
    return run


def inference(name, batch, words):
    import infer_worker
    import make_models
    torch.manual_seed(1)
    torch.set_grad_enabled(False)
    model = make_models.MODELS[name]()[0].eval()
    make_models.as_if_trained(model)
    model = model.to("cuda", torch.bfloat16)
    inputs = infer_worker.inputs_for(name, batch)
    host = {key: torch.from_numpy(value).pin_memory() for key, value in inputs.items()}
    there = {key: value.cuda() for key, value in host.items()}
    if "input" in inputs:
        model = model.to(memory_format=torch.channels_last)

    def forward():
        if "input" in there:
            image = there["input"].to(torch.bfloat16, memory_format=torch.channels_last)
            result = model(image)
        else:
            result = model(**there)
        return (result if isinstance(result, torch.Tensor) else result[0]).float()

    forward = compiled(forward, words)
    graph, fixed = captured(forward) if "graph" in words else (None, None)

    def once():
        for key, value in host.items():
            there[key].copy_(value, non_blocking=True)
        if graph:
            graph.replay()
        return (fixed if graph else forward()).cpu().numpy()

    def run(n):
        times = []
        for _ in range(n):
            start = time.perf_counter()
            once()
            times.append(time.perf_counter() - start)
        return times
    return {"run": run, "once": once, "inputs": inputs}


def kernel(size, name):
    if name == "product":
        a, b = (torch.rand(size, size, device="cuda", dtype=torch.bfloat16) for _ in range(2))
        out = torch.empty_like(a)
        return {"run": by_events(lambda: torch.matmul(a, b, out=out))}
    x = torch.rand(size << 18, device="cuda")
    if name == "copy":
        y = torch.empty_like(x)
        return {"run": by_events(lambda: y.copy_(x))}

    def chain(a):
        b = torch.clamp(a * 1.5 + 0.25, min=-0.5)
        return torch.clamp(b * 0.75 + 0.125, min=0.0625) * 0.5 + 1.0
    fused = torch.compile(chain)
    return {"run": by_events(lambda: fused(x))}


def by_events(step):
    """Seconds of each of n steps by the card's clock."""
    def run(n):
        times = []
        for _ in range(n):
            start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            start.record()
            step()
            end.record()
            end.synchronize()
            times.append(start.elapsed_time(end) / 1e3)
        return times
    return run


def make(words):
    kind, name, number = words[:3]
    if kind == "kernel":
        return kernel(int(name), number)
    variant = words[3].split("+")
    return (training if kind == "train" else inference)(name, int(number), variant)


def save(made, folder):
    import numpy
    for name, value in made["inputs"].items():
        numpy.save(pathlib.Path(folder, f"input_{name}.npy"), value)
    numpy.save(pathlib.Path(folder, "peer.npy"), made["once"]())


def main():
    answers = os.fdopen(os.dup(1), "w")  # Inductor's own printing is no answer
    os.dup2(2, 1)
    torch.manual_seed(1)
    torch.backends.cudnn.benchmark = True
    torch.set_float32_matmul_precision("high")
    made = make(sys.argv[1:])

    def answer(**fields):
        print(json.dumps(fields), file=answers, flush=True)

    made["run"](3)
    answer(ready=True, version=torch.__version__, parameters=made.get("parameters", 0))
    for line in sys.stdin:
        words = line.split()
        if words[:1] == ["output"]:
            save(made, words[1])
            answer(saved=words[1])
            continue
        if words[:1] != ["go"]:
            break
        times = made["run"](int(words[1]))
        answer(ms=1e3 * sum(times) / len(times), ms_min=1e3 * min(times),
               peak_mb=torch.cuda.max_memory_allocated() / 1e6)


if __name__ == "__main__":
    main()
