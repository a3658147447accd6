#!/usr/bin/env python3
# The tail of latency where each request has another sequence length, against a model for the longest.
# SPDX-License-Identifier: Apache-2.0
"""usage: lengths.py [--model bert_6x384] [--requests N] [--json FILE]"""
import argparse

import compare

BOUND = 128


def measure(options):
    found = compare.run_suan(options.suan, "bench", "infer", compare.ROOT / f"build/models/{options.model}.onnx", "--pad",
                             f"seq=attention_mask:{BOUND}", "--lengths", options.requests, "--threads", options.threads)
    yield {"lengths": options.model, **found, "threads": options.threads, "suan": compare.suan_version(), **compare.machine()}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", choices=compare.LANGUAGE_MODELS, default="bert_6x384")
    parser.add_argument("--requests", type=compare.at_least(1), default=1000)
    compare.add_options(parser)
    options = parser.parse_args()
    compare.make_models([options.model])
    compare.note(measure(options), options.json)


if __name__ == "__main__":
    main()
