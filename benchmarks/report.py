# The tables of the benchmarks: lines for the terminal, and docs/benchmarks.md from the JSON files the scripts wrote.
# SPDX-License-Identifier: Apache-2.0
import json
import pathlib
import re
import statistics
import sys

HEAD = (f"{'case':10} {'':4} {'Suan ms':>10} {'PyTorch ms':>10} {'ratio':>6} {'MB':>7} {'MB':>7} {'ratio':>6} "
        f"{'% of peak':>9}  PyTorch's best variant")

INFER_HEAD = (f"{'case':13} {'':4} {'batch':>5} {'Suan ms':>9} {'peer ms':>9} {'ratio':>6} {'of peak':>7} "
              f"{'MB':>6} {'MB':>6} {'differs':>8}  ratio to each")


def infer_row(r):
    each = ", ".join(f"{name} {ratio:.2f}" for name, ratio in r["ratio_to"].items())
    return (f"{r['case']:13} {r['precision']:4} {r['batch']:5} {r['suan_ms']:9.3f} {r['peer_ms']:9.3f} {r['ratio']:6.2f} "
            f"{r['percent_of_peak']:5.0f} % {r['suan_peak_mb']:6.0f} {r['peer_peak_mb']:6.0f} {r['difference']:8.1e}  {each}")


INTRO = """# Benchmarks

This page is written by `benchmarks/compare.py report` from what the scripts in `benchmarks/` measured; nothing in it is
estimated. Times of two engines are taken in turns on the same cores, so a ratio holds even where the absolute numbers drift.
"""

TRAIN = """## A step of training

A step is forward, backward and optimizer (AdamW; resnet18: SGD with momentum), with the input in memory. Time is the median of
the alternations. PyTorch is the fastest of eager, `channels_last` and `torch.compile`, and for bf16 of
autocast and bf16 parameters; its memory is the lowest of all of these. Ratios are Suan ÷ PyTorch: lower is better. Memory is
peak RSS minus RSS just before the model is built. The share of the peak is counted FLOPs per second against an FMA loop in
registers, measured in the same rounds (the best of them).

    python3 benchmarks/compare.py train --json build/train.json
"""

KERNELS = """## Kernels

Shares of what the machine can do: arithmetic in registers for products and convolutions (counted as direct sums, so that
Winograd's algorithm, where it is chosen, goes above 100 %), a copy of the same arrays for the chain of adds, multiplies and maxima.
Below it, nodes with constant weights by each kernel that takes them, as programs measure them when they choose.

    build/release/benchmarks/kernels_bench --json build/kernels.json
"""

PARITY = """## Same losses as PyTorch

Both engines start from the same weights and see the same batches, with plain SGD in f32 and no augmentation. Training amplifies
rounding differences, so PyTorch is also compared with itself in another memory format.

    build/bench-venv/bin/python benchmarks/parity.py --json build/parity.json
"""


RECIPES = """## Recipes on real data

What `suan train` reaches, and the time from process start to the end of the last evaluation: the mean of several seeds where the
column says so (the time is that of all of them). `demo` is `suan demo` on generated digits.

    SUAN_DATA=... python3 benchmarks/recipes.py --json build/recipes.json
"""


MEMORY = """## Memory budgets

A training step whose activations and scratch must fit into `train.memory_mb`: what does not is computed again for the gradient. The
results are the same to the bit.

    SUAN_DATA=... python3 benchmarks/memory.py --json build/memory.json
"""


INFER = """## Inference

Models from `benchmarks/make_models.py` (exported by PyTorch, random weights), the same threads and precision for all: ONNX
Runtime, OpenVINO (latency hint), PyTorch eager and `torch.compile` (channels-last for images). Time is the median of the alternations;
ratios are Suan ÷ peer: lower is better. Memory is the peak RSS minus the RSS before the model is loaded, the peers' is the least
of them. In bf16 the last column compares with our own f32 in exact mode (no Winograd), and the outputs' cosine is taken against it.

    python3 benchmarks/compare.py infer --json build/infer.json
"""

OVERHEAD = """## What a step costs beside its kernel

A chain of 200 nodes on f32 [1, 64], not fused: the time of a node in a program, the kernel alone in a loop on the same operands,
and the difference.

    build/release/benchmarks/overhead_bench --json build/overhead.json
"""

LOAD = """## From the file to the first result

A new process each time, the file in the page cache: load, compile and the first result of resnet50 at batch 1; with an empty
timing cache kernels are measured first. Memory as above, pages of the mapped file included; `small` is `--memory small`. The best
of several.

    python3 benchmarks/load.py --json build/load.json
"""


LENGTHS = """## Requests of any length

Sequence lengths drawn at random, from the first request on, with `--pad`; each beside a run of an engine that knows the longest
alone.

    python3 benchmarks/lengths.py --json build/lengths.json
"""


COMPRESSION = """## Compression

Accuracy or perplexity on held-out data (at most half of 10,000 test examples), of the run and of what `suan compress` makes of it;
the drop in points of accuracy or per cent of perplexity, and its one-sided 95 % bound by pairs. Latency is of one example, both side
by side; weights are the bytes of the model's constants.

    SUAN_DATA=... tools/train_zoo && SUAN_DATA=... python3 benchmarks/compress.py --json build/compress.json
"""

EXHAUSTIVE = """## The search against all choices

What the search finds under `--max-drop 0.5%` beside the fastest of every choice of f32, bf16 and INT8 for each layer, timed in turns.

    SUAN_DATA=... python3 benchmarks/compress.py --json build/compress.json
"""

INT8 = """## INT8 beside the peers' INT8

Each engine's own quantizer on the same model and made-up samples (OpenVINO: NNCF, also with its bf16 hint): medians of the
alternations, and the ratios of ours.

    python3 benchmarks/int8.py --json build/int8.json
"""

EMBEDDINGS = """## Sentence embeddings in INT8

all-MiniLM-L6-v2 with its real weights, calibrated on 256 sentences of SST-2's training set: the cosine of each of the 871 sentences of
its validation set with f32, and the time of one sentence of 64 tokens.

    SUAN_DATA=... python3 benchmarks/minilm.py --int8 --json build/minilm_int8.json
"""

DISTILLATION = """## Distillation

A student alone and with its teacher, the same recipe and seeds; accuracy on the test set.

    SUAN_DATA=... python3 benchmarks/distill.py --teacher $SUAN_RUNS/cifar10-resnet20-1 --set train.epochs=6 --json build/distill.json
"""


LOADER = """## The loader

CIFAR-10's 50,000 training images as JPEG files in a `.tar.zst`: decoding alone, then whole epochs with random crop, flip and
normalisation, of which the first decodes and later ones read the cache.

    SUAN_DATA=... python3 benchmarks/loader.py build/loader.json
"""


def row(r):
    return (f"{r['case']:10} {r['precision']:4} {r['suan_ms']:10.3f} {r['peer_ms']:10.3f} {r['ratio']:6.2f} "
            f"{r['suan_peak_mb']:7.0f} {r['peer_peak_mb']:7.0f} {memory_ratio(r)} {r['percent_of_peak']:9.1f}  {r['peer']}")


def memory_ratio(r):
    return f"{r['suan_peak_mb'] / r['peer_peak_mb']:6.2f}" if r["peer_peak_mb"] > 0 else "     -"


def table(heads, rows):
    yield "| " + " | ".join(heads) + " |"
    yield "|" + "|".join("---" if i == 0 else "---:" for i in range(len(heads))) + "|"
    for cells in rows:
        yield "| " + " | ".join(str(cell) for cell in cells) + " |"
    yield ""


def train_table(results):
    heads = ("case", "precision", "Suan ms", "PyTorch ms", "time ratio", "Suan MB", "PyTorch MB", "memory ratio",
             "% of peak", "PyTorch's best")
    return table(heads, ((r["case"], r["precision"], f"{r['suan_ms']:.3f}", f"{r['peer_ms']:.3f}", f"**{r['ratio']:.2f}**",
                          f"{r['suan_peak_mb']:.0f}", f"{r['peer_peak_mb']:.0f}", memory_ratio(r).strip(),
                          f"{r['percent_of_peak']:.0f}", r["peer"].split()[-1]) for r in results))


def kernel_table(results):
    return table(("kernel", "rate", "limit", "share"),
                 ((r["kernel"], f"{r['rate']:.0f} {r['unit']}", f"{r['limit']:.0f} {r['unit']}",
                   f"**{r['percent']:.0f} %**") for r in results))


def parity_table(results):
    return table(("case", "steps", "largest difference in the first 20 losses", "PyTorch in channels_last",
                  "difference of the means"),
                 ((r["parity"], r["steps"], f"{r['first_20']:.1e}", f"{r['control']:.1e}" if r["control"] else "",
                   f"{100 * r['mean']:.3f} %") for r in results))


def recipe_table(results):
    def reached(r):
        return f"{100 * r['goal']:.0f} % after {r['reached']:.1f} s" if r["reached"] else ""
    return table(("recipe", "seeds", "result", "standard deviation", "seconds", "reached"),
                 ((r["recipe"], r["seeds"],
                   f"**{100 * r['accuracy']:.2f} %**" if "accuracy" in r else f"**loss {r['loss']:.3f}**",
                   f"{100 * r['accuracy_std']:.2f} %" if "accuracy_std" in r else "", f"{r['seconds']:.1f}", reached(r))
                  for r in results))


def memory_table(results):
    whole = {r["memory"]: r["ms"] for r in reversed(results)}  # the first of each recipe has no limit
    return table(("recipe", "budget MB", "taken MB", "steps run again", "more FLOPs", "time against no budget"),
                 ((r["memory"], r["budget_mb"], f"{r['arena_mb']:.0f}", r["recomputed"], f"{100 * r['extra_flops']:.1f} %",
                   f"**{r['ms'] / whole[r['memory']]:.2f}**") for r in results))


def loader_table(results):
    return table(("what", "images a second"), ((r["loader"], f"**{r['images_per_second']:,}**") for r in results))


def infer_table(results):
    peers = list(dict.fromkeys(name for r in results for name in r["ratio_to"]))
    yield from table(("model", "precision", "batch", "Suan ms", *peers, "best peer", "% of peak", "Suan MB", "least MB", "to exact f32"),
                     ((r["case"], r["precision"], r["batch"], f"{r['suan_ms']:.3f}",
                       *(f"{r['ratio_to'][p]:.2f}" if p in r["ratio_to"] else "" for p in peers), f"**{r['ratio']:.2f}**",
                       f"{r['percent_of_peak']:.0f}", f"{r['suan_peak_mb']:.0f}", f"{r['peer_peak_mb']:.0f}",
                       f"{r['ratio_to_exact']:.2f}" if "ratio_to_exact" in r else "") for r in results))
    for precision in dict.fromkeys(r["precision"] for r in results):
        chosen = [r for r in results if r["precision"] == precision]
        means = [("the best peer", [r["ratio"] for r in chosen])]
        means += [(p, [r["ratio_to"][p] for r in chosen if p in r["ratio_to"]]) for p in peers]
        means.append(("exact f32", [r["ratio_to_exact"] for r in chosen if "ratio_to_exact" in r]))
        text = ", ".join(f"{statistics.geometric_mean(ratios):.2f} to {name}" for name, ratios in means if ratios)
        yield f"Geometric means, {precision}: {text}."
        yield ""


def overhead_table(results):
    return table(("node", "backend", "ns a node", "the kernel alone", "beside it"),
                 ((r["overhead"], r["backend"], f"{r['step_ns']:.0f}", f"{r['kernel_ns']:.0f}",
                   f"**{r['step_ns'] - r['kernel_ns']:.0f}**") for r in results))


def load_table(results):
    return table(("from", "timing cache", "memory", "seconds", "MB"),
                 ((r["load"], r["cache"], r["memory_mode"], f"**{r['seconds']:.3f}**", f"{r['peak_mb']:.0f}") for r in results))


def lengths_table(results):
    return table(("model", "sizes", "p50 ms", "p99 ms", "p50 ms at the bound", "p99 ms at the bound", "p99 ÷ p99", "programs"),
                 ((r["lengths"], f"1 to {r['bound']}", f"{r['ms_p50']:.2f}", f"{r['ms_p99']:.2f}", f"{r['bound_ms_p50']:.2f}",
                   f"{r['bound_ms_p99']:.2f}", f"**{r['ratio_p99']:.2f}**", r["programs"]) for r in results))


def compression_table(results):
    def metric(r, value):
        return f"{100 * value:.2f} %" if r["metric"] == "accuracy" else f"{value:.4f}"
    return table(("form", "before", "after", "drop", "bound", "examples", "latency", "weights", "promise"),
                 ((r["compression"], metric(r, r["before"]), metric(r, r["after"]), f"**{r['drop']:.2f}**", f"{r['bound']:.2f}",
                   r["examples"], f"{r['ratio']:.2f}x", f"{r['size_ratio']:.3f}x",
                   ("kept" if r["kept"] else "not kept") if "max-drop" in r["compression"] else "") for r in results))


def exhaustive_table(results):
    return table(("run", "the search's, ms", "the fastest of all, ms", "ratio"),
                 ((r["exhaustive"], f"{r['search_ms']:.4f}", f"{r['exhaustive_ms']:.4f}", f"**{r['ratio']:.2f}**") for r in results))


def int8_table(results):
    peers = list(dict.fromkeys(name for r in results for name in r["times_ms"] if not name.startswith("suan")))
    return table(("model", "batch", "Suan ms", "to our exact f32", *peers, "to the best peer"),
                 ((r["int8"], r["batch"], f"{r['times_ms']['suan int8']:.2f}", f"**{r['to_exact']:.3f}**",
                   *(f"{r['times_ms']['suan int8'] / r['times_ms'][p]:.2f}" for p in peers), f"**{r['to_best_peer']:.2f}**")
                  for r in results))


def embeddings_table(results):
    return table(("form", "mean cosine", "least", "time to f32", "weights"),
                 ((r["embeddings"], f"**{r['cosine']:.4f}**", f"{r['least']:.4f}", f"{r['ratio']:.2f}", f"{r['size_ratio']:.2f}x")
                  for r in results))


def distillation_table(results):
    return table(("model", "MFLOP a sample", "accuracy", "seeds", "seconds of a training"),
                 ((r["model"], f"{r['mflop_per_sample']:.1f}",
                   f"**{100 * r['accuracy']:.2f} %**" + (f" ± {100 * r['accuracy_std']:.2f}" if r["seeds"] > 1 else ""), r["seeds"],
                   r["seconds"]) for r in results))


# Results belong to the first section whose key they have.
SECTIONS = (("compression", COMPRESSION, compression_table), ("exhaustive", EXHAUSTIVE, exhaustive_table),
            ("int8", INT8, int8_table), ("embeddings", EMBEDDINGS, embeddings_table), ("student", DISTILLATION, distillation_table),
            ("recipe", RECIPES, recipe_table), ("loader", LOADER, loader_table), ("memory", MEMORY, memory_table),
            ("batch", INFER, infer_table), ("load", LOAD, load_table), ("lengths", LENGTHS, lengths_table),
            ("overhead", OVERHEAD, overhead_table), ("case", TRAIN, train_table), ("kernel", KERNELS, kernel_table),
            ("parity", PARITY, parity_table))


def conditions(results):
    """One line for each set of results taken under the same conditions."""
    lines = []
    for r in results:
        parts = [f"{r['date']}: {r['machine']}", r["system"], f"{r['threads']} threads", f"Suan {r['suan']}"]
        if "versions" in r:
            parts += [f"{name} {version}" for name, version in r["versions"].items()]
        elif "peer" in r:
            parts.append(" ".join(r["peer"].split()[:2]))
        lines.append("Measured " + ", ".join(parts) + ".")
    return sorted(set(lines))


def heading(section):
    return section.split("\n", 1)[0]


def page(results, before=""):
    """The page with the sections that the results are of, and all others as `before` has them."""
    sections = {heading(part): part.rstrip() for part in re.split(r"^(?=## )", before, flags=re.MULTILINE)[1:]}
    for key, text, make in SECTIONS:
        chosen = [r for r in results if key == next(k for k, _, _ in SECTIONS if k in r)]
        if chosen:
            sections[heading(text)] = "\n".join([text, *make(chosen), *conditions(chosen)]).rstrip()
    return "\n\n".join([INTRO.rstrip(), *sections.values()]) + "\n"


def write(options):
    results = []
    for path in options.files:
        with open(path, encoding="utf-8") as f:
            results += json.load(f)
    if options.output:
        path = pathlib.Path(options.output)
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        path.write_text(page(results, before), encoding="utf-8")
    else:
        sys.stdout.write(page(results))
