"""What the tests of the command share: running it, and files for it to read."""
# SPDX-License-Identifier: Apache-2.0
import json
import os
import pathlib
import struct
import subprocess
import tempfile
import unittest
import zlib

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SUAN = pathlib.Path(os.environ.get("SUAN", ROOT / "build/release/bin/suan"))
# A training of 10 batches an epoch that takes milliseconds.
SMALL = ["digits-lenet", "--set", "model.name=mlp", "--set", "model.sizes=[784, 16, 10]", "--set",
         "data.train_samples=200", "--set", "data.test_samples=100", "--set", "train.batch=20", "--threads", "1"]


def png(width, height, pixels=None):
    """A grey image, black unless its compressed rows are given: then it may lie about its size."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress(bytes(1 + width) * height) if pixels is None else pixels
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def message(*fields):
    """A protobuf message of (number, value): whole numbers, texts, bytes and messages."""
    def varint(n):
        return bytes([n]) if n < 128 else bytes([n & 127 | 128]) + varint(n >> 7)
    out = b""
    for number, value in fields:
        if isinstance(value, int):
            out += varint(number << 3) + varint(value)
        else:
            value = value.encode() if isinstance(value, str) else value
            out += varint(number << 3 | 2) + varint(len(value)) + value
    return out


def onnx_model(nodes, inputs, output, weights=None):
    """An ONNX model of nodes (operator, inputs, output). Inputs are names with the sizes of f32 tensors, where a text
    names an open size; weights are names with sizes and numbers."""
    def info(name, sizes):
        dims = [(1, message((2 if isinstance(size, str) else 1, size))) for size in sizes]
        return message((1, name), (2, message((1, message((1, 1), (2, message(*dims)))))))

    def tensor(name, sizes, numbers):
        return message(*((1, size) for size in sizes), (2, 1), (8, name), (9, struct.pack(f"<{len(numbers)}f", *numbers)))
    parts = [(1, message(*((1, name) for name in names), (2, out), (3, f"n{i}"), (4, op)))
             for i, (op, names, out) in enumerate(nodes)]
    parts += [(5, tensor(name, *of)) for name, of in (weights or {}).items()]
    parts += [(11, info(name, sizes)) for name, sizes in inputs.items()] + [(12, message((1, output)))]
    return message((1, 8), (7, message(*parts)), (8, message((1, ""), (2, 17))))


def safetensors(tensors):
    """A safetensors file of names with sizes and numbers, f32 unless "I64" follows."""
    header, data = {}, b""
    for name, (sizes, numbers, *dtype) in tensors.items():
        part = struct.pack(f"<{len(numbers)}{'q' if dtype else 'f'}", *numbers)
        header[name] = {"dtype": dtype[0] if dtype else "F32", "shape": sizes, "data_offsets": [len(data), len(data) + len(part)]}
        data += part
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


class Command(unittest.TestCase):
    """A folder to work in, and the command run there."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def suan(self, *arguments, status=0, **options):
        done = subprocess.run([SUAN, *arguments], cwd=self.folder, text=True, capture_output=True, check=False,
                              **options)
        self.assertEqual(done.returncode, status, done.stderr + done.stdout)
        return done

    def json(self, *arguments, **options):
        return json.loads(self.suan(*arguments, "--json", **options).stdout.splitlines()[-1])

    def path(self, name):
        return pathlib.Path(self.folder, name)

    def write(self, name, contents):
        path = self.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(contents if isinstance(contents, bytes) else contents.encode())

    def refused(self, arguments, message, **options):
        """The command ends with exit code 2 and this one line."""
        done = self.suan(*arguments, status=2, **options)
        self.assertEqual(done.stderr, f"suan: {message}\n")
        self.assertEqual(done.stdout, "")
