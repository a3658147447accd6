#!/usr/bin/env python3
# Quantizes the models of the inference benchmarks to INT8 with the peers' own tools.
# SPDX-License-Identifier: Apache-2.0
"""usage: quantize_models.py [--folder build/models] [--engine onnxruntime|openvino] [MODEL]...

MODEL: resnet50, bert_base (from make_models.py). Calibration data are made up, as the weights are. Writes MODEL.onnxruntime.onnx
(QDQ, per channel, u8 activations and s8 weights, after onnxruntime's own preprocessing) and MODEL.openvino.xml (NNCF, preset
performance; transformers as such). Run it with the Python of benchmarks/setup infer, and nncf in it.
"""
import argparse
import os
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PYTHON = ROOT / "build/bench-venv/bin/python"
SAMPLES = 16


def batches(name):
    import numpy as np
    random = np.random.default_rng(7)
    for _ in range(SAMPLES):
        if name == "resnet50":
            yield {"input": random.uniform(-1, 1, (1, 3, 224, 224)).astype(np.float32)}
        else:
            ids = random.integers(0, 30000, (1, 128))
            yield {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}


def by_onnxruntime(name, source, target):
    from onnxruntime import quantization
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(quantization.CalibrationDataReader):
        def __init__(self):
            self.rows = batches(name)

        def get_next(self):
            return next(self.rows, None)
    prepared = str(target) + ".prepared"
    quant_pre_process(str(source), prepared, skip_symbolic_shape=name != "resnet50")
    options = {} if name == "resnet50" else {"op_types_to_quantize": ["MatMul"], "extra_options": {"MatMulConstBOnly": True}}
    quantization.quantize_static(prepared, str(target), Reader(), quant_format=quantization.QuantFormat.QDQ, per_channel=True,
                                 activation_type=quantization.QuantType.QUInt8, weight_type=quantization.QuantType.QInt8, **options)
    os.remove(prepared)


def by_openvino(name, source, target):
    import nncf
    import openvino
    model = openvino.Core().read_model(source)
    kind = None if name == "resnet50" else nncf.ModelType.TRANSFORMER
    quantized = nncf.quantize(model, nncf.Dataset(list(batches(name))), preset=nncf.QuantizationPreset.PERFORMANCE, model_type=kind,
                              subset_size=SAMPLES)
    openvino.save_model(quantized, target, compress_to_fp16=False)


def main():
    if PYTHON.exists() and pathlib.Path(sys.prefix) != PYTHON.parent.parent:
        os.execv(PYTHON, [PYTHON, __file__, *sys.argv[1:]])
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", default=["resnet50", "bert_base"], metavar="MODEL")
    parser.add_argument("--folder", type=pathlib.Path, default=ROOT / "build/models")
    parser.add_argument("--engine", action="append", choices=("onnxruntime", "openvino"))
    options = parser.parse_args()
    for name in options.models:
        source = options.folder / f"{name}.onnx"
        for engine in options.engine or ("onnxruntime", "openvino"):
            target = options.folder / (f"{name}.onnxruntime.onnx" if engine == "onnxruntime" else f"{name}.openvino.xml")
            if not target.exists():
                (by_onnxruntime if engine == "onnxruntime" else by_openvino)(name, source, target)
            print(target, f"{target.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
