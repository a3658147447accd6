# Keeping what `bench --serve` and torch_gpu_worker.py do warm, and taking them in turns.
# SPDX-License-Identifier: Apache-2.0
import os
import pathlib
import statistics
import subprocess
import threading
import time

import compare

HERE = pathlib.Path(__file__).resolve().parent


class NotRun(Exception):
    """The reason why a row has no result."""


class SuanFails(NotRun):
    """The reason is Suan's own: where there is a GPU, that is a failure."""


class GpuWorker(compare.Worker):
    """A worker that is stopped where one answer takes longer than the limit."""

    def __init__(self, name, command, limit, env=None):
        self.limit, self.error, self.began, self.first_answer = limit, "", time.monotonic(), None
        before = dict(os.environ)
        os.environ.update(env or {})
        try:
            super().__init__(name, command, min(8, os.cpu_count() or 1))
        except OSError as error:
            raise NotRun(f"{name}: {error.strerror}") from None
        finally:
            os.environ.clear()
            os.environ.update(before)

    def read(self):
        late = threading.Event()

        def stop():
            late.set()
            self.process.kill()

        timer = threading.Timer(self.limit, stop)
        timer.start()
        try:
            return super().read()
        finally:
            self.first_answer = self.first_answer or time.monotonic()
            timer.cancel()
            if late.is_set():
                self.error = f"took more than {self.limit:.0f} s"

    def ask(self, line):
        try:
            return super().ask(line)
        except (SystemExit, BrokenPipeError):
            kind = SuanFails if self.name == "suan" else NotRun
            raise kind(f"{self.name} stopped: {self.error[:120]}") from None


def start(stack, worker):
    """The worker, if it runs; it is closed with the stack."""
    stack.callback(worker.close)
    if not worker.ready:
        kind = SuanFails if worker.name == "suan" else NotRun
        raise kind(f"{worker.name}: {worker.error[:120].removeprefix('suan: ')}")
    return worker


def alternate(options, *workers):
    for worker in workers:
        worker.times.clear()
    for _ in range(options.alternations):
        for worker in workers:
            worker.go()
    return [statistics.median(worker.times) for worker in workers]


def cosine_of(options, case, folder, model, peer):
    """That of Suan's first output on the card and the peer's, for the same inputs."""
    peer.ask(f"output {folder}")
    inputs = [
        word
        for path in pathlib.Path(folder).glob("input_*.npy")
        for word in ("--input", f"{path.stem[6:]}={path}")
    ]
    done = subprocess.run(
        [
            str(options.suan),
            "run",
            str(model),
            *inputs,
            "--precision",
            "bf16",
            "--device",
            options.device,
            "--save",
            folder,
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=options.limit,
    )
    if done.returncode != 0:
        raise SuanFails(f"suan run {case}: {done.stderr.strip()}")
    code = (
        "import sys, numpy as n; a, b = (n.load(p).astype('f8') for p in sys.argv[1:]);"
        "print((a * b).sum() / n.sqrt((a * a).sum() * (b * b).sum()))"
    )
    done = subprocess.run(
        [options.python, "-c", code, f"{folder}/output_0.npy", f"{folder}/peer.npy"],
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        raise NotRun(
            f"the outputs of {case} cannot be compared: {done.stderr.strip().splitlines()[-1]}"
        )
    return float(done.stdout)


def model_file(options, case):
    path = options.models / f"{case}.onnx"
    if not path.exists():
        done = subprocess.run(
            [options.python, str(HERE / "make_models.py"), "--folder", str(options.models), case],
            env=dict(os.environ, SUAN_BENCH_VENV="1"),
            capture_output=True,
            text=True,
            check=False,
            timeout=options.limit,
        )
        if done.returncode != 0:
            raise NotRun(
                f"{path.name} cannot be made: "
                f"{(done.stderr.strip().splitlines() or ['no output'])[-1]}"
            )
    return path
