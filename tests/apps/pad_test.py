"""Padding an open size of an ONNX model: `--pad` of suan run, inspect and bench infer."""
# SPDX-License-Identifier: Apache-2.0
import unittest

from command import Command, onnx_model


def masked_softmax():
    """y = softmax(x + log(mask)) over the open size `seq`."""
    return onnx_model([("Log", ["mask"], "bias"), ("Add", ["x", "bias"], "z"), ("Softmax", ["z"], "y")],
                      {"x": [2, "seq"], "mask": [1, "seq"]}, "y")


class Pad(Command):
    def setUp(self):
        super().setUp()
        self.write("model.onnx", masked_softmax())

    def test_a_padded_run_gives_the_shape_that_was_asked_for(self):
        text = self.suan("run", "model.onnx", "--pad", "seq=mask:16", "--dim", "seq=5").stdout
        self.assertIn("f32[2, 5]", text)

    def test_inspect_shows_the_program_of_the_bound(self):
        text = self.suan("inspect", "model.onnx", "--graph", "--pad", "seq=mask:16", "--dim", "seq=5").stdout
        self.assertIn("f32[2, 16]", text)

    def test_random_lengths_are_timed_beside_the_bound(self):
        report = self.json("bench", "infer", "model.onnx", "--pad", "seq=mask:16", "--lengths", "50")
        self.assertEqual(report["bound"], 16)
        self.assertGreater(report["ratio_p99"], 0)
        self.assertGreaterEqual(report["programs"], 1)

    def test_random_lengths_of_an_engine_file(self):
        lengths = ["--pad", "seq=mask:16", "--lengths", "5", "--threads", "1"]
        self.suan("compile", "model.onnx", "-o", "open.suan", "--dim", "seq=16", "--threads", "1")
        self.assertEqual(self.json("bench", "infer", "open.suan", *lengths)["bound"], 16)
        self.write("fixed.onnx", onnx_model([("Softmax", ["x"], "y")], {"x": [2, 16]}, "y"))
        self.suan("compile", "fixed.onnx", "-o", "fixed.suan", "--threads", "1")
        self.refused(["bench", "infer", "fixed.suan", *lengths],
                     "fixed.suan: holds programs alone, without the model to pad it")

    def test_rules_that_do_not_fit_are_one_line_and_exit_code_2(self):
        for rule, line in [
            ("sek=mask", "suan: pad: there is no open size 'sek', did you mean 'seq'?"),
            ("seq=", "suan: --pad: got 'seq=', expected SYMBOL, SYMBOL=MASK or SYMBOL=MASK:BOUND"),
            ("seq", "suan: pad: 'seq' cannot be padded without a mask"),
        ]:
            with self.subTest(rule):
                error = self.suan("run", "model.onnx", "--pad", rule, "--dim", "seq=5", status=2).stderr
                self.assertTrue(error.startswith(line), error)
                self.assertEqual(error.count("\n"), 1)


if __name__ == "__main__":
    unittest.main()
