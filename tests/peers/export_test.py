#!/usr/bin/env python3
"""ONNX Runtime runs what Suan exports to the same results: a trained model at several batch sizes, its training step
from one step to the next, and every op of the op suite; onnx.checker accepts all of it."""
# SPDX-License-Identifier: Apache-2.0
# needs: onnx onnxruntime
import collections
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy
import onnx
import onnxruntime

ROOT = pathlib.Path(__file__).resolve().parents[2]
SUAN = ROOT / "build/release/bin/suan"
OPS_TESTS = ROOT / "build/release/bin/suan_ops_tests"
onnxruntime.set_default_logger_severity(4)


def suan(*arguments):
    done = subprocess.run([SUAN, *map(str, arguments)], text=True, stdout=subprocess.PIPE, check=True)
    return done.stdout


def train(folder, *settings):
    """Trains LeNet on a few digits; gives the run's folder."""
    sets = ["data.train_samples=400", "data.test_samples=100", "train.batch=20", "train.epochs=2", *settings]
    out = suan("train", "digits-lenet", "--quiet", "--json", "--runs", folder, *(x for s in sets for x in ("--set", s)))
    return json.loads(out.splitlines()[-1])["run"]


def checked(path):
    onnx.checker.check_model(str(path), full_check=True)
    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


def run_suan(folder, model, feeds):
    """What `suan run` makes of the same model and inputs."""
    arguments = []
    for name, array in feeds.items():
        numpy.save(folder / f"{name}.npy", array)
        arguments += ["--input", f"{name}={folder / name}.npy"]
    suan("run", model, *arguments, "--save", folder / "out")
    count = len(onnx.load(str(model)).graph.output)
    return [numpy.load(folder / "out" / f"output_{i}.npy") for i in range(count)]


def expect_close(got, want, what, tolerance=1e-5):
    assert got.shape == want.shape and got.dtype == want.dtype, (what, got.shape, want.shape, got.dtype, want.dtype)
    got, want = got.astype(numpy.float64), want.astype(numpy.float64)
    finite = want[numpy.isfinite(want)]
    scale = max(abs(finite).max(initial=0), 1e-3)
    same = (got == want) | (numpy.isnan(got) & numpy.isnan(want)) | (abs(got - want) <= tolerance * scale)
    assert same.all(), (what, got[~same][:3], want[~same][:3])


def test_model(folder, run):
    model = folder / "model.onnx"
    suan("convert", run, "-o", model)
    session = checked(model)
    random = numpy.random.default_rng(1)
    for batch in (1, 7):
        x = random.standard_normal((batch, 1, 28, 28), dtype=numpy.float32)
        [got] = session.run(None, {"input": x})
        expect_close(got, run_suan(folder, model, {"input": x})[0], f"logits of {batch} images")
    again = folder / "again.onnx"
    suan("convert", model, "-o", again)
    expect_close(checked(again).run(None, {"input": x})[0], got, "the model converted again")
    print("model: ONNX Runtime agrees at batch sizes 1 and 7")


def test_training(folder, run):
    model = folder / "step.onnx"
    suan("convert", run, "--training", "--batch", "20", "-o", model)
    session = checked(model)
    random = numpy.random.default_rng(2)
    feeds = {"input": random.standard_normal((20, 1, 28, 28), dtype=numpy.float32),
             "label": random.integers(0, 10, 20)}
    outputs = [output.name for output in session.get_outputs()]
    for name, got, want in zip(outputs, session.run(None, feeds), run_suan(folder, model, feeds)):
        expect_close(got, want, name)
    states = {state.name for state in session.get_overridable_initializers()}
    feeds["optimizer.lr"] = numpy.array(0.01, numpy.float32)  # the schedule has ended at next to nothing
    losses = []
    for _ in range(20):
        results = dict(zip(outputs, session.run(None, feeds)))
        losses.append(float(results["loss"]))
        feeds |= {name: results[f"{name}.new"] for name in states if f"{name}.new" in results}
    assert losses[-1] < 0.7 * losses[0], losses
    print(f"training: ONNX Runtime agrees on a step, and 20 of them take the loss from {losses[0]:.3f} to {losses[-1]:.3f}")


# Cases that ONNX Runtime does otherwise, which ONNX leaves open or it does not take.
OTHERWISE = {
    "argmax_6": "NaN is not the largest", "argmin_6": "NaN is not the smallest", "max_8": "NaN is passed over",
    "min_8": "NaN is passed over", "max_pool_9": "NaN is passed over", "scatter_9": "NaN is passed over", "sign_4": "of NaN",
    "avg_pool_6": "padding beyond the window", "avg_pool_14": "padding beyond the window",
    "max_pool_6": "padding beyond the window", "cast_4": "a number beyond the integers", "cast_5": "a number beyond the integers",
    "cast_8": "a number beyond the integers", "cast_9": "a number beyond the integers", "sum_10": "the shape of a sum of nothing",
}


def arrays(model, kind):
    count = len(list(model.parent.glob(f"{model.stem}_{kind}_*.npy")))
    return [numpy.load(model.with_name(f"{model.stem}_{kind}_{i}.npy")) for i in range(count)]


def test_ops(folder):
    """Every op's cases with their gradients. What ONNX Runtime has no kernel for is counted."""
    subprocess.run([OPS_TESTS, "--gtest_filter=All/Export.ComesBackWithTheSameResultsInFloatDtypes/*", "--gtest_brief=1"],
                   env=os.environ | {"SUAN_EXPORT_FOLDER": str(folder)}, check=True, stdout=subprocess.DEVNULL)
    agreed, missing, differ = 0, collections.Counter(), []
    for model in sorted(folder.glob("*.onnx")):
        if model.stem in OTHERWISE:
            continue
        try:
            session = checked(model)
        except onnxruntime.capi.onnxruntime_pybind11_state.NotImplemented as error:
            missing[str(error).split("for ")[-1].split(" ")[0]] += 1
            continue
        except onnxruntime.capi.onnxruntime_pybind11_state.Fail as error:
            differ.append(f"{model.stem}: {error}"[:300])
            continue
        feeds = {i.name: a for i, a in zip(session.get_inputs(), arrays(model, "input"), strict=True)}
        try:
            for i, (got, want) in enumerate(zip(session.run(None, feeds), arrays(model, "output"), strict=True)):
                expect_close(numpy.asarray(got), want, f"{model.stem}, output {i}", 1e-4)
            agreed += 1
        except AssertionError as error:
            differ.append(str(error))
    print(f"ops: ONNX Runtime agrees on {agreed} cases; it has no kernel for {sum(missing.values())}: {dict(missing)}")
    assert not differ, "\n".join(differ)
    assert agreed >= 9 * sum(missing.values()), "too few cases ran"


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        run = train(folder / "runs")
        test_model(folder, run)
        test_training(folder, run)
        (folder / "ops").mkdir()
        test_ops(folder / "ops")


if __name__ == "__main__":
    sys.exit(main())
