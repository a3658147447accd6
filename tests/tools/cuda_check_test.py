"""benchmarks/compare_gpu.py and tools/cuda_check on made-up results, and what the bundle has."""
# SPDX-License-Identifier: Apache-2.0
import contextlib
import io
import json
import os
import pathlib
import subprocess
import sys
import tarfile
import tempfile
import unittest
from unittest import mock

from load import TOOLS, load_tool

ROOT = TOOLS.parent
sys.path.insert(0, str(ROOT / "benchmarks"))
import compare_gpu  # noqa: E402
import gpu_report  # noqa: E402

cuda_check = load_tool("cuda_check")
SCRIPT = """#!{python}
import json, os, sys
words = sys.argv[1:]
if words[0] == "--version":
    sys.exit(print("1.2"))
if words[0] == "devices":
    sys.exit(print(json.dumps({{"cuda": {cards}, "cuda_why_not": "no driver"}})))
if {broken!r} in words:
    sys.exit("suan: cuda: a kernel failed")
copies = "copy" in words or words[0] == "kernel"
print(json.dumps({{"ready": True, "parameters": 7, "version": "1.2", "flops": 4e8}}), flush=True)
for line in sys.stdin:
    ms = 9 if copies else 10
    print(json.dumps({{"ms": ms, "ms_min": ms, "peak_mb": 5}}), flush=True)
"""


class Folder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def script(self, name, cards=1, broken="none"):
        path = self.folder / name
        card = {"model": "Card", "index": 0}
        path.write_text(SCRIPT.format(python=sys.executable, cards=[card] * cards, broken=broken))
        path.chmod(0o755)
        return path


class CompareGpu(Folder):
    def rows(self, suan, *words):
        """What it printed, and its rows by their keys."""
        out = self.folder / "out.json"
        line = ["compare_gpu.py", "--suan", str(suan), "--json", str(out), "--python", "/bin/false",
                "--alternations", "2", "--seconds", "60", *words]
        with mock.patch.object(sys, "argv", line), mock.patch.dict(os.environ, clear=False), \
                contextlib.redirect_stdout(io.StringIO()) as printed:
            os.environ.pop("SUAN_DATA", None)
            compare_gpu.main()
        return printed.getvalue(), {row["row"]: row for row in json.loads(out.read_text())}

    def test_without_a_gpu_every_row_says_why(self):
        printed, rows = self.rows(self.script("suan", cards=0))
        self.assertEqual(set(rows), set(gpu_report.ROWS))
        self.assertEqual({row["not_run"] for row in rows.values()}, {"no driver"})
        self.assertEqual(printed.count("not run: no driver"), len(rows))

    def test_without_pytorch_suan_runs_alone(self):
        printed, rows = self.rows(self.script("suan"), "--row", "gpt2-train", "--row",
                                  "gpt2-memory", "--row", "chain", "--row", "mnist", "--row",
                                  "first-warm", "--row", "resnet50-infer")
        self.assertIn("PyTorch", rows["gpt2-train"]["not_run"])
        self.assertEqual(rows["gpt2-train"]["suan_rate"], 16 * 1024 * 100)
        self.assertIn("Suan alone: 3.64 of the floor", printed)
        self.assertIsNone(rows["gpt2-memory"]["met"])
        self.assertEqual((rows["chain"]["ratio"], rows["chain"]["met"]), (0.9, True))
        self.assertEqual(rows["mnist"]["not_run"], "SUAN_DATA is not set")
        self.assertTrue(rows["first-warm"]["met"])
        self.assertLess(rows["first-warm"]["ratio"], 1)
        self.assertEqual(rows["chain"]["device"], "Card")

    def test_a_failure_of_suan_is_one(self):
        printed, rows = self.rows(self.script("suan", broken="product"), "--row", "product")
        self.assertTrue(rows["product"]["failed"])
        self.assertIn("failed: suan: cuda: a kernel failed", printed)

    def test_the_fastest_variant_counts(self):
        options = compare_gpu.parse_options(["--alternations", "3", "--limit", "20"])
        options.torch, options.deadline, options.memory_mb = "2", float("inf"), lambda: 0.0
        suan = self.script("suan")
        options.suan = suan

        def start_peer(stack, options, variant, *words):
            slow = "copy" if variant == "compile+graph" else "train"
            worker = compare_gpu.GpuWorker(variant, [suan, slow], options.limit)
            return compare_gpu.start(stack, worker)
        with mock.patch.object(compare_gpu, "start_peer", start_peer), \
                contextlib.redirect_stdout(io.StringIO()):
            found = compare_gpu.train(options, gpu_report.ROWS["gpt2-train"])
        row = gpu_report.judged("gpt2-train", found)
        self.assertEqual((row["peer"], row["ratio"]), ("PyTorch 1.2 compile+graph", 0.9))
        self.assertFalse(row["met"])
        self.assertIn("  0.90   >=1.10 below PyTorch 1.2 compile+graph", gpu_report.line(row))

    def test_memory_is_a_row_of_its_own(self):
        found = {"suan_ms": 1, "suan_rate": 500_000, "ratio": 1.3, "memory_ratio": 0.7,
                 "suan_peak_mb": 7}
        train = gpu_report.judged("gpt2-train", found)
        memory = gpu_report.shared("gpt2-memory", train)
        self.assertEqual((train["ratio"], train["met"]), (1.3, True))
        self.assertEqual((memory["ratio"], memory["met"]), (0.7, True))
        self.assertNotIn("floor", memory)


class CudaCheck(Folder):
    def test_counts_of_the_op_suite_add_up_and_an_end_amid_a_test_is_a_failure(self):
        first = ("[==========] Running 3 tests from 1 test suite.\n[ RUN      ] A/a\n"
                 "[       OK ] A/a (1 ms)\n[ RUN      ] A/b\nwrong\n"
                 "[  FAILED  ] A/b, where GetParam() = 1 (2 ms)\n[ RUN      ] A/c\n"
                 "[  SKIPPED ] A/c (0 ms)\n[  FAILED  ] A/b\n")
        second = ("[==========] Running 2 tests from 1 test suite.\n[ RUN      ] A/d\n"
                  "[       OK ] A/d (1 ms)\n[ RUN      ] A/e\n")
        self.assertEqual(cuda_check.op_counts([first, second]),
                         {"passed": 2, "failed": 2, "skipped": 1, "of": 5,
                          "failures": ["A/b", "A/e (did not end)"]})

    def test_the_table_has_a_line_for_each_step_and_each_bar(self):
        row = gpu_report.judged("chain", {"ratio": 0.9, "peer": "a copy"})
        steps = [{"name": "ops", "seconds": 12.34, "result": "failed", "reason": "2 of\n5 failed"},
                 {"name": "memcheck", "seconds": 0, "result": "not run", "reason": "no tool"}]
        with mock.patch.object(cuda_check, "HERE", ROOT):
            text = cuda_check.table({"steps": steps, "benchmarks": [row]})
        self.assertEqual(len(text.splitlines()), 5)
        self.assertIn("ops                     12.3 s  failed: 2 of 5 failed", text)
        self.assertIn("memcheck                 0.0 s  not run: no tool", text)
        self.assertIn("0.90   >=0.85 met   a copy", text)

    def test_steps_go_on_after_a_failure_and_stop_when_the_time_is_over(self):
        def fails(_machine, _limit):
            raise cuda_check.Fails("bad", {"n": 1})
        entry = cuda_check.run_step(None, ("a", 5, fails), 9)
        self.assertEqual((entry["result"], entry["reason"], entry["details"]),
                         ("failed", "bad", {"n": 1}))
        entry = cuda_check.run_step(None, ("a", 5, lambda m, limit: {"limit": limit}), 3)
        self.assertEqual((entry["result"], entry["details"]), ("passed", {"limit": 3}))
        entry = cuda_check.run_step(None, ("a", 5, lambda m, limit: {}), 0)
        self.assertEqual(entry["result"], "not run")
        entry = cuda_check.run_step(None, ("a", 5, lambda m, limit: {}["x"]), 9)
        self.assertEqual((entry["result"], entry["reason"]), ("failed", "KeyError: 'x'"))

    def test_a_profile_is_right_where_all_work_belongs_to_steps_that_all_had_work(self):
        report = {"ms": 1.5, "played_ms": 1.2, "percent_of_peak": 3, "memory_bytes": 9,
                  "joules_per_step": None, "why_no_energy": "no NVML", "why_no_timeline": "",
                  "kernels": [{"node": "relu", "kernel": "cuda_region", "ms": 1.5}]}
        kernel = {"ph": "X", "cat": "kernel", "name": "k", "args": {"step": "0"}}
        memory = {"ph": "C", "args": {}}
        details = cuda_check.profile_details(report, [kernel, memory])
        self.assertEqual((details["kernels"], details["why_no_energy"]), (1, "no NVML"))
        idle = report | {"kernels": [{"node": "sum", "kernel": "cuda_sum", "ms": 0}]}
        for found, events, reason in (
                (report, [kernel | {"args": {}}, memory], "of no step: k"),
                (idle, [kernel, memory], r"nothing was seen of sum \(cuda_sum\)"),
                (report, [memory], "no kernel was seen"), (report, [kernel], "no memory was")):
            with self.subTest(reason), self.assertRaisesRegex(cuda_check.Fails, reason):
                cuda_check.profile_details(found, events)
        with self.assertRaisesRegex(cuda_check.Reason, "^no timeline: CUPTI is in use$"):
            cuda_check.profile_details(report | {"why_no_timeline": "CUPTI is in use"}, [])

    def test_rates_that_are_not_known_are_a_failure(self):
        machine = mock.Mock()
        machine.suan.return_value = 'cuda\n{"cuda": [{"index": 0, "f32_gflops": 9.0}]}\n'
        self.assertEqual(cuda_check.measure(machine, 5), {"f32_gflops": 9.0})
        machine.suan.return_value = '{"cuda": [{"index": 0}]}'
        with self.assertRaisesRegex(cuda_check.Fails, "not known"):
            cuda_check.measure(machine, 5)

    def test_steps_are_chosen_by_patterns(self):
        options = cuda_check.parse_options(["--only", "bench*", "--skip", "*mnist"])
        names = [step[0] for step in cuda_check.chosen_steps(options, {})]
        self.assertEqual(names[0], "devices")
        self.assertNotIn("bench mnist", names)
        self.assertTrue(all(name.startswith("bench ") for name in names[1:]))
        rows = {row for rows, _ in cuda_check.BENCHES.values() for row in rows}
        self.assertEqual(rows, set(gpu_report.ROWS))

    def test_the_cases_that_are_sanitized_are_ops(self):
        cases = {path.stem for path in (ROOT / "tests/ops/cases").glob("*.cpp")}
        names = (ROOT / "src/suan/ops/op_list.inc").read_text()
        names += (ROOT / "tests/ops/function_list.inc").read_text()
        for name in cuda_check.SHARED:
            self.assertTrue(name in cases or f"({name}" in names, name)


@unittest.skipUnless((ROOT / "build/release/lib/libsuan_cuda.so").exists(), "there is no nvcc")
class Bundle(Folder):
    def test_it_is_small_and_runs_in_an_empty_environment(self):
        path = self.folder / "bundle.tar.gz"
        subprocess.run([TOOLS / "cuda_bundle", path], check=True, capture_output=True)
        self.assertLess(path.stat().st_size, 45e6)
        with tarfile.open(path) as tar:
            tar.extractall(self.folder)
        bundle = self.folder / "suan-cuda"

        def run(*words):
            return subprocess.run([*map(str, words)], cwd="/", env={"PATH": "/usr/bin:/bin"},
                                  capture_output=True, text=True, check=True).stdout
        listed = run(sys.executable, bundle / "check", "--list")
        self.assertIn("bench gpt2", listed)
        linked = run("ldd", bundle / "bin/suan_ops_tests")
        self.assertIn(f"libdnnl.so.2 => {bundle}/bin/../lib/libdnnl.so.2", linked)
        self.assertIn(f"libOpenCL.so.1 => {bundle}/bin/../lib/libOpenCL.so.1", linked)
        for name in compare_gpu_modules():
            self.assertTrue((bundle / "benchmarks" / name).exists(), name)


def compare_gpu_modules():
    """The scripts of benchmarks/ that compare_gpu.py imports."""
    return [f"{name}.py" for name, module in sys.modules.items()
            if str(getattr(module, "__file__", "")).startswith(str(ROOT / "benchmarks"))]


if __name__ == "__main__":
    unittest.main()
