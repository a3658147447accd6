#!/usr/bin/env python3
"""`suan compress`: a model in a smaller form, and what becomes of the promise about its accuracy."""
# SPDX-License-Identifier: Apache-2.0
import json
import math
import pathlib
import signal
import subprocess
import unittest

from command import SMALL, SUAN, Command, onnx_model, safetensors

LARGER = [*SMALL, "--set", "model.sizes=[784, 256, 10]", "--set", "data.test_samples=2000", "--set",
          "data.train_samples=1000"]


class CompressTest(Command):
    def train(self, settings=SMALL):
        return self.json("train", *settings, "--quiet", "--set", "train.epochs=3")["run"]

    def compress(self, *arguments, status=0):
        done = self.suan("compress", *arguments, "--threads", "1", "--quiet", "--json", status=status)
        return json.loads(done.stdout.splitlines()[-1]), done

    def test_a_run_in_int8_is_a_model_of_a_quarter_of_the_size_that_says_the_same(self):
        run = self.train(LARGER)
        report, _ = self.compress(run, "--quantize", "int8", "--output", "small.onnx")
        self.assertLess(report["size_ratio"], 0.28)
        self.assertLess(abs(report["drop_points"]), 1)
        self.assertEqual(report["examples"], 1000)
        self.assertEqual(report["refused"], [])
        self.suan("convert", run, "-o", "whole.onnx")
        self.assertLess(self.path("small.onnx").stat().st_size, 0.3 * self.path("whole.onnx").stat().st_size)
        for batch in ("1", "3"):  # the model takes any
            self.suan("run", "small.onnx", "--batch", batch, "--threads", "1")
        steps = self.suan("inspect", "small.onnx", "--threads", "1").stdout
        self.assertIn("matmul", steps)
        for kind in ("int8w", "int4w"):
            report, _ = self.compress(run, "--quantize", kind, "--block", "16", "--output", f"{kind}.onnx")
            self.assertLess(report["size_ratio"], 0.6)
            self.suan("run", f"{kind}.onnx", "--batch", "2", "--threads", "1")

    def test_the_search_keeps_its_promise_and_reports_it(self):
        run = self.train(LARGER)
        report, _ = self.compress(run, "--max-drop", "5%")
        self.assertTrue(report["kept"])
        self.assertLessEqual(report["drop_bound"], 5)
        self.assertLessEqual(report["ratio"], 1.2)  # a clock's noise above what was measured in the search
        page = pathlib.Path(report["output"]).with_suffix(".html")
        html = (pathlib.Path(self.folder) / page).read_text()
        self.assertIn("held-out examples", html)
        self.assertIn("layers.0", html)

    def test_a_promise_that_cannot_be_kept_leaves_the_best_and_says_so(self):
        run = self.train(LARGER)
        report, done = self.compress(run, "--max-drop", "0", "--output", "tight.onnx", status=3)
        self.assertFalse(report["kept"])
        self.assertEqual(report["output"], "tight.not-kept.onnx")
        self.assertTrue(self.path("tight.not-kept.onnx").exists())
        self.assertFalse(self.path("tight.onnx").exists())
        self.assertIn("a drop of at most 0 cannot be kept", done.stderr)

    def test_stopped_it_keeps_what_it_has_tried_and_goes_on(self):
        run = self.train(LARGER)
        process = subprocess.Popen([SUAN, "compress", run, "--max-drop", "0.001", "--threads", "1", "--output", "s.onnx"],
                                   cwd=self.folder, stderr=subprocess.PIPE, text=True)
        for line in process.stderr:
            if line.startswith("tried"):
                process.send_signal(signal.SIGINT)
                break
        rest = process.stderr.read()
        if process.wait() != 3:  # it was not at its end
            self.assertIn("the same command goes on", rest)
            self.assertTrue(self.path("s.search").exists())
        self.compress(run, "--max-drop", "0.001", "--output", "s.onnx", status=3)
        self.assertFalse(self.path("s.search").exists())

    def test_forms_that_are_trained_again_are_compared_with_the_run(self):
        run = self.train(LARGER)
        report, _ = self.compress(run, "--prune", "50%", "--epochs", "1", "--output", "half.onnx")
        self.assertLess(report["size_ratio"], 0.55)
        self.assertLess(abs(report["drop_points"]), 10)
        self.suan("run", "half.onnx", "--batch", "3", "--threads", "1")
        report, _ = self.compress(run, "--distill-from", run, "--epochs", "1", "--quantize", "int8", "--output", "d.onnx")
        self.assertLess(report["size_ratio"], 0.28)
        report, _ = self.compress(run, "--quantize", "int8", "--epochs", "1", "--output", "q.onnx")
        self.assertLess(report["size_ratio"], 0.28)
        self.assertLess(abs(report["drop_points"]), 5)
        self.suan("run", "q.onnx", "--batch", "3", "--threads", "1")
        self.refused(["compress", run, "--prune", "0"],
                     "--prune: got '0', expected a share of the operations, such as 50%")
        self.refused(["compress", run, "--prune", "50%", "--distill-from", run],
                     "compress: --prune and --distill-from: give one, and then the run that it makes to the other")

    def test_a_search_tries_pruned_and_factorised_forms(self):
        run = self.train(LARGER)
        report, done = self.compress(run, "--max-drop", "20%", "--epochs", "1")
        self.assertTrue(report["kept"])
        told = [refusal["what"] for refusal in report["refused"]]
        forms = ["as it was trained", "25 % of the operations pruned", "50 % of the operations pruned",
                 "layers factorised to 50 % of their operations"]
        chosen = [line.split("form", 1)[1].strip() for line in done.stdout.splitlines() if line.startswith("form ")]
        self.assertEqual({what for what in told if what in forms}, set(forms) - set(chosen or ["as it was trained"]))
        self.assertEqual([p.name for p in pathlib.Path(self.folder, run).glob("compressed.*.*")], [])

    def test_a_model_with_samples_without_labels(self):
        weights = {"w": ((64, 32), [((7 * i) % 23 - 11) / 50 for i in range(64 * 32)])}
        self.write("m.onnx", onnx_model([("MatMul", ["x", "w"], "y")], {"x": ["batch", 64]}, "y", weights))

        def samples(name, sizes, numbers):
            self.write(name, safetensors({"x": (sizes, numbers)}))
            return ["compress", "m.onnx", "--data", name]
        good = samples("x.safetensors", (48, 64), [math.sin(i) for i in range(48 * 64)])
        report, _ = self.compress(*good[1:], "--quantize", "int8")
        self.assertGreater(report["cosine_after"], 0.999)
        self.assertLess(abs(report["drop_points"] - 100 * (1 - report["cosine_after"])), 1e-6)
        self.assertEqual(report["examples"], 24)  # the other half calibrates
        report, _ = self.compress(*good[1:], "--max-drop", "1%")
        self.assertTrue(report["kept"])
        self.assertLessEqual(report["drop_bound"], 1)
        done = self.suan(*samples("nan.safetensors", (8, 64), [math.nan] * 512), "--quantize", "int8", status=2)
        self.assertEqual(done.stderr.splitlines()[-1], "suan: calibration: batch 0: 'x' has nan at element 0")
        self.refused([*samples("flat.safetensors", (8, 3), [0.0] * 24), "--quantize", "int8"],
                     "compress: m.onnx: input 'x' does not take the data, which is f32[8, 3]")
        self.refused([*samples("one.safetensors", (1, 64), [1.0] * 64), "--quantize", "int8"],
                     "compress: one.safetensors has 1 samples, expected 2 or more")
        self.refused([*samples("none.safetensors", (0, 64), []), "--quantize", "int8"],
                     "compress: none.safetensors: 'x' has no samples")
        self.write("other.safetensors", safetensors({"z": ((1,), [1.0])}))
        self.refused(["compress", "m.onnx", "--data", "other.safetensors", "--quantize", "int8"],
                     "compress: other.safetensors has no array 'x' for that input")

    def test_a_model_with_samples_and_labels(self):
        weights = {"w": ((16, 4), [1.0 if i % 4 == i // 4 % 4 else -0.5 for i in range(16 * 4)])}
        self.write("m.onnx", onnx_model([("MatMul", ["x", "w"], "y")], {"x": ["batch", 16]}, "y", weights))
        labels = [(7 * i) % 4 for i in range(400)]
        data = [float(j % 4 == label) + 0.2 * math.sin(16 * i + j) for i, label in enumerate(labels) for j in range(16)]
        self.write("x.safetensors", safetensors({"x": ((400, 16), data), "labels": ((400,), labels, "I64")}))
        report, _ = self.compress("m.onnx", "--data", "x.safetensors", "--quantize", "int8")
        self.assertEqual(report["accuracy_before"], 1)
        self.assertEqual(report["examples"], 200)
        self.write("y.safetensors", safetensors({"x": ((400, 16), data), "labels": ((400,), [0.0] * 400)}))
        self.refused(["compress", "m.onnx", "--data", "y.safetensors"],
                     "compress: y.safetensors: 'labels' is f32, expected i64")

    def test_mistakes(self):
        self.write("r.onnx", onnx_model([("Relu", ["x"], "y")], {"x": ["batch", 3]}, "y"))
        self.refused(["compress", "r.onnx"],
                     "compress: r.onnx brings no data: give a recipe, or a file with samples of its inputs, as --data")
        self.refused(["compress", "r.onnx", "--data", "x.npz", "--prune", "50%"],
                     "compress: r.onnx is a model without its training: --prune, --distill-from and --epochs need a run")
        run = self.train()
        self.refused(["compress", run, "--max-drop", "little"],
                     "--max-drop: got 'little', expected a number of 0 or more, such as 0.5%")
        self.refused(["compress", run, "--quantize", "int7"],
                     "--quantize: there is no value 'int7', did you mean 'int8'?")
        self.refused(["compress", run, "--output", "x.suan"],
                     "--output: got 'x.suan', expected a file that ends in .onnx")


if __name__ == "__main__":
    unittest.main()
