#!/usr/bin/env python3
"""Opens the event file of a small training with TensorBoard's own reader; its scalars are those of metrics.jsonl."""
# SPDX-License-Identifier: Apache-2.0
# needs: tensorboard
import json
import pathlib
import subprocess
import sys
import tempfile

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

SUAN = pathlib.Path(__file__).resolve().parents[2] / "build/release/bin/suan"


def train(folder):
    done = subprocess.run(
        [SUAN, "train", "digits-lenet", "--quiet", "--json", "--threads", "1", "--set", "model.name=mlp", "--set",
         "model.sizes=[784, 16, 10]", "--set", "data.train_samples=200", "--set", "data.test_samples=100", "--set",
         "train.batch=20", "--set", "train.epochs=3", "--set", "train.log_every=2"],
        cwd=folder, text=True, stdout=subprocess.PIPE, check=True)
    return pathlib.Path(folder, json.loads(done.stdout.splitlines()[-1])["run"])


def main():
    with tempfile.TemporaryDirectory() as folder:
        run = train(folder)
        lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
        events = EventAccumulator(str(run), size_guidance={"scalars": 0})
        events.Reload()
        scalars = {tag: {e.step: e.value for e in events.Scalars(tag)} for tag in events.Tags()["scalars"]}
    expected = {"train/loss": "loss", "train/lr": "lr", "eval/loss": "eval_loss", "eval/accuracy": "eval_accuracy",
                "eval/f1": "eval_f1"}
    for tag, key in expected.items():
        evaluation = tag.startswith("eval/")
        wanted = {line["step"]: line[key] for line in lines if key in line and ("eval_loss" in line) == evaluation}
        got = scalars[tag]
        assert sorted(got) == sorted(wanted), (tag, got, wanted)
        for step, value in wanted.items():
            assert abs(got[step] - value) <= 1e-6 * max(1, abs(value)), (tag, step, got[step], value)
    print(f"tensorboard read {sum(map(len, scalars.values()))} values of {len(scalars)} scalars")


if __name__ == "__main__":
    sys.exit(main())
