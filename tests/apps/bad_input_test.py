"""What the command says about files that are missing, cut short, too large or lie: one line with the file, what
was got and what was expected, exit code 2, and nothing lost."""
# SPDX-License-Identifier: Apache-2.0
import copy
import gzip
import json
import struct
import unittest
import zlib

from command import SMALL, Command, png

MLP = ["--set", "model.name=mlp", "--set", "model.sizes=[784, 16, 10]", "--set", "train.batch=20",
       "--threads", "1", "--quiet"]


def idx(shape, data, code=8):
    return bytes([0, 0, code, len(shape)]) + b"".join(struct.pack(">I", s) for s in shape) + data


class Mnist(Command):
    IMAGES, LABELS = "mnist/train-images-idx3-ubyte", "mnist/train-labels-idx1-ubyte"

    def setUp(self):
        super().setUp()
        self.write("r.toml", '[model]\nname = "mlp"\nsizes = [784, 16, 10]\n[data]\nkind = "mnist"\npath = "mnist"\n')
        self.write(self.IMAGES, idx([40, 28, 28], bytes(40 * 784)))
        self.write(self.LABELS, idx([40], bytes(i % 10 for i in range(40))))
        self.write("mnist/t10k-images-idx3-ubyte", idx([20, 28, 28], bytes(20 * 784)))
        self.write("mnist/t10k-labels-idx1-ubyte", idx([20], bytes(20)))

    def refuses(self, message):
        self.refused(["train", "r.toml", "--quiet"], message)
        self.assertFalse(self.path("runs").exists())  # what cannot start leaves no run behind

    def test_a_missing_file(self):
        self.path(self.IMAGES).unlink()
        self.refuses(f"{self.IMAGES}.gz: could not open it: No such file or directory")
        self.path(self.IMAGES).mkdir()
        self.refuses(f"{self.IMAGES}: is a folder, expected a file")

    def test_a_header_that_claims_2_to_the_40_pixels(self):
        self.write(self.IMAGES, idx([1 << 20, 1 << 10, 1 << 10], bytes(784)))
        self.refuses(f"{self.IMAGES}: claims 1048576 x 1024 x 1024 elements (u8), more than the file can hold")
        self.write(self.IMAGES, idx([(1 << 32) - 1] * 3, bytes(784)))
        self.refuses(f"{self.IMAGES}: claims 4294967295 x 4294967295 x 4294967295 elements (u8), more than the file "
                     "can hold")

    def test_files_that_are_cut_short_or_too_long(self):
        whole = idx([40, 28, 28], bytes(40 * 784))
        self.write(self.IMAGES, whole[:10])
        self.refuses(f"{self.IMAGES}: is truncated: size 1 is missing")
        self.write(self.IMAGES, whole + b"x")
        self.refuses(f"{self.IMAGES}: has data after the 31360 bytes it announces")
        self.path(self.IMAGES).unlink()
        self.write(self.IMAGES + ".gz", gzip.compress(whole)[:-20])
        self.refuses(f"{self.IMAGES}.gz: is truncated: its compressed data ends early")
        self.write(self.IMAGES + ".gz", gzip.compress(whole[:-1]))
        self.refuses(f"{self.IMAGES}.gz: is truncated: got 31359 bytes of data, expected 31360")

    def test_labels_that_do_not_fit(self):
        self.write(self.LABELS, idx([40], bytes(39) + b"\x0a"))
        self.refuses(f"{self.LABELS}: label 10 of image 39 is out of range for 10 classes")
        self.write(self.LABELS, idx([39], bytes(39)))
        self.refuses(f"{self.LABELS}: holds u8 [39], expected u8 [40], one for each image")

    def test_images_that_do_not_fit_the_model(self):
        self.write(self.IMAGES, idx([40, 20, 20], bytes(40 * 400)))
        self.refuses("matmul: inner sizes differ: 400 and 784 (shapes [40, 400] and [16, 784])")

    def test_a_set_without_samples(self):
        self.write(self.IMAGES, idx([0, 28, 28], b""))
        self.write(self.LABELS, idx([0], b""))
        self.refuses("data: the training set has 0 samples and the test set 20, expected at least one each")


class Recipes(Command):
    def refuses(self, text, message):
        self.write("r.toml", text)
        self.refused(["train", "r.toml", "--quiet"], message)
        self.assertFalse(self.path("runs").exists())

    def test_unknown_keys_and_values_get_the_nearest(self):
        self.refuses("[train]\nbatc = 3\n", "r.toml:2: there is no key 'train.batc', did you mean 'train.batch'?")
        self.refuses('[schedule]\nkind = "cosin"\n',
                     "r.toml:2: schedule.kind: there is no value 'cosin', did you mean 'cosine'?")
        self.refuses('[optimizer]\nname = "adam"\nbeta = 1\n',
                     "r.toml:3: optimizer adam: there is no option 'beta', did you mean 'beta1'?")

    def test_values_that_do_not_fit(self):
        self.refuses("[train]\nepochs = -1\n", "r.toml:2: train.epochs is -1, expected 1 to 1000000")
        self.refuses('[optimizer]\nname = "adamw"\nlr = "x"\n',
                     "r.toml:3: optimizer adamw.lr is 'x', expected a number")
        self.refuses("[data]\ntrain_samples = 999999999999\n",
                     "data.train_samples: is 999999999999, expected at most 2000000 of digits")

    def test_text_that_is_no_toml(self):
        self.refuses("[train\n", "r.toml:1: Error while parsing table header: expected ']', saw '\\n'")
        self.refuses(b"\x00\x01\xff", "r.toml:1: Encountered invalid utf-8 sequence")
        self.refuses("[train]\nbatch = 99999999999999999999\n",
                     "r.toml:2: Error while parsing decimal integer: '99999999999999999999' is not representable in "
                     "64 bits")
        self.refuses("a" * (2 << 20), "r.toml: has 2097152 bytes, at most 1048576 are read")

    def test_nesting_without_end(self):
        self.refuses("x=" + "[" * 5000,
                     "r.toml:1: Error while parsing value: exceeded maximum nested value depth of 256 "
                     "(TOML_MAX_NESTED_VALUES)")
        for text in ("a." * 400_000 + "b = 1\n", "[" + "a." * 400_000 + "b]\n",
                     'x = {"a"' + ' . "a"' * 90_000 + "= 1}\n",
                     'x = {s = """a"""", ' + "a." * 300_000 + "b = 1}\n"):
            self.refuses(text, "r.toml:1: a key has more than 16 parts")

    def test_shapes_that_do_not_fit(self):
        for sizes, message in [
            ("[100, 16, 10]", "matmul: inner sizes differ: 784 and 100 (shapes [20, 784] and [16, 100])"),
            ("[784, 16, 5]", "model: mlp gives 5 classes, the data has 10"),
            ("[784, 1000000000000, 10]",
             "model: mlp is too large: memory: could not allocate 3136000000000000 bytes"),
            ("[]", "mlp: got 0 sizes, expected inputs and outputs"),
        ]:
            with self.subTest(sizes):
                self.refused(["train", *SMALL, "--quiet", "--set", f"model.sizes={sizes}"], message)
                self.assertFalse(self.path("runs").exists())


class Texts(Command):
    def refuses(self, files, message, recipe="sst2-lstm", key="data.path=t"):
        for name, contents in files.items():
            self.write(name, contents)
        self.refused(["train", recipe, "--set", key, "--quiet", "--threads", "1"], message)
        self.assertFalse(self.path("runs").exists())

    def test_sentences(self):
        self.refuses({}, "t/train.tsv: could not open it: No such file or directory")
        good = {"t/train.tsv": "good film\t1\nbad film\t0\n", "t/dev.tsv": "good\t1\n", "t/test.tsv": "good\t1\n"}
        self.refuses({**good, "t/train.tsv": "good film\t1\nbad film\t0\nvery\tbad\t0\n"},
                     "t/train.tsv: line 3: got 3 fields, expected 2")
        self.refuses({**good, "t/train.tsv": "good\t99999999999\n"},
                     "t/train.tsv: line 1: the label 99999999999 is out of range for 30000 classes")
        self.refuses({**good, "t/test.tsv": "good\t7\n"},
                     "t/test.tsv: line 1: the label 7 is out of range for 2 classes")
        self.refuses({**good, "t/test.tsv": "good\tx\n"},
                     "t/test.tsv: line 1: column 'label' holds 'x', expected a whole number")
        self.refuses({**good, "t/test.tsv": b"\xff\xfe\t1\n"}, "t/test.tsv: is not valid UTF-8 at byte 0")

    def test_a_corpus(self):
        def refuses(text, message):
            self.refuses({"c.txt": text}, message, "shakespeare-gpt", "data.path=c.txt")
        refuses("short", "c.txt: has 5 characters, expected at least about 650 for a data.context of 64")
        refuses("", "c.txt: has 0 characters, expected at least about 650 for a data.context of 64")
        refuses(b"ab\xff" * 1000, "c.txt: is not valid UTF-8 at byte 2")

    def test_csv(self):
        self.write("r.toml", '[model]\nname = "mlp"\nsizes = [2, 4, 2]\n[data]\nkind = "csv"\npath = "t"\n[train]\n'
                   "batch = 2\nepochs = 1\n")
        good = "x,y,label\n1,2,no\n3,4,yes\n5,6,no\n"

        def refuses(train, test, message):
            self.write("t/train.csv", train)
            self.write("t/test.csv", test)
            self.refused(["train", "r.toml", "--quiet"], message)
        refuses(good + "1,2\n", good, "t/train.csv: line 5: got 2 fields, expected 3")
        refuses(good + "1,2,no,\n", good, "t/train.csv: line 5: got 4 fields, expected 3")
        refuses(good + "1,two,no\n", good, "t/train.csv: line 5: column 'y' holds 'two', expected a number")
        refuses(good + '1,"2,no\n', good, "t/train.csv: line 5: a quoted field does not end")
        refuses(good, good + "1,2,maybe\n", "t/test.csv: the label 'maybe' is no class")
        refuses(good, "x,label\n1,no\n", "t/test.csv: has other columns than t/train.csv")
        refuses("x,y\n1,2\n", good, "t/train.csv: has no column 'label'; its columns are x, y")
        refuses("", good, "t/train.csv: holds no rows")
        refuses("x,y,label\n", good, "t/train.csv: has no rows")
        refuses("x,y,label\n1,2,0\n3,4,1\n", "x,y,label\n1,2,2\n",
                "t/test.csv: the label 2 is out of range for 2 classes")
        refuses("x,y,label\n1,2,0\n3,4,-1\n", "x,y,label\n1,2,0\n",
                "t/train.csv: the label -1 is out of range for 1 classes")
        refuses("x,y,label\n1,2,0\n3,4,77777777\n", "x,y,label\n1,2,0\n",
                "t/train.csv: the label 77777777 is out of range for 30000 classes")
        self.write("t/train.csv", good)
        self.write("t/test.csv", good)
        self.assertIn("accuracy", self.json("train", "r.toml", "--quiet"))


class Images(Command):
    def test_a_png_bomb_and_other_damage(self):
        run = self.json("train", *SMALL, "--set", "train.epochs=1", "--quiet")["run"]

        def refuses(contents, message):
            self.write("one.png", contents)
            self.refused(["predict", run, "one.png"], "one.png: " + message)
        bomb = png(60000, 60000, zlib.compress(bytes(1 << 24)))
        refuses(bomb, f"claims 60000 x 60000 pixels, more than its {len(bomb)} bytes can hold")
        refuses(png(9000, 9000), "is 9000 x 9000 pixels, at most 16384 a side and 67108864 in all are read")
        refuses(png(28, 28, zlib.compress(b"")), "is a damaged PNG (Not enough image data)")
        refuses(png(28, 28)[:60], "is a damaged PNG (is truncated)")
        refuses("hello", "is no JPEG, JPEG 2000, PNG or WebP image")
        refuses("", "is no JPEG, JPEG 2000, PNG or WebP image")
        self.refused(["predict", run, "none.png"], "none.png: could not open it: No such file or directory")
        self.refused(["predict", run, "/dev/zero"], "/dev/zero: has more than 268435456 bytes")

    def test_folders_of_images(self):
        recipe = ["train", "r.toml", "--quiet", "--threads", "1"]
        self.write("r.toml", '[model]\nname = "mlp"\nsizes = [64, 2]\n[data]\nkind = "images"\npath = "im"\n[train]\n'
                   "batch = 2\nepochs = 1\n")
        self.refused(recipe, "im/train: could not read the folder: No such file or directory")
        for name in ("train/a/1", "train/b/1", "test/a/1", "test/b/1"):
            self.write(f"im/{name}.png", png(8, 8))
        self.write("im/train/a/2.png", png(5, 8))
        self.refused(recipe, "im/train/a/2.png: is 5 x 8 pixels, expected 8 x 8")
        self.write("im/train/a/2.png", "hello")
        self.refused(recipe, "im/train/a/2.png: is no JPEG, JPEG 2000, PNG or WebP image")
        self.path("im/train/a/2.png").unlink()
        self.write("im/test/c/1.png", png(8, 8))
        self.refused(recipe, "im/test/c/1.png: is in the folder 'c', which is no known class")
        self.path("im/test/c/1.png").unlink()
        self.suan(*recipe)


class Checkpoints(Command):
    FILE = "runs/digits-lenet-1/checkpoints/last.safetensors"

    def setUp(self):
        super().setUp()
        self.json("train", *SMALL, "--set", "train.epochs=2", "--quiet")
        self.good = self.path(self.FILE).read_bytes()
        size = struct.unpack("<Q", self.good[:8])[0]
        self.header, self.data = json.loads(self.good[8:8 + size]), self.good[8 + size:]
        self.names = [name for name in self.header if name != "__metadata__"]

    def refuses(self, change, message):
        """`change` gets the header to spoil, or is the whole file."""
        contents = change
        if callable(change):
            header = copy.deepcopy(self.header)
            change(header)
            text = json.dumps(header).encode()
            contents = struct.pack("<Q", len(text)) + text + self.data
        self.write(self.FILE, contents)
        for arguments in (["eval", "digits-lenet-1"], ["train", "--resume", "digits-lenet-1", "--quiet"]):
            self.refused(arguments, f"{self.FILE}: {message}")
            self.assertEqual(self.path(self.FILE).read_bytes(), contents)  # it is left as it was

    def test_ranges_that_lie(self):
        in_order = sorted(self.names, key=lambda name: self.header[name]["data_offsets"])
        first, second, last = in_order[1], in_order[2], in_order[-1]

        def overlap(header):
            begin, end = header[second]["data_offsets"]
            header[second]["data_offsets"] = [begin - 4, end - 4]
        self.refuses(overlap, f"tensors '{first}' and '{second}' overlap")

        def outside(header):
            begin, end = header[last]["data_offsets"]
            header[last]["data_offsets"] = [begin, begin + (4 << 40)]
            header[last]["shape"] = [1 << 40]
        end = self.header[last]["data_offsets"][0] + (4 << 40)
        self.refuses(outside, f"tensor '{last}' lies outside the file: it ends at {end}, the data at {len(self.data)}")

        def shape(header):
            header[first]["shape"] = [1 << 40]
        self.refuses(shape, f"tensor '{first}' has data_offsets that do not fit its shape and dtype")

    def test_files_that_are_cut_short_or_lie_about_their_header(self):
        self.refuses(self.good[:100],
                     f"is truncated: the header at byte 8 needs {len(self.good) - 8 - len(self.data)} bytes, "
                     "92 are left")
        self.refuses(b"", "is truncated: the header length at byte 0 needs 8 bytes, 0 are left")
        self.refuses(struct.pack("<Q", 1 << 60) + self.good[8:],
                     f"claims a header of {1 << 60} bytes, at most 100000000 are read")

    def test_numbers_that_nobody_wrote(self):
        def spoil(key, value):
            def change(header):
                header["__metadata__"][key] = value
            return change
        self.refuses(spoil("batches", "x"), "'batches' is 'x', which is not what Suan writes")
        self.refuses(spoil("batches", "-5"), "'batches' and 'metric_lines' are -5 and 2, expected 0 or more")
        self.refuses(spoil("class_names", "5:ab"), "'class_names' is '5:ab', which is not what Suan writes")
        self.refuses(spoil("format", "other"), "its format is 'other', expected 'suan checkpoint 1'")

    def test_another_model(self):
        self.refused(["train", "--resume", "digits-lenet-1", "--quiet", "--set", "model.sizes=[784, 17, 10]"],
                     f"{self.FILE}: 'layers.0.weight' is f32[16, 784], expected f32[17, 784]")
        self.assertEqual(self.path(self.FILE).read_bytes(), self.good)
        self.suan("train", "--resume", "digits-lenet-1", "--quiet", "--set", "train.epochs=3")

    def test_data_of_another_kind(self):
        self.write("r.toml", '[model]\nname = "mlp"\n[data]\nkind = "csv"\npath = "t"\n')
        for classes, message in [
            (2, "eval: the data has 2 classes, the run's model 10"),
            (10, "matmul: inner sizes differ: 2 and 784 (shapes [10, 2] and [16, 784])"),
        ]:
            rows = "x,y,label\n" + "".join(f"1,2,{k}\n" for k in range(classes))
            self.write("t/train.csv", rows)
            self.write("t/test.csv", rows)
            self.refused(["eval", "digits-lenet-1", "--data", "r.toml"], message)

    def test_a_missing_one(self):
        self.path(self.FILE).unlink()
        self.refused(["eval", "digits-lenet-1"], f"{self.FILE}: could not open it: No such file or directory")


class Graphs(Command):
    def test_a_graph_that_does_not_fit(self):
        def refuses(body, message):
            self.write("g.txt", body)
            self.refused(["inspect", "g.txt"], "g.txt: graph text: " + message)
        refuses('graph {\n  %0 = input() {label="x"} : f32[2, 3]\n  %1 = relu(%0) : f32[2, 4]\n  return %1\n}\n',
                "line 3, column 28: relu gives f32[2, 3], the text says f32[2, 4]")
        refuses("graph {" * 100_000, "line 1, column 8: expected '%'")
        refuses('graph { %0 = state() {name="a"} : u8[16384, 16384] %1 = state() {name="b"} : f32[1] return %0 }',
                "line 1, column 84: the states are too large")


if __name__ == "__main__":
    unittest.main()
