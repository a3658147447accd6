#!/usr/bin/env python3
# Suan and PyTorch start from the same weights and see the same batches: their losses must agree.
# SPDX-License-Identifier: Apache-2.0
"""usage: build/bench-venv/bin/python benchmarks/parity.py [--case NAME]... [--steps N] [--json FILE]

Plain SGD in f32, no augmentation. Passes (exit code 0) if each of the first 20 losses agrees within 1e-3, relative,
and the means of all losses within 3 %. The data are made up: images with a faint pattern for each class, tokens
that mostly follow a rule, both with enough noise that the losses stay away from zero. Training amplifies rounding
differences: with resnet18 at a rate of 0.02, PyTorch in f32 is 1e-2 away from PyTorch in f64 (and from itself in
another memory format) after ten steps, so the rates are ones at which PyTorch agrees with itself. `control` is that: PyTorch in
channels_last against PyTorch.
"""
import argparse
import copy
import json
import os
import pathlib
import struct
import subprocess
import sys
import tempfile

import torch
import torch_models

import compare

PROGRAM = compare.ROOT / "build/release/benchmarks/parity"
LEARNING_RATE = {"resnet18": 0.002, "gpt-mini": 0.2}
MODEL = {"resnet18": "resnet18", "gpt-mini": "gpt"}
FIRST_BOUND, MEAN_BOUND = 1e-3, 0.03


def write_safetensors(path, tensors):
    """A file of https://huggingface.co/docs/safetensors; offsets stay aligned, since 8-byte types come first."""
    names = sorted(tensors, key=lambda name: -tensors[name].element_size())
    header, offset = {}, 0
    for name in names:
        tensor = tensors[name]
        end = offset + tensor.numel() * tensor.element_size()
        header[name] = {"dtype": {torch.float32: "F32", torch.int64: "I64"}[tensor.dtype],
                        "shape": list(tensor.shape), "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        for name in names:
            f.write(tensors[name].detach().contiguous().numpy().tobytes())


def image_batches(case, steps):
    patterns = torch.nn.functional.interpolate(torch.randn(case.classes, 3, 8, 8), size=case.input[2:], mode="bilinear")
    y = torch.randint(case.classes, (steps, case.input[0]))
    x = 0.5 * patterns[y] + torch.randn(steps, *case.input)
    wrong = torch.rand(y.shape) < 0.2
    return x, torch.where(wrong, torch.randint(case.classes, y.shape), y)


def token_batches(case, steps):
    rows, length = case.input
    follows = torch.randperm(case.classes)
    tokens = [torch.randint(case.classes, (steps, rows))]
    for _ in range(length):
        noise = torch.rand(steps, rows) < 0.3
        tokens.append(torch.where(noise, torch.randint(case.classes, (steps, rows)), follows[tokens[-1]]))
    tokens = torch.stack(tokens, dim=2)
    return tokens[..., :-1].contiguous(), tokens[..., 1:].contiguous()


def relative(ours, theirs):
    return max(abs(a - b) / abs(b) for a, b in zip(ours, theirs))


def torch_losses(model, x, y, lr):
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    losses = []
    for inputs, labels in zip(x, y):
        loss = torch.nn.functional.cross_entropy(model(inputs), labels.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def suan_losses(name, folder, threads):
    command = [PROGRAM, MODEL[name], folder / "weights.safetensors", folder / "batches.safetensors", LEARNING_RATE[name]]
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, check=False,
                          env=dict(os.environ, SUAN_THREADS=str(threads)))
    if done.returncode != 0:
        sys.exit(done.stderr.strip() or f"parity: {PROGRAM} failed")
    return [float(line) for line in done.stdout.split()]


def check(name, steps, threads):
    torch.manual_seed(1)
    case = torch_models.CASES[name]
    model = torch_models.make_model(case)
    x, y = (image_batches if case.images else token_batches)(case, steps)
    with tempfile.TemporaryDirectory() as text:
        folder = pathlib.Path(text)
        weights = {key: value for key, value in model.state_dict().items() if key != "lm_head.weight"}  # tied
        write_safetensors(folder / "weights.safetensors", weights)
        write_safetensors(folder / "batches.safetensors", {"x": x, "y": y})
        ours = suan_losses(name, folder, threads)
    other = copy.deepcopy(model).to(memory_format=torch.channels_last) if case.images else None
    theirs = torch_losses(model, x, y, LEARNING_RATE[name])
    first = relative(ours[:20], theirs[:20])
    control = 0
    if other:
        x = [batch.to(memory_format=torch.channels_last) for batch in x[:20]]
        control = relative(torch_losses(other, x, y, LEARNING_RATE[name]), theirs)
    mean = abs(sum(ours) / sum(theirs) - 1)
    print(f"{name:10} loss {theirs[0]:.4f} to {theirs[-1]:.4f}; first 20: {first:.1e} (control {control:.1e}), "
          f"mean of {steps}: {mean:.1e}", flush=True)
    return {"parity": name, "steps": steps, "first_20": first, "control": control, "mean": mean, "first_loss": theirs[0],
            "last_loss": theirs[-1], "threads": threads, "peer": f"PyTorch {torch.__version__}",
            "suan": compare.suan_version(), **compare.machine()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", action="append", choices=tuple(LEARNING_RATE))
    parser.add_argument("--steps", type=compare.at_least(1), default=100)
    parser.add_argument("--threads", type=compare.at_least(1), default=min(2, len(os.sched_getaffinity(0))))
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    results = [check(name, options.steps, options.threads) for name in options.case or LEARNING_RATE]
    if options.json:
        compare.write_json(options.json, results)
    sys.exit(any(r["first_20"] > FIRST_BOUND or r["mean"] > MEAN_BOUND for r in results))


if __name__ == "__main__":
    main()
