"""`suan compile`, and the commands that take an engine file for a model."""
# SPDX-License-Identifier: Apache-2.0
import json
import pathlib
import unittest

from command import Command, message, onnx_model


def loop_model(iterations):
    """y = x added to itself once in each iteration of a Loop."""
    def info(name, dtype):
        return message((1, name), (2, message((1, message((1, dtype), (2, b""))))))
    body = message((1, message((1, "c"), (2, "d"), (4, "Identity"))), (1, message((1, "v"), (1, "v"), (2, "w"), (4, "Add"))),
                   (11, info("i", 7)), (11, info("c", 9)), (11, info("v", 1)), (12, info("d", 9)), (12, info("w", 1)))
    loop = message((1, "most"), (1, ""), (1, "x"), (2, "y"), (3, "n0"), (4, "Loop"),
                   (5, message((1, "body"), (6, body), (20, 5))))
    most = message((2, 7), (8, "most"), (9, iterations.to_bytes(8, "little")))
    graph = message((1, loop), (5, most), (11, info("x", 1)), (12, message((1, "y"))))
    return message((1, 8), (7, graph), (8, message((1, ""), (2, 17))))


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
        self.refused([*to, "--precision", "f64"], "precision: is 'f64', expected f32, tf32, bf16, f16, fp8 or auto")
        self.refused([*to, "--no-pass", "fuze"], "passes: there is no pass 'fuze', did you mean 'fuse'?")
        self.refused([*to, "--batch", "7"], "--batch: is 7, but no input leaves its first size open")
        self.refused([*to, "--dim", "n=7"], "--dim: got 'n=7', but no input leaves a size open")
        self.assertFalse(self.path("m.suan").exists())

    def write_open(self, name, last="Exp"):
        nodes = [("MatMul", ["x", "w"], "p"), ("Tanh", ["p"], "q"), (last, ["q"], "y")]
        weights = {"w": ([4, 3], [i / 12 for i in range(12)])}
        self.write(name, onnx_model(nodes, {"x": ["batch", "seq", 4]}, "y", weights))

    def graph_of(self, *arguments):
        return self.suan("inspect", *arguments, "--graph", "--threads", "1").stdout

    def test_sizes_of_its_program(self):
        self.write_open("open.onnx")
        to = ["compile", "open.onnx", "-o", "open.suan", "--threads", "1"]
        for options, sizes in [([], "1, 1"), (["--batch", "2", "--dim", "seq=5"], "2, 5"), (["--dim", "batch=3"], "3, 1"),
                               (["--shape", "x=6x7x4"], "6, 7"), (["--shape", "x=6x7x4", "--batch", "6"], "6, 7")]:
            with self.subTest(options):
                self.suan(*to, *options)
                self.assertIn(f"f32[{sizes}, 4]", self.graph_of("open.suan"))
        self.refused([*to, "--dim", "sec=5"], "--dim: there is no open size 'sec', did you mean 'seq'?")
        self.refused([*to, "--dim", "seq=x"], "--dim: seq is 'x', expected a number from 1 on")
        self.refused([*to, "--shape", "x=6x7x4", "--batch", "5"],
                     "--shape: 'x' has 6 for the size 'batch', --dim or --batch says 5")

    def test_passes_it_was_compiled_without(self):
        self.write_open("open.onnx")
        self.suan("compile", "open.onnx", "-o", "m.suan", "--dim", "seq=2", "--threads", "1")
        self.suan("compile", "open.onnx", "-o", "n.suan", "--dim", "seq=2", "--no-pass", "fuse", "--no-pass", "fuse_tails",
                  "--threads", "1")
        other = ["--dim", "seq=3"]  # compiled when it comes
        for size in [], other:
            self.assertIn("fused", self.graph_of("m.suan", *size))
            self.assertNotIn("fused", self.graph_of("n.suan", *size))
        self.assertNotIn("fused", self.graph_of("m.suan", "--no-pass", "fuse", "--no-pass", "fuse_tails"))
        self.assertIn("no pass: the program is the engine file's",
                      self.suan("inspect", "m.suan", "--passes", "--threads", "1").stdout)
        self.compile()
        self.refused(["run", "m.suan", "--no-pass", "fuse", "--threads", "1"],
                     "m.suan: holds programs alone, without the model to compile it")

    def test_iterations_that_a_loop_may_have(self):
        self.write("loop.onnx", loop_model(9))
        to = ["compile", "loop.onnx", "-o", "loop.suan", "--threads", "1"]
        self.refused([*to, "--loop-limit", "8"], "node 'n0' (Loop): Loop: ran 8 iterations, which is the limit")
        self.suan(*to, "--loop-limit", "9")

    def diff(self, *arguments, status=0):
        return json.loads(self.suan("diff", *arguments, "--threads", "1", "--json", status=status).stdout.splitlines()[-1])

    def test_diff_takes_it_for_its_model(self):
        self.write_open("a.onnx")
        self.write_open("b.onnx", "Neg")
        for name in "a", "b":
            self.suan("compile", f"{name}.onnx", "-o", f"{name}.suan", "--dim", "seq=2", "--threads", "1")
        same = self.diff("a.suan", "a.onnx", "--dim", "seq=2")
        self.assertEqual([[row["name"] for row in same["nodes"]], same["same"]], [["p", "q", "y"], True])
        self.assertEqual(self.diff("a.onnx", "b.suan", "--dim", "seq=3", status=1)["first"], "n2")
        self.assertTrue(self.diff("a.suan", "--interpret-b")["same"])
        self.suan("compile", "a.onnx", "-o", "h.suan", "--dim", "seq=2", "--precision", "bf16", "--threads", "1")
        self.assertEqual(self.diff("a.suan", "h.suan")["tolerance"], 5e-2)
        self.assertLess(self.diff("h.suan", "a.onnx")["nodes"][0]["max_abs"], 1e-6)  # in the precision of A

    def test_diff_of_programs_alone_compares_outputs(self):
        for name, last in ("a", "Exp"), ("b", "Neg"):
            self.write(f"{name}.onnx", onnx_model([("Tanh", ["x"], "p"), (last, ["p"], "y")], {"x": [4]}, "y"))
            self.suan("compile", f"{name}.onnx", "-o", f"{name}.suan", "--threads", "1")
        same = self.suan("diff", "a.suan", "a.onnx", "--threads", "1").stdout
        self.assertIn("a.suan: holds programs alone: outputs are compared, no nodes\n", same)
        self.assertIn("the results agree\n", same)
        self.assertIn("output 'y' parts\n", self.suan("diff", "a.onnx", "b.suan", "--threads", "1", status=1).stdout)
        done = self.suan("diff", "a.onnx", "a.suan", "--interpret-b", "--threads", "1", status=2)
        self.assertEqual(done.stderr, "suan: a.suan: holds programs alone, without the model to interpret it\n")

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
