"""`suan compile`, and the commands that take an engine file for a model."""
# SPDX-License-Identifier: Apache-2.0
import pathlib
import unittest

from command import Command

MODEL = pathlib.Path("/usr/share/libonnx-testdata/data/pytorch-converted/test_Conv2d_padding/model.onnx")


class EngineFile(Command):
    def compile(self, *options):
        return self.json("compile", MODEL, "-o", "m.suan", "--threads", "1", *options)

    def test_runs_as_the_model_does(self):
        made = self.compile()
        self.assertEqual((made["programs"], made["open"]), (1, False))
        self.assertEqual(made["bytes"], self.path("m.suan").stat().st_size)
        self.suan("run", MODEL, "--save", "a", "--threads", "1")
        self.suan("run", "m.suan", "--save", "b", "--threads", "1")
        self.assertEqual(self.path("a/output_0.npy").read_bytes(), self.path("b/output_0.npy").read_bytes())
        self.assertIn("conv", self.suan("inspect", "m.suan", "--threads", "1").stdout)
        self.assertEqual(self.json("bench", "infer", "m.suan", "--runs", "3", "--threads", "1")["interpreted"], "")

    def test_says_that_another_machine_chose_its_kernels(self):
        self.compile()
        said = self.suan("run", "m.suan", "--threads", "2").stderr
        self.assertRegex(said, r"^suan: warning: m\.suan: its kernels were chosen on '.*, 1 threads', are chosen "
                               r"again on '.*, 2 threads'\n$")

    def test_refuses_what_does_not_fit(self):
        to = ["compile", MODEL, "-o", "m.suan"]
        self.refused([*to, "--shape", "1x2"], "--shape: got '1x2', expected NAME=VALUE")
        self.refused([*to, "--shape", "0=1xx2"], "--shape: got '1xx2', expected sizes such as 1x3x224x224")
        self.refused([*to, "--precision", "f64"], "precision: is 'f64', expected f32, bf16 or auto")
        self.assertFalse(self.path("m.suan").exists())

    def test_refuses_a_damaged_file(self):
        self.compile()
        whole = self.path("m.suan").read_bytes()
        self.write("cut.suan", whole[:-1])
        self.refused(["run", "cut.suan"], f"cut.suan: has {len(whole) - 1} bytes, its header says {len(whole)}")
        self.refused(["run", "m.suan", "--precision", "bf16"], "--precision: is 'bf16', m.suan was compiled in f32")
        self.refused(["run", "m.suan", "--interpret"],
                     "m.suan: holds programs alone, without the model to interpret it")


if __name__ == "__main__":
    unittest.main()
