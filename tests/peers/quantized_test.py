#!/usr/bin/env python3
"""Models that ONNX Runtime quantizes run in Suan to its results: with QuantizeLinear and DequantizeLinear, with
quantized operators, and with ranges that are found as the model runs. What Suan writes of them runs in ONNX Runtime."""
# SPDX-License-Identifier: Apache-2.0
# needs: onnx onnxruntime
import itertools
import logging
import pathlib
import subprocess
import sys
import tempfile

import numpy
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnxruntime import quantization

SUAN = pathlib.Path(__file__).resolve().parents[2] / "build/release/bin/suan"
onnxruntime.set_default_logger_severity(4)
logging.getLogger().setLevel(logging.ERROR)
RANDOM = numpy.random.default_rng(7)


# Form, activations, weights.
CASES = [("QDQ", "QUInt8", "QInt8"), ("QDQ", "QInt8", "QInt8"), ("QDQ", "QUInt8", "QUInt8"),
         ("QDQ", "QUInt16", "QInt8"), ("QOperator", "QUInt8", "QInt8"), ("QOperator", "QInt8", "QInt8"),
         ("QOperator", "QUInt8", "QUInt8"), ("dynamic", "QUInt8", "QInt8"), ("dynamic", "QUInt8", "QUInt8")]


def save(path, nodes, weights, x, y):
    initializers = [numpy_helper.from_array(w, name) for name, w in weights.items()]
    graph = helper.make_graph(nodes, "net", [helper.make_tensor_value_info("x", TensorProto.FLOAT, x)],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, y)], initializers)
    domains = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    onnx.save(helper.make_model(graph, opset_imports=domains, ir_version=10), path)


def random(*shape):
    return (RANDOM.standard_normal(shape) / numpy.sqrt(numpy.prod(shape[1:]))).astype(numpy.float32)


def conv_net(path):
    """Convolutions with stride, groups and a residual, pooling, and a classifier."""
    node = helper.make_node
    nodes = [node("Conv", ["x", "w1", "b1"], ["c1"], pads=[1, 1, 1, 1]), node("Relu", ["c1"], ["r1"]),
             node("Conv", ["r1", "w2", "b2"], ["c2"], pads=[1, 1, 1, 1], group=16), node("Relu", ["c2"], ["r2"]),
             node("Conv", ["r2", "w3", "b3"], ["c3"]), node("Add", ["c3", "r1"], ["a3"]), node("Relu", ["a3"], ["r3"]),
             node("MaxPool", ["r3"], ["p3"], kernel_shape=[2, 2], strides=[2, 2]),
             node("Conv", ["p3", "w4", "b4"], ["c4"], pads=[1, 1, 1, 1], strides=[2, 2]), node("Relu", ["c4"], ["r4"]),
             node("GlobalAveragePool", ["r4"], ["g"]), node("Flatten", ["g"], ["f"]),
             node("Gemm", ["f", "w5", "b5"], ["y"], transB=1)]
    shapes = [(16, 3, 3, 3), (16, 1, 3, 3), (16, 16, 1, 1), (32, 16, 3, 3), (10, 32)]
    weights = {f"w{i}": random(*s) for i, s in enumerate(shapes, 1)}
    weights |= {f"b{i}": random(s[0]) for i, s in enumerate(shapes, 1)}
    save(path, nodes, weights, [64, 3, 16, 16], [64, 10])
    return (64, 3, 16, 16)


def mlp(path):
    node = helper.make_node
    nodes = [node("MatMul", ["x", "w1"], ["m1"]), node("Add", ["m1", "b1"], ["a1"]), node("Relu", ["a1"], ["r1"]),
             node("MatMul", ["r1", "w2"], ["m2"]), node("Add", ["m2", "b2"], ["a2"]), node("Tanh", ["a2"], ["t2"]),
             node("MatMul", ["t2", "w3"], ["y"])]
    weights = {"w1": random(64, 96), "b1": random(96), "w2": random(96, 48), "b2": random(48), "w3": random(48, 10)}
    save(path, nodes, weights, [256, 64], [256, 10])
    return (256, 64)


class Samples(quantization.CalibrationDataReader):
    def __init__(self, shape):
        self.left = iter([{"x": RANDOM.standard_normal(shape, dtype=numpy.float32)} for _ in range(8)])

    def get_next(self):
        return next(self.left, None)


def quantize(model, path, shape, form, activations, weights, per_channel):
    kind = quantization.QuantType
    if form == "dynamic":
        quantization.quantize_dynamic(model, path, per_channel=per_channel, weight_type=kind[weights])
        return
    # As operators, all but these are of ONNX Runtime's own domain.
    types = ["Conv", "MatMul", "MaxPool"] if form == "QOperator" else None
    quantization.quantize_static(
        model, path, Samples(shape), op_types_to_quantize=types, quant_format=quantization.QuantFormat[form],
        per_channel=per_channel, activation_type=kind[activations], weight_type=kind[weights])


def run_ort(path, x):
    """Without rewriting, so that each value is rounded where the model says so."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"]).run(None, {"x": x})[0]


def suan(*arguments):
    return subprocess.run([SUAN, *map(str, arguments)], text=True, stdout=subprocess.PIPE, check=True).stdout


def run_suan(folder, model, x, *options):
    numpy.save(folder / "x.npy", x)
    suan("run", model, "--input", f"x={folder / 'x.npy'}", "--save", folder / "out", *options)
    return numpy.load(folder / "out/output_0.npy")


def expect_same(got, want, quantum, what, rounding=0.0):
    """Equal up to rounding, and where a value lies between two integers up to one quantum, in few places."""
    assert got.shape == want.shape and got.dtype == want.dtype, (what, got.shape, want.shape, got.dtype)
    rounding = max(rounding, 1e-5 * abs(want).max())
    off = abs(got.astype(numpy.float64) - want)
    assert off.max() <= quantum + rounding, f"{what}: off by {off.max()}, a quantum is {quantum}"
    share = (off > rounding).mean()
    assert share < 0.005, f"{what}: {share:.2%} of the elements are off by a quantum"


def allowed(path, activations, want):
    """The step of the output's values, and what rounding may change."""
    graph = onnx.load(path).graph
    scales = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
    last = [n for n in graph.node if "y" in n.output][0]
    if last.op_type == "DequantizeLinear":  # quanta of 16 bits are hardly more than what f32 rounds
        return float(scales[last.input[1]].max()), 1e-4 * abs(want).max() if activations == "QUInt16" else 0.0
    quantum = abs(want).max() / 127  # about: the output is a sum of many that each may be off by one
    return quantum, quantum / 4


def kernels_of(path):
    """How many steps of the program are products of 8-bit integers."""
    lines = suan("inspect", path, "--reproducible").splitlines()
    return sum("dnnl_int8_conv" in line or "dnnl_int8_matmul" in line for line in lines)


def test_import(folder, net, products):
    """Compiled, and node by node; and what Suan writes of the model, in ONNX Runtime. `products`: how many of them each
    form has as kernels for integers, where the machine has these."""
    model, path, again = (folder / f"{name}.onnx" for name in ("net", "quantized", "again"))
    shape = net(model)
    for (form, activations, weights), per_channel in itertools.product(CASES, [False, True]):
        what = f"{net.__name__}, {form} {activations} {weights}{', per channel' if per_channel else ''}"
        quantize(model, path, shape, form, activations, weights, per_channel)
        x = RANDOM.standard_normal(shape, dtype=numpy.float32)
        want = run_ort(path, x)
        quantum, rounding = allowed(path, activations, want)
        expect_same(run_suan(folder, path, x), want, quantum, what, rounding)
        expect_same(run_suan(folder, path, x, "--interpret"), want, quantum, f"{what}, interpreted", rounding)
        suan("convert", path, "-o", again, "--opset", 21)
        onnx.checker.check_model(str(again), full_check=True)
        expect_same(run_ort(again, x), want, quantum, f"{what}, written again", rounding)
        if has_vnni() and (activations, weights) in (("QUInt8", "QInt8"), ("QInt8", "QInt8")):
            assert kernels_of(path) == products[form], f"{what}: {kernels_of(path)} kernels for integers"
    print(f"{net.__name__}: {2 * len(CASES)} ways to quantize it agree, and so does what is written again")


def has_vnni():
    return "avx512_vnni" in pathlib.Path("/proc/cpuinfo").read_text()


def test_blocks(folder):
    """MatMulNBits: 4 bits with and without zero points, a size that is no multiple of the blocks."""
    path, cases = folder / "blocks.onnx", 0
    for k, block, zeros in itertools.product((128, 100), (16, 32), (False, True)):
        n, blocks = 24, -(-k // block)
        weights = {"w": RANDOM.integers(0, 256, (n, blocks, block // 2), dtype=numpy.uint8),
                   "s": RANDOM.uniform(0.01, 0.1, (n, blocks)).astype(numpy.float32)}
        if zeros:
            weights["z"] = RANDOM.integers(0, 256, (n, (blocks + 1) // 2), dtype=numpy.uint8)
        node = helper.make_node("MatMulNBits", ["x", *weights], ["y"], domain="com.microsoft", K=k, N=n, bits=4,
                                block_size=block)
        save(path, [node], weights, [5, k], [5, n])
        x = RANDOM.standard_normal((5, k), dtype=numpy.float32)
        for options in [], ["--interpret"]:
            what = f"MatMulNBits {k} {block} {zeros} {options}"
            expect_same(run_suan(folder, path, x, *options), run_ort(path, x), 0, what)
        cases += 1
    print(f"MatMulNBits: {cases} cases agree")


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        test_import(folder, conv_net, {"QDQ": 5, "QOperator": 4, "dynamic": 5})
        test_import(folder, mlp, {"QDQ": 3, "QOperator": 3, "dynamic": 3})
        test_blocks(folder)


if __name__ == "__main__":
    sys.exit(main())
