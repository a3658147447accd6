#!/usr/bin/env python3
# Images a second of the loader on CIFAR-10's JPEG files: what loader_bench prints, as JSON for the report.
# SPDX-License-Identifier: Apache-2.0
"""usage: SUAN_DATA=... python3 benchmarks/loader.py FILE"""
import os
import re
import subprocess
import sys

import compare

PROGRAM = compare.ROOT / "build/release/benchmarks/loader_bench"


def main(path):
    data = os.path.join(os.environ["SUAN_DATA"], "cifar10_images.tar.zst")
    done = subprocess.run([str(PROGRAM), data], capture_output=True, text=True, check=True)
    found = re.findall(r"^(.+?) +(\d+) images/s$", done.stdout, re.MULTILINE)
    results = [{"loader": what, "images_per_second": int(rate), "threads": len(os.sched_getaffinity(0)),
                "suan": compare.suan_version(), **compare.machine()} for what, rate in found]
    print(done.stdout, end="")
    compare.write_json(path, results)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
