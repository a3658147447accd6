#!/usr/bin/env python3
"""`suan convert`: runs, models, engine files and weights, each as what it can become."""
# SPDX-License-Identifier: Apache-2.0
import json
import struct
import unittest

from command import SMALL, Command, onnx_model, safetensors


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

    def test_a_batch_size_given_by_its_name(self):
        self.write("open.onnx", onnx_model([("Relu", ["x"], "y")], {"x": ["batch", 3]}, "y"))
        self.suan("convert", "open.onnx", "-o", "four.onnx", "--dim", "batch=4")
        [line] = self.outputs("four.onnx", "--random")
        self.assertEqual(line[:3], ["y", "f32[4,", "3]"])

    def test_a_run_becomes_an_engine_file_for_any_batch_size(self):
        run = self.json("train", *SMALL, "--quiet", "--set", "train.epochs=1")["run"]
        self.suan("convert", run, "-o", "model.onnx")
        report = self.json("convert", run, "-o", "model.suan", "--batch", "2", "--reproducible", "--threads", "1")
        self.assertEqual(report, {"output": "model.suan", "bytes": self.path("model.suan").stat().st_size})
        self.assertEqual(self.outputs("model.suan")[0][1], "f32[2,")
        for batch in ("2", "3"):
            self.assert_same(self.outputs("model.suan", "--batch", batch), self.outputs("model.onnx", "--batch", batch))

    def assert_same(self, got, expected):
        """Of lines of outputs(): the same names and types, and nearly the same numbers."""
        self.assertEqual(len(got), len(expected))
        for a, b in zip(got, expected, strict=True):
            start = next(i for i, word in enumerate(b) if word.endswith("]")) + 1
            self.assertEqual(a[:start], b[:start])
            for x, y in zip(a[start:], b[start:], strict=True):
                self.assertEqual(x, y) if y == "..." else self.assertAlmostEqual(float(x), float(y), places=4)

    # y = tanh(exp(x w) + b), x [batch, 4]: its elementwise nodes become one.
    WEIGHTS = {"w": ([4, 3], [i / 12 for i in range(12)]), "bias": ([3], [1, 2, 3])}

    def write_model(self, name, batch, weights=None):
        nodes = [("MatMul", ["x", "w"], "p"), ("Exp", ["p"], "e"), ("Add", ["e", "bias"], "s"), ("Tanh", ["s"], "y")]
        self.write(name, onnx_model(nodes, {"x": [batch, 4]}, "y", weights or self.WEIGHTS))

    def test_a_model_becomes_what_compile_makes_of_it(self):
        self.write_model("m.onnx", "batch")
        options = ["--shape", "x=5x4", "--precision", "bf16", "--memory", "small", "--no-pass", "fuse", "--reproducible",
                   "--threads", "1"]
        self.suan("convert", "m.onnx", "-o", "a.suan", *options)
        self.suan("compile", "m.onnx", "-o", "b.suan", *options)
        self.assertEqual(self.path("a.suan").read_bytes(), self.path("b.suan").read_bytes())

    def test_an_engine_file_with_its_model_becomes_that_model(self):
        self.write_model("m.onnx", "batch")
        self.suan("compile", "m.onnx", "-o", "m.suan", "--batch", "2", "--threads", "1")
        self.suan("convert", "m.suan", "-o", "again.onnx")
        self.assert_same(self.outputs("again.onnx", "--batch", "3"), self.outputs("m.onnx", "--batch", "3"))
        self.suan("convert", "m.suan", "-o", "weights.safetensors")
        self.assertEqual(read_header(self.path("weights.safetensors"))["w"]["shape"], [4, 3])
        self.suan("convert", "m.suan", "-o", "three.suan", "--batch", "3", "--threads", "1")
        self.assert_same(self.outputs("three.suan"), self.outputs("m.onnx", "--batch", "3"))

    def test_programs_alone_become_a_model(self):
        self.write_model("m.onnx", 2)
        self.suan("compile", "m.onnx", "-o", "m.suan", "--threads", "1")
        self.assertIn("fused", self.suan("inspect", "m.suan", "--graph", "--threads", "1").stdout)
        self.suan("convert", "m.suan", "-o", "again.onnx", "--batch", "2")
        self.assert_same(self.outputs("again.onnx"), self.outputs("m.onnx"))
        for output, purpose in ("n.suan", "compile"), ("w.safetensors", "take the weights of"):
            self.refused(["convert", "m.suan", "-o", output],
                         f"m.suan: holds programs alone, without the model to {purpose}")
        self.refused(["convert", "m.suan", "-o", "n.onnx", "--batch", "3"],
                     "--batch: is 3, but no input leaves its first size open")
        self.refused(["convert", "m.suan", "-o", "n.onnx", "--input", "x=x.npy"],
                     "--input: has no effect on programs alone")

    def test_weights_go_into_a_model_by_name(self):
        self.write_model("m.onnx", "batch")
        changed = {"w": ([4, 3], [1 - i / 6 for i in range(12)])}
        self.write_model("expected.onnx", "batch", {**self.WEIGHTS, **changed})
        self.write("w.safetensors", safetensors(changed))
        for output in "new.onnx", "new.suan":
            self.suan("convert", "w.safetensors", "--model", "m.onnx", "-o", output)
            self.assert_same(self.outputs(output, "--batch", "2"), self.outputs("expected.onnx", "--batch", "2"))
            self.suan("convert", output, "-o", "all.safetensors")  # names have stayed
            self.assertEqual({name: read_header(self.path("all.safetensors"))[name]["shape"] for name in self.WEIGHTS},
                             {"w": [4, 3], "bias": [3]})
        self.suan("convert", "all.safetensors", "--model", "new.suan", "-o", "again.onnx")
        self.assert_same(self.outputs("again.onnx"), self.outputs("expected.onnx"))

    def test_weights_that_do_not_fit_are_refused(self):
        self.write_model("m.onnx", "batch")

        def refuses(weights, message):
            self.write("w.safetensors", safetensors(weights))
            self.refused(["convert", "w.safetensors", "--model", "m.onnx", "-o", "n.onnx"], f"w.safetensors: {message}")
            self.assertFalse(self.path("n.onnx").exists())
        refuses({"biass": ([3], [1, 2, 3])}, "there is no initializer 'biass', did you mean 'bias'?")
        refuses({"w": ([3, 4], [0] * 12)}, "'w' is f32[3, 4], expected f32[4, 3]")
        self.write("h.safetensors", self.path("w.safetensors").read_bytes().replace(b"F32", b"I32"))
        self.refused(["convert", "h.safetensors", "--model", "m.onnx", "-o", "n.onnx"],
                     "h.safetensors: 'w' is i32[3, 4], expected f32[4, 3]")
        self.refused(["convert", "w.safetensors", "-o", "n.onnx"],
                     "convert: w.safetensors holds weights alone: give the model they are of as --model MODEL.onnx")
        self.write_model("f.onnx", 2)
        self.suan("compile", "f.onnx", "-o", "f.suan", "--threads", "1")
        self.refused(["convert", "w.safetensors", "--model", "f.suan", "-o", "n.onnx"],
                     "f.suan: holds programs alone, without the model to put weights into")

    def test_options_without_effect_are_refused(self):
        for source, output, options in [
            ("a run becomes a .onnx", "a.onnx", ["--dim n=1", "--input x=x.npy", "--precision bf16", "--memory small",
                                                 "--loop-limit 5", "--no-pass fuse", "--model m.onnx", "--exact"]),
            ("a run becomes a .safetensors", "a.safetensors", ["--batch 2", "--opset 20", "--training"]),
            ("a run becomes a .suan", "a.suan", ["--opset 20", "--training", "--loop-limit 5", "--input x=x.npy"]),
            ("a model becomes a .onnx", "a.onnx", ["--training", "--checkpoint last", "--runs r", "--shape x=2x4",
                                                   "--precision bf16", "--reproducible"]),
            ("a model becomes a .safetensors", "a.safetensors", ["--batch 2", "--dim n=1", "--opset 20"]),
            ("a model becomes a .suan", "a.suan", ["--opset 20", "--input x=x.npy", "--model m.onnx"]),
            ("weights become a .onnx", "a.onnx", ["--batch 2", "--opset 20", "--runs r", "--precision f32"]),
            ("weights become a .suan", "a.suan", ["--opset 20", "--checkpoint best"]),
        ]:
            file = {"a run": "run", "a model": "m.onnx", "weights": "w.safetensors"}[source.split(" become")[0]]
            for option in options:
                with self.subTest(f"{source} {option}"):
                    self.refused(["convert", file, "-o", output, *option.split()],
                                 f"{option.split()[0]}: has no effect where {source} file")

    def test_mistakes_are_one_line(self):
        self.refused(["convert", "nothing", "-o", "a.txt"],
                     "convert: the output is 'a.txt', expected a .onnx, .suan or .safetensors file")
        self.refused(["convert", "w.safetensors", "-o", "b.safetensors"],
                     "convert: the output is 'b.safetensors', expected a .onnx or .suan file")
        self.write("bad.onnx", "this is no model")
        self.refused(["convert", "bad.onnx", "-o", "a.onnx"],
                     "bad.onnx: is not an ONNX model (its message does not parse)")
        self.assertFalse(self.path("a.onnx").exists())


if __name__ == "__main__":
    unittest.main()
