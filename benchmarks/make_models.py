#!/usr/bin/env python3
# Writes the models of the inference benchmarks as ONNX files, through the peers' own exporters.
# SPDX-License-Identifier: Apache-2.0
"""usage: make_models.py [--folder build/models] [MODEL]...

Random weights, so nothing is downloaded; every file is written once. Sizes that a user would leave open are open: the batch, and
the sequence of the language models. Run it with the Python of benchmarks/setup (it starts itself there).
"""
import argparse
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PYTHON = ROOT / "build/bench-venv/bin/python"


def vision(name):
    import torch
    import torchvision
    model = getattr(torchvision.models, name)(weights=None)
    return model, {"input": torch.randn(2, 3, 224, 224)}, ["logits"], {"input": {0: "batch"}}


def tokens(names):
    import torch
    ids = torch.ones(2, 128, dtype=torch.int64)
    return {name: ids for name in names}, {name: {0: "batch", 1: "seq"} for name in names}


def bert(layers, width, heads, vocabulary=30522):
    import transformers
    config = transformers.BertConfig(vocab_size=vocabulary, hidden_size=width, num_hidden_layers=layers,
                                     num_attention_heads=heads, intermediate_size=4 * width)
    inputs, axes = tokens(["input_ids", "attention_mask", "token_type_ids"])
    return transformers.BertModel(config, add_pooling_layer=False), inputs, ["last_hidden_state"], axes


def gpt2():
    import transformers
    inputs, axes = tokens(["input_ids", "attention_mask"])
    config = transformers.GPT2Config(use_cache=False)
    return transformers.GPT2LMHeadModel(config), inputs, ["logits"], axes


MODELS = {
    "resnet50": lambda: vision("resnet50"),
    "mobilenet_v3": lambda: vision("mobilenet_v3_large"),
    "vit_b_16": lambda: vision("vit_b_16"),
    "bert_6x384": lambda: bert(6, 384, 12),
    "bert_base": lambda: bert(12, 768, 12),
    "gpt2": gpt2,
}


def as_if_trained(model):
    """Batch norm with means and variances that are not 0 and 1, and no head of zeros (ViT's would give nothing to compare)."""
    import torch
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.uniform_(-0.1, 0.1)
            module.running_var.uniform_(0.8, 1.2)
        if isinstance(module, torch.nn.Linear) and not module.weight.any():
            module.weight.normal_(std=0.02)


def by_position(model, names):
    """The model as a function of its inputs in this order, giving one tensor."""
    import torch

    class Positional(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, *values):
            result = self.model(values[0]) if len(values) == 1 else self.model(**dict(zip(names, values)))
            return result if isinstance(result, torch.Tensor) else result[0]
    return Positional().eval()


def export(name, path):
    import torch
    torch.manual_seed(1)
    torch.backends.mha.set_fastpath_enabled(False)  # its fused op has no ONNX form
    model, inputs, outputs, axes = MODELS[name]()
    model.eval()
    if hasattr(model, "set_attn_implementation"):
        model.set_attn_implementation("sdpa")
    with torch.no_grad():
        as_if_trained(model)
        part = path.with_suffix(".part")
        names = list(inputs)
        torch.onnx.export(by_position(model, names), tuple(inputs.values()), str(part), input_names=names,
                          output_names=outputs, dynamic_axes={**axes, **{o: {0: "batch"} for o in outputs}}, opset_version=17, dynamo=False)
    os.replace(part, path)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=pathlib.Path, default=ROOT / "build/models")
    parser.add_argument("models", nargs="*", metavar="MODEL", help=", ".join(MODELS))
    options = parser.parse_args()
    try:
        import torch  # noqa: F401
        import torchvision  # noqa: F401
        import transformers  # noqa: F401
    except ImportError:
        if os.environ.get("SUAN_BENCH_VENV"):
            raise
        subprocess.run([ROOT / "benchmarks/setup", "infer"], check=True)
        os.environ["SUAN_BENCH_VENV"] = "1"
        os.execv(PYTHON, [str(PYTHON), *sys.argv])
    options.folder.mkdir(parents=True, exist_ok=True)
    for name in options.models or MODELS:
        if name not in MODELS:
            raise SystemExit(f"make_models: there is no model {name}, expected one of {', '.join(MODELS)}")
        path = options.folder / f"{name}.onnx"
        if not path.exists():
            export(name, path)
        print(f"{path}  {path.stat().st_size / 1e6:.1f} MB", flush=True)


if __name__ == "__main__":
    main()
