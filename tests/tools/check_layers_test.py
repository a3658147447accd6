"""tools/check_layers accepts a sound tree and names each kind of violation."""
# SPDX-License-Identifier: Apache-2.0
import pathlib
import tempfile
import unittest

from load import load_tool

check_layers = load_tool("check_layers")

TABLE = """
| folder of `src/suan/` | what it holds |
|---|---|
| `base/` | words |
| `ops/` | meaning |
| `backend/` | kernels in `cpu/` and `cuda/` |
| `data/ nn/` | layers |
"""
SPDX = "// SPDX-License-Identifier: Apache-2.0\n"


def complaints(files, table=TABLE):
    """What the checker says about a tree of {path: text}; each text gets an SPDX line."""
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        (root / "ARCHITECTURE.md").write_text(table)
        for path, text in files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(SPDX + text)
        return check_layers.check_tree(root)


class CheckLayers(unittest.TestCase):
    def accepts(self, files):
        self.assertEqual(complaints(files), [])

    def rejects(self, path, text, why):
        found = complaints({path: text})
        self.assertEqual(len(found), 1, found)
        self.assertRegex(found[0], why)
        self.assertTrue(found[0].startswith(path), found[0])

    def test_reads_the_rows_in_order(self):
        self.assertEqual(check_layers.read_rows(TABLE), [["base"], ["ops"], ["backend"], ["data", "nn"]])

    def test_the_table_of_this_project_is_read(self):
        rows = check_layers.read_rows((check_layers.pathlib.Path(__file__).parents[2] / "ARCHITECTURE.md").read_text())
        self.assertEqual(rows[0], ["base"])
        self.assertIn(["data", "nn", "optim", "train", "models", "compress"], rows)
        self.assertEqual(rows[-1], ["serve"])

    def test_accepts_includes_of_upper_rows_and_of_the_same_row(self):
        self.accepts({
            "src/suan/nn/linear.cpp": '#include "suan/ops/a.h"\n#include "suan/data/b.h"\n#include <vector>\n',
            "src/suan/data/b.h": '#include "suan/nn/linear.h"\n',
            "src/suan/suan.h": '#include "suan/nn/linear.h"\n',
            "apps/suan/main.cpp": '#include <CLI/CLI.hpp>\n#include "suan/suan.h"\n#include "apps/suan/a.h"\n',
            "tests/nn/linear_test.cpp": '#include <gtest/gtest.h>\n#include "tests/near.h"\n',
        })

    def test_rejects_an_include_of_a_lower_row(self):
        self.rejects("src/suan/base/a.h", '#include "suan/ops/b.h"\n', "base/ may not include suan/ops/b.h")

    def test_rejects_a_folder_that_is_not_in_the_table(self):
        self.rejects("src/suan/ops/a.h", '#include "suan/odd/b.h"\n', "odd/ is not in the table")
        self.rejects("src/suan/odd/a.h", '#include "suan/base/b.h"\n', "odd/ is not in the table")

    def test_rejects_an_include_of_tests_or_apps_in_the_library(self):
        self.rejects("src/suan/ops/a.h", '#include "apps/suan/a.h"\n', "src/ may not include apps/suan/a.h")
        self.rejects("examples/a.cpp", '#include "tests/near.h"\n', "examples/ may not include tests/near.h")

    def test_rejects_the_umbrella_header_inside_the_library(self):
        self.rejects("src/suan/ops/a.h", '#include "suan/suan.h"\n', "includes every part")

    def test_rejects_an_unlisted_library_and_a_path_that_is_not_from_the_root(self):
        self.rejects("src/suan/ops/a.h", "#include <Eigen/Core>\n", "Eigen/Core")
        self.rejects("src/suan/ops/a.h", '#include "b.h"\n', "b.h is neither")

    def test_rejects_internal_headers_of_another_folder(self):
        header = '#include "suan/backend/cpu/internal/x.h"\n'
        self.rejects("src/suan/backend/cuda/a.cpp", header, "private to backend/cpu/")
        self.rejects("examples/a.cpp", header, "private to backend/cpu/")
        self.accepts({"src/suan/backend/cpu/a.cpp": header, "tests/backend/cpu/a_test.cpp": header})

    def test_rejects_a_heavy_header_in_a_header(self):
        self.rejects("src/suan/ops/a.h", "#include <nlohmann/json.hpp>\n", "in a .cpp file")

    def test_rejects_a_heavy_header_in_many_files(self):
        names = [f"src/suan/ops/{name}.cpp" for name in "abcd"]
        files = {name: "#include <nlohmann/json.hpp>\n" for name in names}
        self.assertRegex(complaints(files)[0], "nlohmann/ is included by more than 3 files")
        files["tests/ops/a_test.cpp"] = files.pop(names[0])
        self.accepts(files)

    def test_rejects_a_long_file(self):
        self.rejects("src/suan/ops/a.cpp", "\n" * 800, "801 lines; 800 is the limit")
        self.accepts({"src/suan/ops/a.cpp": "\n" * 799})

    def test_rejects_a_switch_over_ops_outside_ops(self):
        text = "switch (op) { case Op::softmax: break; }\n"
        self.rejects("src/suan/backend/a.cpp", text, "switches over ops")
        self.rejects("apps/suan/a.cpp", text.replace("Op::", "suan::Op::"), "switches over ops")
        self.rejects("src/suan/backend/a.cpp", "using enum suan::Op;\n", "switches over ops")
        self.accepts({"src/suan/ops/a.cpp": text, "src/suan/backend/a.cpp": "case OpKernel::x:\n"})

    def test_rejects_openmp_outside_base(self):
        pragma = "#pragma omp parallel for\n"
        self.rejects("src/suan/backend/a.cpp", pragma, "parallel_for")
        self.accepts({"src/suan/base/a.cpp": pragma, "src/suan/backend/a.cpp": "#pragma omp simd\n"})

    def test_rejects_a_file_without_a_licence_line(self):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            (root / "ARCHITECTURE.md").write_text(TABLE)
            (root / "src").mkdir()
            (root / "src/a.cpp").write_text("int x;\n")
            self.assertEqual(check_layers.check_tree(root), ["src/a.cpp: no SPDX line at its head"])

    def test_a_lost_table_is_an_error(self):
        self.assertEqual(complaints({}, "no table"), ["ARCHITECTURE.md: no folder table found"])


if __name__ == "__main__":
    unittest.main()
