#!/usr/bin/env python3
"""The conformance suite that the newest `onnx` on PyPI generates, compiled and interpreted."""
# SPDX-License-Identifier: Apache-2.0
import json
import pathlib
import subprocess
import sys

TOOL = pathlib.Path(__file__).resolve().parents[2] / "tools/newest_onnx_suite"
SKIPPED = 77


def main():
    for options in [], ["--interpret"]:
        done = subprocess.run([TOOL, "--json", *options], text=True, stdout=subprocess.PIPE, check=False)
        if done.returncode == SKIPPED:
            return SKIPPED
        result = json.loads(done.stdout.splitlines()[-1])
        failures = "\n".join(f"{f['name']}: {f['reason']}" for f in result["failures"])
        total = result["passed"] + result["failed"] + result["skipped"]
        print(f"{result['passed']} of {total} pass {' '.join(options)}")
        if "crashed" in failures or result["passed"] < 0.985 * total:
            print(failures)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
