# The bars of the CUDA backend, and the table of what was measured against them.
# SPDX-License-Identifier: Apache-2.0
"""A row has the bar for its ratio (Suan / best PyTorch; of rows in seconds: seconds / bar), and
which side is better. `with` names the row whose run measures this one too."""

_GPT = {"case": "gpt2-124m", "batch": 16, "per_sample": 1024, "unit": "tokens/s"}
ROWS = {
    "gpt2-train": {
        "what": "GPT-2 124M training, bf16, context 1024",
        "measure": "train",
        "bar": 1.10,
        "better": "higher",
        "floor": 450_000,
        **_GPT,
    },
    "gpt2-memory": {
        "what": "memory of that step",
        "measure": "train",
        "bar": 0.85,
        "better": "lower",
        "with": "gpt2-train",
        **_GPT,
    },
    "resnet50-train": {
        "what": "ResNet-50 training, bf16, batch 256, 224 x 224",
        "measure": "train",
        "bar": 1.05,
        "better": "higher",
        "case": "resnet50",
        "batch": 256,
        "per_sample": 1,
        "unit": "images/s",
    },
    "resnet50-infer": {
        "what": "ResNet-50, batch 1, bf16",
        "measure": "infer",
        "bar": 0.85,
        "better": "lower",
        "case": "resnet50",
    },
    "bert-infer": {
        "what": "BERT-base, batch 1, 128 tokens, bf16",
        "measure": "infer",
        "bar": 0.85,
        "better": "lower",
        "case": "bert_base",
    },
    "product": {
        "what": "8192^3 product, bf16, of cuBLAS",
        "measure": "product",
        "bar": 0.95,
        "better": "higher",
    },
    "chain": {
        "what": "chain of 8 over 2 GB, f32, of a copy",
        "measure": "chain",
        "bar": 0.85,
        "better": "higher",
    },
    "first-empty": {
        "what": "first step of GPT-2, empty cache, of 20 s",
        "measure": "first",
        "bar": 1,
        "bar_seconds": 20,
        "better": "lower",
        "warm": False,
        **_GPT,
    },
    "first-warm": {
        "what": "first step of GPT-2, warm cache, of 3 s",
        "measure": "first",
        "bar": 1,
        "bar_seconds": 3,
        "better": "lower",
        "warm": True,
        **_GPT,
    },
    "mnist": {
        "what": "MNIST 99 % from process start, of 3 s",
        "measure": "mnist",
        "bar": 1,
        "bar_seconds": 3,
        "better": "lower",
    },
}
HEAD = f"{'row':15} {'what':46} {'ratio':>6} {'bar':>8} {'':5} against"


def judged(key, result):
    """A result with its row's bar, and whether that is met (None: nobody knows)."""
    row = ROWS[key]
    found = {
        "row": key,
        "what": row["what"],
        "case": row.get("case", key),
        "precision": "f32" if key == "chain" else "bf16",
        "bar": row["bar"],
        "better": row["better"],
        **{k: row[k] for k in ("batch", "floor") if k in row},
        **result,
    }
    if "with" in row and "not_run" not in found:
        found = _memory(found)
    if "seconds" in found:
        found |= {"bar_seconds": row["bar_seconds"], "ratio": found["seconds"] / row["bar_seconds"]}
    ratio = found.get("ratio")
    if ratio is None:
        return found | {
            "met": None,
            "not_run": found.get("not_run") or found.get("no_ratio", "there is no ratio"),
        }
    met = ratio >= row["bar"] if row["better"] == "higher" else ratio <= row["bar"]
    if "floor" in row:
        met = met and found["suan_rate"] >= row["floor"]
    return found | {"ratio": round(ratio, 4), "met": met}


def _memory(found):
    """The memory of a training row as a row of its own."""
    if not found.get("memory_ratio") or not found["suan_peak_mb"]:
        return {k: v for k, v in found.items() if k != "ratio"} | {
            "no_ratio": found.get("no_ratio", "no NVML")
        }
    return found | {"ratio": found["memory_ratio"]}


def shared(key, other):
    """A row from what the row that it was measured with found."""
    own = ("row", "what", "bar", "better", "floor", "met")
    return judged(key, {k: v for k, v in other.items() if k not in own})


def line(found):
    """One line of the table."""
    sign = ">=" if found["better"] == "higher" else "<="
    head = f"{found['row']:15} {found['what']:46}"
    if "ratio" not in found:
        share = (
            f" (Suan alone: {found['suan_rate'] / found['floor']:.2f} of the floor)"
            if "suan_rate" in found and "floor" in found
            else ""
        )
        what = "failed" if found.get("failed") else "not run"
        return f"{head} {what}: {found['not_run']}{share}"
    floor = f", {found['suan_rate'] / found['floor']:.2f} of the floor" if "floor" in found else ""
    return (
        f"{head} {found['ratio']:6.2f} {sign + format(found['bar'], '.2f'):>8} "
        f"{'met' if found['met'] else 'below':5} "
        f"{found.get('peer', 'the bar')}{floor}"
    )
