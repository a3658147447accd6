#!/usr/bin/env python3
"""`suan convert`: a run as an ONNX model and as weights, its training step, and a model once more."""
# SPDX-License-Identifier: Apache-2.0
import json
import struct
import unittest

from command import SMALL, Command


def read_header(path):
    data = path.read_bytes()
    return json.loads(data[8:8 + struct.unpack("<Q", data[:8])[0]])


class ConvertTest(Command):
    def outputs(self, *arguments):
        """The lines that `suan run` prints, one for each output: its name, type and first numbers."""
        return [line.split() for line in self.suan("run", *arguments, "--threads", "1").stdout.splitlines()]

    def test_a_run_becomes_a_model_for_any_batch_size_and_weights(self):
        run = self.json("train", *SMALL, "--quiet", "--set", "train.epochs=1")["run"]
        self.assertEqual(self.json("convert", run, "-o", "model.onnx")["output"], "model.onnx")
        for batch in ("1", "3"):
            [line] = self.outputs("model.onnx", "--batch", batch)
            self.assertEqual(line[:3], ["logits", f"f32[{batch},", "10]"])
        self.suan("convert", "model.onnx", "-o", "again.onnx")
        self.suan("convert", "model.onnx", "--batch", "3", "-o", "three.onnx")
        [first] = self.outputs("model.onnx", "--batch", "3")
        for model in ("again.onnx", "three.onnx"):
            [line] = self.outputs(model, "--batch", "3")
            self.assertEqual(line[:3], first[:3])
            for got, expected in zip(line[3:9], first[3:9], strict=True):
                self.assertAlmostEqual(float(got), float(expected), places=4)
        for source in (run, "model.onnx"):
            self.suan("convert", source, "-o", "weights.safetensors")
            weights = read_header(self.path("weights.safetensors"))
            self.assertEqual(weights["layers.0.weight"]["shape"], [16, 784])

    def test_a_training_step_gives_new_states(self):
        run = self.json("train", *SMALL, "--quiet", "--set", "train.epochs=1")["run"]
        self.suan("convert", run, "--training", "--batch", "20", "-o", "step.onnx")
        lines = self.outputs("step.onnx")
        self.assertEqual([line[0] for line in lines[:2]], ["loss", "logits"])
        self.assertIn("layers.0.weight.new", [line[0] for line in lines])

    def test_mistakes_are_one_line(self):
        self.refused(["convert", "nothing", "-o", "a.txt"],
                     "convert: the output is 'a.txt', expected a .onnx or .safetensors file")
        self.write("bad.onnx", "this is no model")
        self.refused(["convert", "bad.onnx", "-o", "a.onnx"],
                     "bad.onnx: is not an ONNX model (its message does not parse)")
        self.assertFalse(self.path("a.onnx").exists())


if __name__ == "__main__":
    unittest.main()
