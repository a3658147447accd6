"""The command `suan` as a person or a script calls it: output, exit codes, and what Ctrl-C leaves behind."""
# SPDX-License-Identifier: Apache-2.0
import json
import os
import pathlib
import re
import signal
import struct
import subprocess
import tempfile
import time
import unittest
import zlib

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SUAN = pathlib.Path(os.environ.get("SUAN", ROOT / "build/release/bin/suan"))
SMALL = ["digits-lenet", "--set", "model.name=mlp", "--set", "model.sizes=[784, 16, 10]", "--set",
         "data.train_samples=200", "--set", "data.test_samples=100", "--set", "train.batch=20", "--threads", "1"]
COMMANDS = ["demo", "devices", "train", "eval", "predict", "generate", "inspect", "profile", "bench train"]


def grey_png(side):
    """A black image."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) +
            chunk(b"IDAT", zlib.compress(bytes(1 + side) * side)) + chunk(b"IEND", b""))


class Command(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def suan(self, *arguments, status=0):
        done = subprocess.run([SUAN, *arguments], cwd=self.folder, text=True, capture_output=True, check=False)
        self.assertEqual(done.returncode, status, done.stderr + done.stdout)
        return done

    def json(self, *arguments):
        return json.loads(self.suan(*arguments, "--json").stdout.splitlines()[-1])

    def test_every_command_has_help(self):
        for command in COMMANDS:
            with self.subTest(command):
                text = self.suan(*command.split(), "--help").stdout
                self.assertIn("--json", text)

    def test_train_evaluates_and_reports(self):
        report = self.json("train", *SMALL, "--set", "train.epochs=3")
        for key in ("accuracy", "loss", "seconds", "samples_per_second", "gflops", "percent_of_peak", "run"):
            self.assertIn(key, report)
        self.assertEqual(report["run"], "runs/digits-lenet-1")
        run = pathlib.Path(self.folder, report["run"])
        lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
        self.assertEqual([line["epoch"] for line in lines if "eval_loss" in line], [1, 2, 3])
        self.assertTrue(list(run.glob("events.out.tfevents.*")))
        again = self.json("eval", "digits-lenet-1")
        self.assertEqual((again["accuracy"], again["loss"]), (report["accuracy"], report["loss"]))

    def test_seeds_give_mean_and_deviation(self):
        report = self.json("train", *SMALL, "--set", "train.epochs=1", "--seeds", "2", "--quiet")
        self.assertEqual(report["seeds"], 2)
        self.assertGreater(report["accuracy_std"], 0)
        self.assertTrue(pathlib.Path(self.folder, "runs/digits-lenet-2").is_dir())

    def test_mistakes_are_one_line_and_exit_code_2(self):
        for arguments, expected in [
            (["train", "digits-lent"], "suan: recipe: there is no recipe 'digits-lent', did you mean 'digits-lenet'?"),
            (["train", "digits-lenet", "--set", "train.batc=2"],
             "suan: --set train.batc=2: there is no key 'train.batc', did you mean 'train.batch'?"),
            (["train"], "suan: train: expected a recipe: a file or a name, or --resume RUN"),
            (["eval", "nowhere"],
             "suan: nowhere: is not the folder of a run: there is no nowhere/config.toml"),
        ]:
            with self.subTest(arguments):
                done = self.suan(*arguments, status=2)
                self.assertEqual(done.stderr.strip(), expected)
                self.assertFalse(pathlib.Path(self.folder, "runs").exists())
        self.suan("train", "--no-such-option", status=2)

    def test_ctrl_c_saves_and_resume_ends_with_the_same_bytes(self):
        long = [*SMALL, "--set", "train.epochs=60"]
        whole = self.json("train", *long, "--quiet")["run"]
        process = subprocess.Popen([SUAN, "train", *long, "--quiet"], cwd=self.folder, text=True,
                                   stderr=subprocess.PIPE, stdout=subprocess.PIPE)
        metrics = pathlib.Path(self.folder, "runs/digits-lenet-2/metrics.jsonl")
        deadline = time.monotonic() + 60
        while (not metrics.exists() or not metrics.read_text()) and time.monotonic() < deadline:
            time.sleep(0.005)
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 130, error)
        self.assertRegex(error, r"stopped after step \d+; go on with: suan train --resume runs/digits-lenet-2")
        self.suan("train", "--resume", "digits-lenet-2", "--quiet")
        last = "checkpoints/last.safetensors"
        self.assertEqual(pathlib.Path(self.folder, whole, last).read_bytes(),
                         pathlib.Path(self.folder, "runs/digits-lenet-2", last).read_bytes())

    def test_profile_writes_a_trace_whose_times_add_up(self):
        report = self.json("profile", *SMALL, "--steps", "3", "--trace", "t.json")
        events = json.loads(pathlib.Path(self.folder, "t.json").read_text())["traceEvents"]
        self.assertAlmostEqual(sum(event["dur"] for event in events) / 1e3, report["ms"], delta=0.001)
        self.assertIn("matmul", [event["name"] for event in events])

    def test_inspect_names_kernels(self):
        done = self.suan("inspect", *SMALL, "--why")
        self.assertRegex(done.stdout, r"matmul +f32\[20, 10\] +\w+")
        pathlib.Path(self.folder, "g.txt").write_text(
            'graph {\n  %0 = input() {label="x"} : f32[2, 3]\n  %1 = relu(%0) : f32[2, 3]\n  return %1\n}\n')
        self.assertEqual(self.json("inspect", "g.txt")["steps"], 1)

    def test_predict_says_class_and_probability(self):
        run = self.json("train", *SMALL, "--set", "train.epochs=1", "--quiet")["run"]
        pathlib.Path(self.folder, "one.png").write_bytes(grey_png(40))
        done = self.suan("predict", run, "one.png")
        self.assertTrue(re.fullmatch(r"one\.png: \d \(\d+\.\d %\)\n", done.stdout), done.stdout)


if __name__ == "__main__":
    unittest.main()
