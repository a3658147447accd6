// Recipes: reading, printing, and what is said about mistakes.
// SPDX-License-Identifier: Apache-2.0
#include "suan/train/recipe.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include "tests/expect_error.h"
#include "tests/temp_folder.h"

namespace suan::train {
namespace {

TEST(Recipe, ReadsEverySection) {
  const Recipe r = parse_recipe(R"(
name = "mine"
[model]
name = "mlp"
sizes = [784, 32, 10]
[data]
kind = "mnist"
path = "somewhere"
mean = [0.5]
[[augment]]
kind = "random_crop"
padding = 2
[[augment]]
kind = "cutout"
size = 8
[optimizer]
name = "sgd"
lr = 0.1
nesterov = true
[schedule]
kind = "cosine"
[train]
epochs = 3
precision = "bf16"
)",
                                "mine.toml");
  EXPECT_EQ(r.name, "mine");
  EXPECT_EQ(r.model.name, "mlp");
  EXPECT_EQ(r.model.options.at("sizes").text, "[784, 32, 10]");
  EXPECT_EQ(r.data.kind, "mnist");
  EXPECT_EQ(r.data.mean, std::vector<double>{0.5});
  ASSERT_EQ(r.augment.size(), 2u);
  EXPECT_EQ(r.augment[1].name, "cutout");
  EXPECT_EQ(r.augment[1].options.at("size").text, "8");
  EXPECT_EQ(r.optimizer.options.at("nesterov").where, "mine.toml:19");
  EXPECT_EQ(r.schedule.kind, "cosine");
  EXPECT_EQ(r.train.epochs, 3);
  EXPECT_EQ(r.precision(), Arithmetic::bf16);
}

TEST(Recipe, PrintsAndParsesBackTheSame) {
  for (const std::string& name : recipe_names()) {
    const Recipe recipe = load_recipe(name, {"train.seed=7", "data.path=a \"b\"\\c"});
    EXPECT_EQ(recipe.data.path, "a \"b\"\\c");
    EXPECT_EQ(recipe.name, name);
    EXPECT_EQ(parse_recipe(to_toml(recipe), "again.toml"), recipe) << to_toml(recipe);
  }
}

TEST(Recipe, SettingsWinOverTheFile) {
  const Recipe r = parse_recipe(
      "[train]\nbatch = 8\n", "r.toml",
      {"train.batch=16", "train.batch=32", "data.path=/a/b", "optimizer.lr=0.5", "model.name=mlp"});
  EXPECT_EQ(r.train.batch, 32);
  EXPECT_EQ(r.data.path, "/a/b");
  EXPECT_EQ(r.optimizer.options.at("lr").text, "0.5");
  EXPECT_EQ(r.model.name, "mlp");
}

TEST(Recipe, NamesFileLineAndTheNearestKey) {
  EXPECT_ERROR(parse_recipe("[train]\n\nbacth = 8\n", "r.toml"), kInvalidArgument,
               "r.toml:3: there is no key 'train.bacth', did you mean 'train.batch'?");
  EXPECT_ERROR(parse_recipe("", "r.toml", {"train.epoch=8"}), kInvalidArgument,
               "--set train.epoch=8: there is no key 'train.epoch', did you mean 'train.epochs'?");
  EXPECT_ERROR(parse_recipe("[data]\nkind = \"mnits\"\n", "r.toml"), kInvalidArgument,
               "r.toml:2: data.kind: there is no value 'mnits', did you mean 'mnist'?");
}

TEST(Recipe, SaysGotAndExpected) {
  EXPECT_ERROR(parse_recipe("[train]\nbatch = \"8\"\n", "r.toml"), kInvalidArgument,
               "r.toml:2: train.batch is \"8\" (a string), expected an integer");
  EXPECT_ERROR(parse_recipe("[train]\nbatch = 0\n", "r.toml"), kInvalidArgument,
               "r.toml:2: train.batch is 0, expected 1 to 1048576");
  EXPECT_ERROR(parse_recipe("[train]\nsteps = -1\n", "r.toml"), kInvalidArgument,
               "r.toml:2: train.steps is -1, expected 0 or more");
  EXPECT_ERROR(parse_recipe("[data]\nmean = 1\n", "r.toml"), kInvalidArgument,
               "r.toml:2: data.mean is 1 (an integer), expected a list of numbers");
  EXPECT_ERROR(parse_recipe("[data]\nmean = [1, 2]\n", "r.toml"), kInvalidArgument,
               "r.toml: data.mean has 2 values and data.std 1, expected as many, and at least one");
  EXPECT_ERROR(parse_recipe("[train]\nbatch = 1979-05-27\n", "r.toml"), kBadFile,
               "r.toml:2: train.batch is a date or time, which no key takes");
  EXPECT_ERROR(parse_recipe("[[augment]]\nsize = 3\n", "r.toml"), kInvalidArgument,
               "r.toml:2: augment.0 has no 'kind'");
  EXPECT_ERROR(parse_recipe("name = \"../x\"\n", "r.toml"), kInvalidArgument,
               "r.toml: name is \"../x\", expected a plain file name");
  EXPECT_ERROR(parse_recipe("", "r.toml", {"train.batch"}), kInvalidArgument,
               "--set train.batch: expected key=value");
}

TEST(Recipe, TellsWhereTextIsNoToml) {
  EXPECT_ERROR(parse_recipe("[train]\nbatch =\n", "r.toml"), kBadFile,
               "r.toml:2: Error while parsing key-value pair: expected value, saw '\\n'");
}

TEST(Recipe, BoundsTheDepthOfKeys) {
  std::string deep = "a";
  for (int i = 0; i < 15; ++i) deep += ".a";
  EXPECT_ERROR(parse_recipe(deep + ".b = 1\n", "r.toml"), kBadFile,
               "r.toml:1: a key has more than 16 parts");
  EXPECT_ERROR(parse_recipe("# a.a\n[" + deep + " . \"b\"]\n", "r.toml"), kBadFile,
               "r.toml:2: a key has more than 16 parts");
  // Nor can a string hide one.
  for (const char* text : {R"(s = "\"", )", R"(s = '''a'''', )", R"(s = """a\"""""", )"}) {
    EXPECT_ERROR(parse_recipe("x = {" + (text + deep) + ".b = 1}\n", "r.toml"), kBadFile,
                 "r.toml:1: a key has more than 16 parts");
  }
  const std::string dots = "../../../../../../../../../../data a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q";
  EXPECT_EQ(parse_recipe("[data]\npath = \"" + dots + "\" # " + dots, "r.toml").data.path, dots);
  EXPECT_EQ(parse_recipe("[data]\npath = '''\n" + dots + "'''\n", "r.toml").data.path, dots);
  EXPECT_EQ(parse_recipe("", "r.toml", {"data.path=../../../../../../../../../x"}).data.path,
            "../../../../../../../../../x");
}

TEST(Recipe, CutsALongNameInItsMessage) {
  const std::string name(300, 'x');
  try {
    parse_recipe("", "r.toml", {"train." + name + "=1"});
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    const std::string text = error.what();
    EXPECT_NE(text.find("there is no key 'train." + name.substr(0, 74) + "...', expected one of"),
              std::string::npos)
        << text;
  }
}

TEST(Recipe, IsFoundByFileOrByName) {
  const TempFolder folder;
  const std::string path = folder.file("my.toml", "name = \"my\"\n");
  EXPECT_EQ(load_recipe(path).name, "my");
  EXPECT_EQ(load_recipe("digits-lenet").model.name, "lenet");
  EXPECT_ERROR(load_recipe("digits-lent"), kInvalidArgument,
               "recipe: there is no recipe 'digits-lent', did you mean 'digits-lenet'?");
  EXPECT_ERROR(load_recipe("none.toml"), kBadFile, "none.toml: there is no such file");
}

TEST(Recipe, PathsMayNameEnvironmentVariables) {
  ::setenv("SUAN_RECIPE_TEST", "/data", 1);
  EXPECT_EQ(expand_path("$SUAN_RECIPE_TEST/mnist"), "/data/mnist");
  EXPECT_EQ(expand_path("a$b/c"), "a$b/c");
  EXPECT_ERROR(expand_path("$SUAN_NO_SUCH/mnist"), kInvalidArgument,
               "data.path: '$SUAN_NO_SUCH/mnist' needs the environment variable SUAN_NO_SUCH, "
               "which is not set");
}

}  // namespace
}  // namespace suan::train
