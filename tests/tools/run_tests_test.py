"""tools/run_tests counts what passed, failed, was skipped or crashed."""
# SPDX-License-Identifier: Apache-2.0
import contextlib
import io
import json
import pathlib
import tempfile
import unittest

from load import load_tool

run_tests = load_tool("run_tests")


def gtest_case(result="COMPLETED", status="RUN", failed=False):
    return {"status": status, "result": result, **({"failures": [{}]} if failed else {})}


class RunTests(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        run_tests.REPORTS = self.folder / "reports"

    def script(self, name, text):
        path = self.folder / name
        path.write_text(text)
        path.chmod(0o755)
        return path

    def quietly(self, function, *arguments):
        with contextlib.redirect_stdout(io.StringIO()) as output:
            return function(*arguments), output.getvalue()

    def gtest(self, cases, status):
        """Counts of a stand-in for a gtest binary that reports `cases` and exits with `status`."""
        report = json.dumps({"testsuites": [{"testsuite": cases}]})
        binary = self.script("tests_binary", f"#!/bin/sh\necho '{report}' > ${{2#*json:}}\nexit {status}\n")
        return self.quietly(run_tests.run_gtest, binary)[0]

    def test_counts_gtest_results(self):
        cases = [gtest_case(), gtest_case(), gtest_case(failed=True), gtest_case(result="SKIPPED"),
                 gtest_case(status="NOTRUN", result="SUPPRESSED")]
        self.assertEqual(self.gtest(cases, 1), run_tests.counts(2, 1, 2))

    def test_a_bad_exit_after_good_tests_is_a_failure(self):
        self.assertEqual(self.gtest([gtest_case()], 23), run_tests.counts(1, 1, 0))

    def test_a_crashed_binary_is_one_failure(self):
        crash = self.script("crash", "#!/bin/sh\nkill -SEGV $$\n")
        self.assertEqual(self.quietly(run_tests.run_gtest, crash)[0], run_tests.counts(failed=1))

    def test_scripts_pass_fail_and_skip_by_exit_status(self):
        for status, expected in ((0, "1 passed, 0 failed"), (3, "0 passed, 1 failed"),
                                 (77, "0 passed, 0 failed, 1 skipped")):
            item = str(self.script("item", f"#!/bin/sh\nexit {status}\n"))
            code, output = self.quietly(run_tests.main, ["some", item])
            self.assertEqual(output.splitlines()[-1], expected)
            self.assertEqual(code, 1 if status == 3 else 0)

    def test_a_script_is_skipped_where_a_module_it_needs_is_absent(self):
        absent = self.script("a.py", "# needs: json, no_such_module\nraise SystemExit(1)\n")
        present = self.script("b.py", "# needs: json\nraise SystemExit(0)\n")
        _, output = self.quietly(run_tests.main, ["peers", str(absent), str(present)])
        self.assertIn("skipped: no_such_module", output)
        self.assertTrue(output.endswith("1 passed, 0 failed, 1 skipped\n"), output)

    def test_python_tests_are_counted(self):
        self.script("one_test.py", "import unittest\nclass T(unittest.TestCase):\n  def test_a(self): pass\n"
                    "  def test_b(self): self.fail()\n  def test_c(self): self.skipTest('x')\n")
        result, _ = self.quietly(run_tests.run_unittest, self.folder)
        self.assertEqual(result, run_tests.counts(1, 1, 1))

    def test_an_item_that_does_not_exist_is_a_failure(self):
        code, output = self.quietly(run_tests.main, ["some", "tests/none/such"])
        self.assertEqual((code, output.splitlines()[-1]), (1, "0 passed, 1 failed"))

    def test_sums_reports_and_counts_a_missing_one_as_a_failure(self):
        run_tests.REPORTS.mkdir()
        (run_tests.REPORTS / "a.json").write_text(json.dumps(run_tests.counts(3, 0, 1)))
        (run_tests.REPORTS / "b.json").write_text(json.dumps(run_tests.counts(4, 0, 0)))
        self.assertEqual(self.quietly(run_tests.main, ["--sum", "a", "b"]), (0, "7 passed, 0 failed, 1 skipped\n"))
        code, output = self.quietly(run_tests.main, ["--sum", "a", "c"])
        self.assertEqual((code, output), (1, "failed in: c\n3 passed, 1 failed, 1 skipped\n"))


if __name__ == "__main__":
    unittest.main()
