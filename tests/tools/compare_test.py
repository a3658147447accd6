"""benchmarks/compare.py with stand-ins for Suan and PyTorch whose times are known."""
# SPDX-License-Identifier: Apache-2.0
import contextlib
import io
import json
import pathlib
import sys
import tempfile
import unittest
from unittest import mock

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "benchmarks"))
import compare  # noqa: E402

WORKER = """#!{python}
import json, sys
name = sys.argv[4] if "{engine}" == "peer" else "suan"
times = {times}
if name not in times:
    sys.exit("first line\\n" + name + " does not compile")
print("not an answer")
print(json.dumps({{"ready": True, "parameters": {parameters}, "version": "1.2", "flops": 4e8}}), flush=True)
for line in sys.stdin:
    reply = {{"ms": times[name], "ms_min": times[name], "peak_mb": 50 + times[name]}}
    print(json.dumps({{"gflops": 800.0}} if line == "peak\\n" else reply), flush=True)
"""
PEERS = {"eager": 3, "eager+pure": 2.5, "eager+nhwc": 2.8, "eager+nhwc+pure": 2, "compile+nhwc+pure": 1,
         "compile+nhwc": 9}


class Compare(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def worker(self, engine, times, parameters=421642):
        path = self.folder / engine
        path.write_text(WORKER.format(python=sys.executable, engine=engine, times=times, parameters=parameters))
        path.chmod(0o755)
        return path

    def train(self, suan, peer, precision):
        """What it printed, and what it wrote."""
        out = self.folder / "out.json"
        words = ["compare.py", "train", "--case", "lenet", "--precision", precision, "--json", str(out),
                 "--suan", str(suan)]
        with mock.patch.object(compare, "PYTHON", peer), mock.patch.object(sys, "argv", words), \
                contextlib.redirect_stdout(io.StringIO()) as printed:
            compare.main()
        return printed.getvalue(), json.loads(out.read_text())

    def test_the_fastest_variant_is_the_peer_and_the_lowest_memory_its_memory(self):
        printed, results = self.train(self.worker("suan", {"suan": 0.6}), self.worker("peer", PEERS), "bf16")
        self.assertEqual(len(results), 1)
        wanted = {"case": "lenet", "precision": "bf16", "suan_ms": 0.6, "peer": "PyTorch 1.2 compile+nhwc+pure",
                  "peer_ms": 1, "ratio": 0.6, "suan_peak_mb": 50.6, "peer_peak_mb": 51, "alternations": 9,
                  "percent_of_peak": 83.3}
        self.assertEqual({key: results[0][key] for key in wanted}, wanted)
        self.assertIn("PyTorch compile+pure left out: compile+pure does not compile", printed)
        self.assertIn("compile+nhwc+pure", printed.splitlines()[-1])

    def test_f32_tries_no_bf16_weights(self):
        _, results = self.train(self.worker("suan", {"suan": 1.4}), self.worker("peer", PEERS), "f32")
        self.assertEqual((results[0]["peer"], results[0]["ratio"]), ("PyTorch 1.2 eager+nhwc", 0.5))

    def test_models_of_different_size_are_not_compared(self):
        suan = self.worker("suan", {"suan": 1}, parameters=7)
        with self.assertRaisesRegex(SystemExit, "lenet has 7 parameters in Suan and 421642 in PyTorch"):
            self.train(suan, self.worker("peer", PEERS), "f32")

    def test_the_report_is_a_page_of_what_was_measured(self):
        self.train(self.worker("suan", {"suan": 1.4}), self.worker("peer", PEERS), "f32")
        kernels = self.folder / "kernels.json"
        kernels.write_text(json.dumps([{"kernel": "product", "unit": "GFLOP/s", "rate": 90, "limit": 100, "percent": 90,
                                        "threads": 2, "date": "2026-01-31", "machine": "M", "system": "Linux 6",
                                        "suan": "1.2"}]))
        page = self.folder / "page.md"
        words = ["compare.py", "report", str(self.folder / "out.json"), str(kernels), "--output", str(page)]
        with mock.patch.object(sys, "argv", words):
            compare.main()
        text = page.read_text()
        self.assertIn("| lenet | f32 | 1.400 | 2.800 | **0.50** | 51 | 53 | 0.97 | 36 | eager+nhwc |", text)
        self.assertIn("| product | 90 GFLOP/s | 100 GFLOP/s | **90 %** |", text)
        self.assertIn("Measured 2026-01-31: M, Linux 6, 2 threads, Suan 1.2.", text)
        self.assertNotIn("Same losses", text)


if __name__ == "__main__":
    unittest.main()
