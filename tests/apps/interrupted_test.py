"""Trainings that end before their time: killed at any moment, a full disk, a loss that is no number. The last good
checkpoint is there, and going on from it gives the bytes of a training that nothing happened to."""
# SPDX-License-Identifier: Apache-2.0
import json
import random
import resource
import shutil
import signal
import subprocess
import time
import unittest

from command import SMALL, SUAN, Command

LAST = "checkpoints/last.safetensors"


def file_limit(size):
    """What makes a write beyond `size` fail, as on a disk that is full."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


class Interrupted(Command):
    def train(self, *settings, **options):
        return self.suan("train", *SMALL, "--quiet", *settings, **options)

    def resume(self, run, *settings, **options):
        return self.suan("train", "--resume", run, "--quiet", *settings, **options)

    def checkpoint(self, run, file=LAST):
        return self.path(f"runs/{run}/{file}").read_bytes()

    def test_killed_while_it_saves_many_times(self):
        count, kills = 1000, 0
        steps = ["--set", f"train.steps={count}", "--set", "train.checkpoint_every=1", "--set", "train.eval_every=100",
                 "--set", "train.log_every=1"]
        start = time.monotonic()
        self.train(*steps, "--set", "name=whole")
        one_step = (time.monotonic() - start) / count
        last = self.path(f"runs/killed-1/{LAST}")
        moments = random.Random(1)
        arguments = ["train", *SMALL, "--quiet", *steps, "--set", "name=killed"]
        for _ in range(12):
            before = last.stat().st_mtime_ns if last.exists() else 0
            process = subprocess.Popen([SUAN, *arguments], cwd=self.folder, stderr=subprocess.DEVNULL)
            deadline = time.monotonic() + 60
            # It gets on with every try, if only by one checkpoint.
            while time.monotonic() < deadline and (not last.exists() or last.stat().st_mtime_ns == before):
                time.sleep(one_step / 4)
            time.sleep(moments.random() * 20 * one_step)
            process.kill()
            if process.wait() == 0:  # the machine has become faster since `one_step` was measured
                break
            self.assertEqual(process.returncode, -signal.SIGKILL)
            kills += 1
            self.assertGreaterEqual(self.json("eval", "killed-1")["accuracy"], 0)  # a whole checkpoint
            arguments = ["train", "--resume", "killed-1", "--quiet"]
        self.assertGreaterEqual(kills, 3)
        self.resume("killed-1")
        for file in (LAST, "checkpoints/best.safetensors"):
            self.assertEqual(self.checkpoint("killed-1", file), self.checkpoint("whole-1", file))
        self.assertEqual(sorted(p.name for p in last.parent.iterdir()),
                         ["best.safetensors", "last.safetensors"])  # no half-written files are left

        def steps_of(run):
            lines = self.path(f"runs/{run}/metrics.jsonl").read_text().splitlines()
            return [(line["step"], line.get("loss")) for line in map(json.loads, lines)]
        self.assertEqual(steps_of("killed-1"), steps_of("whole-1"))  # each once, in order

    def test_ten_epochs_are_four_and_six(self):
        ten = ["--set", "train.epochs=10", "--set", "train.ema=0.9", "--set", "augment.0.kind=random_crop", "--set",
               "augment.0.padding=2"]
        self.train(*ten, "--set", "name=whole")
        stopped = self.train(*ten, "--set", "name=parts", "--until-epoch", "4", status=130)
        self.assertEqual(stopped.stderr,
                         "suan: train: stopped after step 40; go on with: suan train --resume runs/parts-1\n")
        self.resume("parts-1")
        self.assertEqual(self.checkpoint("parts-1"), self.checkpoint("whole-1"))

    def test_a_full_disk_keeps_the_checkpoint(self):
        self.train("--set", "train.epochs=4", "--set", "name=whole")
        self.train("--set", "train.epochs=4", "--set", "name=parts", "--until-epoch", "2", status=130)
        before = self.checkpoint("parts-1")
        size = len(before)
        # Too small for a checkpoint, then for anything.
        for limit in (size - 1, size // 2, 4096):
            done = self.resume("parts-1", status=2, preexec_fn=file_limit(limit))
            self.assertRegex(done.stderr, r"\Asuan: runs/parts-1/checkpoints/(last|best)\.safetensors: could not write "
                             r"it: File too large\n\Z")
            self.assertEqual(self.checkpoint("parts-1"), before)
            self.assertFalse([p for p in self.path("runs/parts-1/checkpoints").iterdir() if "part" in p.name])
        done = self.resume("parts-1", status=2, preexec_fn=file_limit(10))
        self.assertRegex(done.stderr, r"\Asuan: runs/parts-1/\S+: could not write it: File too large\n\Z")
        self.assertEqual(self.checkpoint("parts-1"), before)
        self.resume("parts-1")
        self.assertEqual(self.checkpoint("parts-1"), self.checkpoint("whole-1"))

    @unittest.skipUnless(shutil.which("unshare") and subprocess.run(
        ["unshare", "-rm", "true"], capture_output=True, check=False).returncode == 0, "needs unshare -rm")
    def test_a_small_file_system_that_fills_up(self):
        self.path("small").mkdir()
        script = ("mount -t tmpfs -o size=512k none small && cd small && "
                  f"'{SUAN}' train \"$@\" --quiet; status=$?; "
                  f"'{SUAN}' eval digits-lenet-1 >&2; echo $?; exit $status")
        done = subprocess.run(["unshare", "-rm", "sh", "-c", script, "sh", *SMALL, "--set", "model.sizes=[784, 40, 10]",
                               "--set", "train.epochs=4"], cwd=self.folder, text=True, capture_output=True, check=False)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertRegex(done.stderr.splitlines()[0],
                         r"\Asuan: runs/digits-lenet-1/\S+: could not write it: No space left on device\Z")
        self.assertEqual(done.stdout.splitlines()[-1], "0", done.stderr)  # the checkpoint can still be used

    def test_a_loss_that_is_no_number(self):
        good = self.train("--set", "train.epochs=2", "--set", "name=x")
        self.assertEqual(good.stderr, "")
        before = self.checkpoint("x-1")
        config = self.path("runs/x-1/config.toml")
        config.write_text(config.read_text().replace("lr = 0.003", "lr = 1e30").replace("epochs = 2", "epochs = 4")
                          .replace('kind = "one_cycle"', 'kind = "constant"'))
        done = self.resume("x-1", status=2)
        self.assertRegex(done.stderr, r"\Asuan: train: the loss is (nan|inf) at step 2\d \(epoch 3\); the last good "
                         r"checkpoint is runs/x-1/checkpoints/last\.safetensors, of step 20\n\Z")
        self.assertEqual(self.checkpoint("x-1"), before)
        self.json("eval", "x-1")

    def test_weights_that_are_no_numbers_are_not_saved(self):
        # The first step's loss is good, its update is not; a checkpoint is due before the second.
        done = self.train("--set", "optimizer.name=sgd", "--set", "optimizer.lr=1e38", "--set", "train.steps=20",
                          "--set", "schedule.kind=constant", "--set", "train.checkpoint_every=1", "--set",
                          "train.eval_every=20", "--set", "data.mean=[-100]", "--set", "data.std=[1e-3]", status=2)
        self.assertRegex(done.stderr, r"\Asuan: train: ('layers\.\d\.\w+' is not finite any more|the loss is "
                         r"(nan|inf)) at step \d \(epoch 1\); the last good checkpoint is \S+/last\.safetensors, "
                         r"of step \d\n\Z")
        report = self.json("eval", "digits-lenet-1")
        self.assertIsNotNone(report["loss"])

    def test_output_that_cannot_be_written(self):
        run = self.json("train", *SMALL, "--quiet", "--set", "train.epochs=1")["run"]
        with open("/dev/full", "w", encoding="utf-8") as full:
            done = subprocess.run([SUAN, "eval", run], cwd=self.folder, text=True, stdout=full, stderr=subprocess.PIPE,
                                  check=False)
        self.assertEqual((done.returncode, done.stderr),
                         (2, "suan: standard output: could not write it: No space left on device\n"))
        self.suan("profile", run, "--steps", "1", "--trace", "t.json")
        before = self.path("t.json").read_bytes()
        done = self.suan("profile", run, "--steps", "1", "--trace", "t.json", status=2, preexec_fn=file_limit(100))
        self.assertEqual(done.stderr, "suan: t.json: could not write it: File too large\n")
        self.assertEqual(self.path("t.json").read_bytes(), before)
        self.refused(["demo", "--report", "no/where.html"],
                     "no/where.html: could not create it: No such file or directory")
        self.refused(["train", *SMALL, "--quiet", "--runs", "t.json"],
                     "t.json: cannot make the folder: Not a directory")


if __name__ == "__main__":
    unittest.main()
