# Kernels that were measured are remembered on disk.
# SPDX-License-Identifier: Apache-2.0
import os
import unittest

from command import Command, onnx_model


class TimingCache(Command):
    def setUp(self):
        super().setUp()
        size = 192
        self.write("m.onnx", onnx_model([("MatMul", ["x", "w"], "p"), ("Add", ["p", "b"], "s"), ("Relu", ["s"], "y")],
                                        {"x": [size, size]}, "y", {"w": ([size, size], [0.5] * size * size),
                                                                  "b": ([size], [1.0] * size)}))

    def run_model(self):
        """Runs it with a cache in this folder; the lines of the cache."""
        self.suan("run", "m.onnx", "--random", env=dict(os.environ, XDG_CACHE_HOME=self.folder))
        return self.path("suan/kernels.txt").read_text().splitlines()

    def test_measures_once(self):
        lines = self.run_model()
        self.assertEqual(len(lines), 2, lines)  # the machine, the product
        self.assertEqual(self.run_model(), lines)

    def test_measures_again_when_there_are_other_kernels(self):
        machine, product = self.run_model()
        key, times = product.split("\t")
        chosen = " ".join(times.split()[:2])  # as a program with this kernel alone would have written
        self.write("suan/kernels.txt", f"{machine}\n{key}\t{chosen} \n")
        again = self.run_model()
        self.assertEqual(len(again), 3, again)
        self.assertEqual(set(again[2].split("\t")[1].split()[::2]), set(times.split()[::2]))
        self.assertEqual(self.run_model(), again)


if __name__ == "__main__":
    unittest.main()
