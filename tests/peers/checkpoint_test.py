#!/usr/bin/env python3
"""Reads a checkpoint as the safetensors format says, without Suan, and does the model's arithmetic in NumPy: the
predictions are those of `suan predict`."""
# SPDX-License-Identifier: Apache-2.0
# needs: numpy
import json
import pathlib
import struct
import subprocess
import sys
import tempfile
import zlib

import numpy

SUAN = pathlib.Path(__file__).resolve().parents[2] / "build/release/bin/suan"
DTYPES = {"F32": "<f4", "I64": "<i8"}


def suan(folder, *arguments):
    done = subprocess.run([SUAN, *arguments, "--json", "--threads", "1"], cwd=folder, text=True, stdout=subprocess.PIPE,
                          check=True)
    return json.loads(done.stdout.splitlines()[-1])


def read_safetensors(path):
    data = path.read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    tensors = {}
    for name, entry in json.loads(data[8:8 + size]).items():
        if name != "__metadata__":
            begin, end = (8 + size + offset for offset in entry["data_offsets"])
            tensors[name] = numpy.frombuffer(data[begin:end], DTYPES[entry["dtype"]]).reshape(entry["shape"])
    return tensors


def write_png(path, pixels):
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    height, width = pixels.shape
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)) +
                     chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def main():
    with tempfile.TemporaryDirectory() as folder:
        run = suan(folder, "train", "digits-lenet", "--quiet", "--set", "model.name=mlp", "--set",
                   "model.sizes=[784, 32, 10]", "--set", "data.train_samples=500", "--set", "data.test_samples=100",
                   "--set", "train.batch=20", "--set", "train.epochs=2")["run"]
        weights = read_safetensors(pathlib.Path(folder, run, "checkpoints/last.safetensors"))
        random = numpy.random.default_rng(1)
        for _ in range(5):
            pixels = random.integers(0, 256, (28, 28), dtype=numpy.uint8)
            write_png(pathlib.Path(folder, "x.png"), pixels)
            got = suan(folder, "predict", run, "x.png")
            x = (pixels.reshape(-1) / 255 - 0.13) / 0.31
            hidden = numpy.maximum(weights["layers.0.weight"] @ x + weights["layers.0.bias"], 0)
            scores = weights["layers.1.weight"] @ hidden + weights["layers.1.bias"]
            share = numpy.exp(scores - scores.max())
            share /= share.sum()
            assert got["label"] == share.argmax(), (got, share)
            assert abs(got["probability"] - share.max()) < 1e-4, (got, share)
    print(f"numpy agrees on a model of {sum(w.size for w in weights.values())} numbers")


if __name__ == "__main__":
    sys.exit(main())
