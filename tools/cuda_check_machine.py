# Where CUDA's libraries and tools are, and running processes that end in time.
# SPDX-License-Identifier: Apache-2.0
import glob
import os
import pathlib
import shutil
import signal
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
SUAN = HERE / "bin/suan"


class Reason(Exception):
    """Why a step was not run, or failed."""


class Fails(Reason):
    """It failed."""

    def __init__(self, text, details=None):
        super().__init__(text)
        self.details = details or {}


def last_line(text):
    return (text.strip().splitlines() or ["no output"])[-1][:200]


class Machine:
    """The environment of what is started, and what there is to run on."""

    def __init__(self, options):
        self.options = options
        self.out = options.out.resolve()
        self.out.mkdir(parents=True, exist_ok=True)
        self.folders = self.cuda_folders()
        joined = ":".join(self.folders)
        before = os.environ.get("LD_LIBRARY_PATH")
        self.env = dict(os.environ)
        if joined:
            self.env["SUAN_CUDA_LIBRARIES"] = joined
            self.env["LD_LIBRARY_PATH"] = joined + (f":{before}" if before else "")
        self.env.setdefault("HOME", str(self.out))
        done = self.run([options.python, "-c", "import torch; print(torch.__version__)"], 120)
        self.torch = done.stdout.strip() if done.returncode == 0 else ""
        self.devices, self.why_no_gpu = {}, ""

    def cuda_folders(self):
        code = ("import site, sys; print('\\n'.join([*sys.path, *site.getsitepackages(), "
                "site.getusersitepackages()]))")
        done = subprocess.run([self.options.python, "-c", code], capture_output=True, text=True,
                              check=False)
        folders = []
        for site in dict.fromkeys(done.stdout.split("\n")):
            folders += sorted(glob.glob(f"{site}/nvidia/*/lib")) if site else []
        for toolkit in (os.environ.get("CUDA_HOME"), *sorted(glob.glob("/usr/local/cuda*"))):
            folders += [f"{toolkit}/lib64", f"{toolkit}/extras/CUPTI/lib64"] if toolkit else []
        wanted = ("libnvrtc.so*", "libcublasLt.so*", "libcudnn*.so*", "libcupti.so*",
                  "libcudart.so*", "libnvJitLink.so*")
        return [f for f in dict.fromkeys(folders) if any(glob.glob(f"{f}/{w}") for w in wanted)]

    def start(self, command, log=None, env=None, cwd=None):
        out = open(self.out / log, "w", encoding="utf-8") if log else subprocess.PIPE
        try:
            return subprocess.Popen([str(c) for c in command], stdout=out,
                                    stderr=subprocess.STDOUT if log else subprocess.PIPE,
                                    stdin=subprocess.DEVNULL, text=True, errors="replace",
                                    env=self.env | (env or {}), cwd=cwd, start_new_session=True)
        except OSError as error:
            raise Reason(f"{command[0]}: {error.strerror}") from None

    def run(self, command, limit, **options):
        """The finished process; one that takes too long is a failure of the step."""
        process = self.start(command, **options)
        try:
            stdout, stderr = process.communicate(timeout=max(limit, 1))
        except subprocess.TimeoutExpired:
            kill(process)
            raise Fails(f"took more than {limit:.0f} s: {pathlib.Path(command[0]).name}") from None
        return subprocess.CompletedProcess(command, process.returncode, stdout or "", stderr or "")

    def suan(self, *words, limit, status=0, **options):
        done = self.run([SUAN, *words], limit, **options)
        if done.returncode != status:
            raise Fails(last_line(done.stderr))
        return done.stdout

    def need_gpu(self):
        if not self.devices.get("cuda"):
            raise Reason(self.why_no_gpu or "no device was found")


def kill(process):
    """The process and all that it started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def sanitizer_path(machine):
    beside = [p for f in machine.folders for p in
              (f"{f}/../bin/compute-sanitizer", f"{f}/../compute-sanitizer/compute-sanitizer")]
    found = [p for p in (shutil.which("compute-sanitizer"), *beside) if p and os.access(p, os.X_OK)]
    if not found:
        raise Reason("there is no compute-sanitizer")
    return found[0]
