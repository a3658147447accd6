"""The command `suan` as a person or a script calls it: output, exit codes, and what Ctrl-C leaves behind."""
# SPDX-License-Identifier: Apache-2.0
import json
import os
import pathlib
import re
import signal
import subprocess
import time
import unittest

from command import SMALL, SUAN, Command, onnx_model, png

FAKE_GPU = pathlib.Path(SUAN).parents[1] / "fake_gpu"  # a driver that is not real
COMMANDS = ["demo", "devices", "train", "eval", "predict", "generate", "inspect", "profile", "bench train", "run", "diff",
            "bench infer", "bench kernels", "conformance", "compile", "convert"]


class CommandTest(Command):
    def test_every_command_has_help(self):
        for command in COMMANDS:
            with self.subTest(command):
                text = self.suan(*command.split(), "--help").stdout
                self.assertIn("--json", text)

    def test_devices_lists_gpus_or_says_why_there_is_none(self):
        report = self.json("devices")
        self.assertEqual(report["cuda"] == [], report["cuda_why_not"] != "")
        self.assertIn("cuda:0 " if report["cuda"] else f"not usable: {report['cuda_why_not']}\n",
                      self.suan("devices").stdout)

    @unittest.skipUnless(FAKE_GPU.exists(), "this build has no fake driver")
    def test_devices_tells_the_measured_rates_of_a_gpu_or_why_there_are_none(self):
        environment = dict(os.environ, SUAN_CUDA_LIBRARIES=str(FAKE_GPU), XDG_CACHE_HOME=self.folder)

        def devices(*words):
            lines = self.suan("devices", "--json", *words, env=environment).stdout.splitlines()
            return "\n".join(lines[:-1]), json.loads(lines[-1])["cuda"][0]
        text, gpu = devices()
        self.assertIn("cuda:0   Fake GPU, sm_90, 0.5 GB\n         peak rates are not known: `suan devices --measure` "
                      "measures them", text)
        self.assertNotIn("f32_gflops", gpu)
        text, _ = devices("--measure")
        self.assertIn("peak rates are not known: cuda: there is no kernel noise_f32", text)
        with open(pathlib.Path(self.folder, "suan/machine.txt"), "a", encoding="utf-8") as cache:
            cache.write("Fake GPU, 132 multiprocessors, 536870912 bytes\t51000 412000 745000 740000 2610\n")
        text, gpu = devices()
        self.assertIn("tf32     412.0 TFLOP/s\nbf16     745.0 TFLOP/s\n", text)
        self.assertEqual([gpu["f32_gflops"], gpu["f16_gflops"], gpu["copy_gbytes"]], [51000, 740000, 2610])

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
        for key in ("accuracy", "loss", "f1"):
            self.assertEqual(again[key], report[key])

    def test_recipes_choose_metrics_schedule_and_early_stopping(self):
        report = self.json("train", *SMALL, "--quiet", "--set", "train.epochs=50", "--set", "train.top_k=3",
                           "--set", "train.patience=4", "--set", "optimizer.lr=0", "--set", "schedule.kind=plateau",
                           "--set", "schedule.patience=1", "--set", "schedule.min_lr=0")
        self.assertTrue(report["stopped_early"])
        self.assertEqual(report["steps"], 5 * 10)  # the first evaluation is the best, then four that are not
        self.assertGreaterEqual(report["top3_accuracy"], report["accuracy"])
        lines = [json.loads(line) for line in
                 pathlib.Path(self.folder, report["run"], "metrics.jsonl").read_text().splitlines()]
        self.assertEqual({"eval_accuracy", "eval_f1", "eval_loss", "eval_top3_accuracy"},
                         {key for line in lines for key in line if key.startswith("eval_")})

    def test_plateau_lowers_the_rate_when_nothing_improves(self):
        run = self.json("train", *SMALL, "--quiet", "--set", "train.epochs=8", "--set", "optimizer.name=sgd", "--set",
                        "optimizer.lr=1e-12", "--set", "schedule.kind=plateau", "--set", "schedule.patience=1",
                        "--set", "schedule.factor=0.5")["run"]
        rates = [json.loads(line)["lr"] for line in
                 pathlib.Path(self.folder, run, "metrics.jsonl").read_text().splitlines() if "eval_loss" in line]
        self.assertAlmostEqual(rates[0], 1e-12, delta=1e-18)
        self.assertLess(rates[-1], 0.3e-12)

    def test_a_language_model_reports_perplexity(self):
        pathlib.Path(self.folder, "text.txt").write_text("the cat sat on the mat. " * 100)
        report = self.json("train", "shakespeare-gpt", "--quiet", "--threads", "1", "--set", "data.path=text.txt",
                           "--set", "train.steps=3", "--set", "train.batch=2", "--set", "data.context=8", "--set",
                           "schedule.warmup_steps=0", "--set", "model.layers=1", "--set", "model.width=16", "--set",
                           "model.heads=2")
        self.assertAlmostEqual(report["perplexity"], 2.718281828459045 ** report["loss"], places=4)
        self.assertNotIn("accuracy", report)

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

    def test_kernels_are_timed(self):
        for words, rate in (["product", "--size", "64"], "gflops"), (["chain", "--megabytes", "1"], "gbytes"), \
                (["copy", "--megabytes", "1"], "gbytes"):
            for device in "cpu", "cuda-null":
                report = self.json("bench", "kernels", "--case", *words, "--runs", "3", "--device", device)
                self.assertEqual(report["case"], words[0])
                if device == "cpu":
                    self.assertGreater(report[rate], 0)
                    self.assertGreaterEqual(report["ms_median"], report["ms_min"])
        self.refused("bench kernels --case sum".split(),
                     "bench: there is no case 'sum', expected product, chain or copy")

    def test_steps_are_timed_with_a_batch_and_on_a_device(self):
        words = ["bench", "train", "--case", "mlp", "--batch", "8", "--steps", "2"]
        self.assertEqual(self.json(*words)["parameters"], 101770)
        self.assertIsNone(self.json(*words, "--device", "cuda-null")["percent_of_peak"])
        self.refused("bench train --case gpt".split(), "bench: there is no case 'gpt', expected mlp, lenet, "
                     "resnet18, gpt-mini, gpt-small, gpt2-124m or resnet50")

    def test_profile_writes_a_trace_whose_times_add_up(self):
        report = self.json("profile", *SMALL, "--steps", "3", "--trace", "t.json")
        events = json.loads(pathlib.Path(self.folder, "t.json").read_text())["traceEvents"]
        steps = [event for event in events if event["ph"] == "X"]
        self.assertAlmostEqual(sum(event["dur"] for event in steps) / 1e3, report["ms"], delta=0.001)
        self.assertIn("matmul", [event["name"] for event in steps])
        self.assertEqual(sum(row["calls"] for row in report["kernels"]), len(steps))
        for row in report["kernels"]:
            self.assertAlmostEqual(row["gbytes"], row["bytes"] / row["ms"] / 1e6, delta=1e-6 * row["gbytes"])
        memory = [sum(event["args"].values()) for event in events if event["ph"] == "C"]
        self.assertEqual(len(memory), len(steps) + 1)
        self.assertEqual(max(memory), report["memory_bytes"])
        self.assertLessEqual(report["memory_bytes"], report["allocated_bytes"])
        self.assertNotIn("played_ms", report)

    def test_profile_on_a_gpu_says_why_not(self):
        self.refused("profile digits-lenet --device cuda-null".split(),
                     "profile: cuda-null computes nothing, so nothing takes time")
        devices = self.json("devices")
        if not devices["cuda"]:
            self.refused("profile digits-lenet --device cuda".split(), f"cuda: {devices['cuda_why_not']}")

    def test_inspect_names_kernels(self):
        done = self.suan("inspect", *SMALL, "--why")
        self.assertRegex(done.stdout, r"matmul +f32\[20, 10\] +\w+")
        pathlib.Path(self.folder, "g.txt").write_text(
            'graph {\n  %0 = input() {label="x"} : f32[2, 3]\n  %1 = relu(%0) : f32[2, 3]\n  return %1\n}\n')
        self.assertEqual(self.json("inspect", "g.txt")["steps"], 1)

    def write_model(self, name, last):
        self.write(name, onnx_model([("MatMul", ["x", "w"], "p"), ("Neg", ["p"], "q"), (last, ["q"], "y")],
                                    {"x": [2, 64], "w": [64, 8]}, "y"))

    def test_inspect_of_a_model_says_where_its_time_goes(self):
        self.write_model("m.onnx", "Relu")
        done = self.suan("inspect", "m.onnx", "--why", "--passes")
        self.assertRegex(done.stdout, r"(?m)^ *0  .* \w+ +\d+\.\d +\d+\.\d$")
        self.assertIn("of 'n0' (MatMul)", done.stdout)
        self.assertRegex(done.stdout, r"(?m)^fuse +\d+\.\d+ +\d+$")
        report = self.json("inspect", "m.onnx", "--why")
        self.assertEqual(report["steps"], len(report["step_list"]))
        for step in report["step_list"]:
            self.assertGreater(step["us"], 0)
            self.assertGreater(step["percent_of_roofline"], 0)
        self.assertIn("fuse", [row["pass"] for row in report["passes"]])

    def test_passes_can_be_left_out(self):
        self.write("m.onnx", onnx_model([("Exp", ["x"], "a"), ("Relu", ["a"], "y")], {"x": [64]}, "y"))
        self.assertEqual([step["from"] for step in self.json("inspect", "m.onnx")["step_list"]],
                         ["'n0' (Exp), 'n1' (Relu)"])
        report = self.json("inspect", "m.onnx", "--no-pass", "fuse")
        self.assertEqual([step["from"] for step in report["step_list"]], ["'n0' (Exp)", "'n1' (Relu)"])
        self.assertNotIn("fuse", [row["pass"] for row in report["passes"]])
        self.refused(["inspect", "m.onnx", "--no-pass", "fuze"],
                     "passes: there is no pass 'fuze', did you mean 'fuse'?")

    def test_precisions_by_name(self):
        self.write_model("m.onnx", "Relu")
        self.refused(["run", "m.onnx", "--precision", "f64"],
                     "precision: is 'f64', expected f32, tf32, bf16, f16, fp8 or auto")
        self.refused(["bench", "train", "--precision", "i8"],
                     "bench: precision is 'i8', expected one of f32, tf32, bf16, f16, fp8")
        self.refused(["train", "digits-lenet", "--precision", "f8"],
                     "--set train.precision=f8: train.precision: there is no value 'f8', did you mean 'fp8'?")
        for precision in "tf32", "f16", "fp8":
            with self.subTest(precision):
                said = self.suan("run", "m.onnx", "--precision", precision).stderr
                warning = "suan: warning: precision tf32: cpu has no TF32 and computes in f32\n"
                self.assertEqual(said, warning if precision == "tf32" else "")

    def test_options_without_effect_are_refused(self):
        self.write_model("m.onnx", "Relu")
        self.write("g.txt", 'graph {\n  %0 = input() {label="x"} : f32[2]\n  %1 = relu(%0) : f32[2]\n  return %1\n}\n')
        training = "on training, whose recipe says all"
        for arguments, refused in [
            ("run m.onnx --interpret --precision bf16", "--precision: has no effect with --interpret"),
            ("run m.onnx --interpret --memory small", "--memory: has no effect with --interpret"),
            ("run m.onnx --random --input x=x.npy", "--input: has no effect with --random"),
            ("run m.onnx --batch 3", "--batch: is 3, but no input leaves its first size open"),
            ("run m.onnx --dim n=3", "--dim: got 'n=3', but no input leaves a size open"),
            ("bench infer m.onnx --interpret --no-pass fuse", "--no-pass: has no effect with --interpret"),
            ("bench infer m.onnx --serve --runs 3", "--runs: has no effect with --serve"),
            ("bench kernels --serve --runs 3", "--runs: has no effect with --serve"),
            ("bench infer m.onnx --lengths 3 --runs 3", "--runs: has no effect with --lengths"),
            ("inspect m.onnx --set train.batch=2", "--set: has no effect on a model"),
            ("inspect m.onnx --graph --why", "--why: has no effect with --graph"),
            ("inspect g.txt --batch 2", "--batch: has no effect on a graph"),
            ("inspect g.txt --pad n", "--pad: has no effect on a graph"),
            ("inspect digits-lenet --no-pass fuse", f"--no-pass: has no effect {training}"),
            ("inspect digits-lenet --precision bf16", f"--precision: has no effect {training}"),
            ("profile digits-lenet --batch 2", f"--batch: has no effect {training}"),
            ("conformance . --interpret --engine-file", "--interpret: has no effect with --engine-file"),
            ("diff m.onnx --interpret --memory small", "--memory: has no effect with --interpret"),
            ("diff m.onnx --interpret-b --no-pass-b fuse", "--no-pass-b: has no effect with --interpret-b"),
            ("diff m.onnx --interpret --interpret-b --precision bf16", "--precision: has no effect with --interpret on both"),
        ]:
            with self.subTest(arguments):
                self.refused(arguments.split(), refused)
        for arguments in "conformance . --reproducible", "devices --exact", "convert m.onnx -o a.onnx --pad n":
            self.assertIn("not expected", self.suan(*arguments.split(), status=2).stderr)

    def test_graphs_are_planned_as_asked(self):
        self.write("g.txt", 'graph {\n  %0 = input() {label="x"} : f32[8, 8]\n  %1 = matmul(%0, %0) : f32[8, 8]\n'
                   "  return %1\n}\n")
        self.assertNotIn("bf16", self.suan("inspect", "g.txt", "--graph").stdout)
        self.assertIn("bf16", self.suan("inspect", "g.txt", "--graph", "--precision", "bf16").stdout)

    def diff(self, *arguments, status):
        return json.loads(self.suan("diff", *arguments, "--json", status=status).stdout.splitlines()[-1])

    def test_memory_has_a_limit(self):
        self.write("m.onnx", onnx_model([("Exp", ["x"], "y")], {"x": [1024]}, "y"))
        self.suan("run", "m.onnx", "--memory-limit", "9KB")
        self.refused(["run", "m.onnx", "--memory-limit", "5000"],
                     "program: takes 8192 bytes (0 activations and scratch, 8192 inputs and results, 0 constants "
                     "and states), over the limit of 5000")
        self.refused(["run", "m.onnx", "--interpret", "--memory-limit", "5000"],
                     "node 'n0' (Exp): memory: 4096 bytes beside the 4096 that are taken are over the limit of "
                     "5000 bytes")

    def test_diff_shows_the_first_node_where_models_part(self):
        self.write_model("a.onnx", "Relu")
        self.write_model("b.onnx", "Abs")
        report = self.diff("a.onnx", "b.onnx", status=1)
        self.assertEqual([report["same"], report["first"]], [False, "n2"])
        self.assertEqual([row["name"] for row in report["nodes"]], ["p", "q", "y"])
        self.assertLess(report["nodes"][1]["max_rel"], 1e-5)
        self.assertAlmostEqual(report["nodes"][1]["cosine"], 1)
        self.assertGreater(report["outputs"][0]["max_abs"], 0.1)
        self.assertAlmostEqual(report["nodes"][2]["max_abs"], report["outputs"][0]["max_abs"], places=4)
        self.assertIn("they part at node 'n2' (Relu)", self.suan("diff", "a.onnx", "b.onnx", status=1).stdout)

    def test_diff_of_one_model_in_two_ways(self):
        self.write_model("m.onnx", "Relu")
        for flags in (["--interpret-b"], ["--no-pass-b", "fuse", "--no-pass-b", "simplify"]):
            with self.subTest(flags):
                self.assertTrue(self.diff("m.onnx", *flags, status=0)["same"])
        report = self.diff("m.onnx", "--precision-b", "bf16", "--tolerance", "1e-6", status=1)
        self.assertEqual(report["first"], "n0")
        self.assertLess(report["nodes"][0]["max_rel"], 5e-2)
        self.assertTrue(self.diff("m.onnx", "--precision-b", "bf16", status=0)["same"])

    def test_predict_says_class_and_probability(self):
        run = self.json("train", *SMALL, "--set", "train.epochs=1", "--quiet")["run"]
        pathlib.Path(self.folder, "one.png").write_bytes(png(40, 40))
        done = self.suan("predict", run, "one.png")
        self.assertTrue(re.fullmatch(r"one\.png: \d \(\d+\.\d %\)\n", done.stdout), done.stdout)


if __name__ == "__main__":
    unittest.main()
