#!/usr/bin/env python3
"""`suan demo`: from generated digits to an engine file, each stage measured."""
# SPDX-License-Identifier: Apache-2.0
import os
import unittest

from command import Command


class DemoTest(Command):
    def test_trains_compresses_and_compiles(self):
        environment = {name: value for name, value in os.environ.items() if name != "SUAN_DATA"}
        report = self.json("demo", "--threads", "1", env=environment)
        self.assertGreater(report["accuracy"], 0.98)
        stages = {stage["stage"]: stage for stage in report["stages"]}
        self.assertEqual(list(stages), ["trained", "compressed", "compiled"])
        for stage in stages.values():
            self.assertEqual(self.path(stage["file"]).stat().st_size, stage["bytes"])
            self.assertGreater(stage["latency_ms"], 0)
            self.assertGreater(stage["accuracy"], stages["trained"]["accuracy"] - 0.005)
        page = self.path("report.html").read_text(encoding="utf-8")
        self.assertIn("From training to use", page)
        self.assertIn("compressed.suan", page)


if __name__ == "__main__":
    unittest.main()
