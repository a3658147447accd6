# One engine with one ONNX model, kept warm: answers "go N" on stdin with the time of a run.
# The protocol is described in compare.py; `suan bench infer --serve` speaks it too.
# SPDX-License-Identifier: Apache-2.0
"""usage: infer_worker.py ENGINE MODEL.onnx f32|bf16 BATCH THREADS

ENGINE: onnxruntime, openvino, torch-eager, torch-compile (the model from make_models.py, not the file)
Inputs are what `suan bench infer` makes up: integers 1; floats from the same file (input_NAME.npy beside the model).
"""
import json
import os
import pathlib
import sys
import time

import numpy as np


def status_mb(key):
    with open("/proc/self/status", encoding="ascii") as f:
        return next(int(line.split()[1]) for line in f if line.startswith(key)) / 1024


def inputs_for(model, batch):
    if "bert" in model or "gpt" in model:
        names = ["input_ids", "attention_mask"] + (["token_type_ids"] if "bert" in model else [])
        return {name: np.ones((batch, 128), np.int64) for name in names}
    return {"input": np.random.default_rng(1).uniform(-1, 1, (batch, 3, 224, 224)).astype(np.float32)}


def onnxruntime_run(path, precision, inputs, threads):
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return lambda: session.run(None, inputs)[0], onnxruntime.__version__


def openvino_run(path, precision, inputs, threads):
    import openvino
    core = openvino.Core()
    compiled = core.compile_model(path, "CPU", {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY",
                                                "INFERENCE_PRECISION_HINT": "bf16" if precision == "bf16" else "f32"})
    request = compiled.create_infer_request()
    return lambda: request.infer(inputs, share_inputs=True, share_outputs=True)[0], openvino.__version__.split("-")[0]


def torch_run(path, precision, inputs, threads, compiled):
    import torch
    import make_models
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    torch.set_grad_enabled(False)
    model = make_models.MODELS[pathlib.Path(path).stem]()[0].eval()
    make_models.as_if_trained(model)
    tensors = {name: torch.from_numpy(value) for name, value in inputs.items()}
    if "input" in tensors:  # the fastest setting of convolutions
        model = model.to(memory_format=torch.channels_last)
        tensors = {"input": tensors["input"].to(memory_format=torch.channels_last)}
    if compiled:
        model = torch.compile(model)

    def run():
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            result = model(tensors["input"]) if "input" in tensors else model(**tensors)
        result = result if isinstance(result, torch.Tensor) else result[0]
        return result.float().numpy()
    return run, torch.__version__


def main():
    engine, path, precision, batch, threads = sys.argv[1:4] + [int(a) for a in sys.argv[4:6]]
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    inputs = inputs_for(pathlib.Path(path).stem, batch)
    with open("/proc/self/clear_refs", "w", encoding="ascii") as f:
        f.write("5")
    before = status_mb("VmRSS")
    if engine == "onnxruntime":
        run, version = onnxruntime_run(path, precision, inputs, threads)
    elif engine == "openvino":
        run, version = openvino_run(path, precision, inputs, threads)
    else:
        run, version = torch_run(path, precision, inputs, threads, engine == "torch-compile")

    def answer(**fields):
        print(json.dumps(fields), file=answers, flush=True)

    for _ in range(3):
        result = run()
    answer(ready=True, version=version)
    for line in sys.stdin:
        words = line.split()
        if words[:1] == ["output"]:
            np.save(words[1], np.asarray(result, np.float32))
            answer(saved=words[1])
            continue
        if words[:1] == ["inputs"]:
            for name, value in inputs.items():
                np.save(f"{words[1]}/input_{name}.npy", value)
            answer(saved=words[1])
            continue
        if words[:1] != ["go"]:
            break
        times = []
        for _ in range(int(words[1])):
            start = time.perf_counter()
            run()
            times.append(time.perf_counter() - start)
        answer(ms=1e3 * sum(times) / len(times), ms_min=1e3 * min(times), peak_mb=status_mb("VmHWM") - before)


if __name__ == "__main__":
    main()
