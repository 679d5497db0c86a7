"""mynews train: what it makes of slates is better than chance and than its parts, the same each time, and what it says it
is; and ensembles in mynews eval. Without XGBoost it says so."""
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

from evals import EvalCase
from server import BINARY, run, select_wait

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "models", "gbdt"))
import wrap  # noqa: E402  the checksum, worked out by other means

SECTIONS = ("sport", "politics", "music", "science")
READERS, ARTICLES, SLATES, SIZE = 12, 48, 360, 8
BUILT_WITH = run("train")[0] == 2
NEEDS = unittest.skipUnless(BUILT_WITH, "built without XGBoost")


def make_log(seed):
    """News, and slates in which readers mostly open what is of their own section and what they passed over before: the
    default model likes the first and holds the second against a story."""
    rng, passed = random.Random(seed), set()
    news = [f"N{i}\t{SECTIONS[i % 4]}\tdetail{i % 4}\tword{i} thing{i * 7 % 11} {SECTIONS[i % 4]}\t\t\t[]\t[]"
            for i in range(ARTICLES)]
    lines = []
    for k in range(SLATES):
        reader = rng.randrange(READERS)
        newest = 8 + k * (ARTICLES - 8) // SLATES
        shown = rng.sample(range(max(0, newest - 24), newest + 1), SIZE)
        worth = [1.2 * (i % 4 == reader % 4) + 2.0 * ((reader, i) in passed) + rng.gauss(0, 0.5) for i in shown]
        clicked = shown[worth.index(max(worth))]
        passed |= {(reader, i) for i in shown if i != clicked}
        minute = k * 7
        at = f"5/{18 + minute // 1440}/2023 {(minute // 60 % 24 + 11) % 12 + 1}:{minute % 60:02}:00 "
        at += "AM" if minute // 60 % 24 < 12 else "PM"
        past = " ".join(f"N{i}" for i in range(8) if i % 4 == reader % 4)
        lines.append(f"{k}\tU{reader}\t{at}\t{past}\t" + " ".join(f"N{i}-{int(i == clicked)}" for i in shown))
    return news, lines


class Train(EvalCase):
    @classmethod
    def setUpClass(cls):
        cls.shared = tempfile.mkdtemp(prefix="mynews-test-")
        news, lines = make_log(1)
        cls.news, cls.early, cls.late = (os.path.join(cls.shared, name) for name in ("news.tsv", "early.tsv", "late.tsv"))
        for path, rows in ((cls.news, news), (cls.early, lines[:260]), (cls.late, lines[260:])):
            with open(path, "w", encoding="utf-8") as file:
                file.write("".join(row + "\n" for row in rows))

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.shared)

    def train(self, name="trees.json", *options):
        """(what it printed, the model's file as text)"""
        out = os.path.join(self.folder, name)
        status, text, errors = run("train", "--news", self.news, "--behaviors", self.early, "--out", out, "--rounds", "40",
                                   "--depth", "4", "--json", *options, env=self.env)
        self.assertEqual((status, errors), (0, ""))
        with open(out, encoding="utf-8") as file:
            return json.loads(text), file.read()

    def eval(self, model, *options):
        """(figures, {impression: [(id, score)]})"""
        scores, out = {}, os.path.join(self.folder, "scores.tsv")
        status, text, errors = run("eval", "--news", self.news, "--warmup", self.early, "--behaviors", self.late, "--model",
                                   model, "--json", "--scores", out, *options, env=self.env)
        self.assertEqual((status, errors), (0, ""))
        with open(out, encoding="utf-8") as file:
            for line in file:
                impression, row = line.rstrip("\n").split("\t")
                scores[impression] = [(w.rsplit(":", 1)[0], float(w.rsplit(":", 1)[1])) for w in row.split()]
        return json.loads(text), scores

    def path(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text if isinstance(text, str) else json.dumps(text))
        return path

    def refused(self, status, *arguments):
        got, text, errors = run(*arguments, env=self.env)
        self.assertEqual((got, text), (status, ""), errors)
        self.assertEqual(errors.count("\n"), 1, errors)
        return errors

    @unittest.skipIf(BUILT_WITH, "built with XGBoost")
    def test_built_without(self):
        errors = self.refused(1, "train", "--behaviors", self.early, "--out", os.path.join(self.folder, "a.json"))
        self.assertIn("without XGBoost", errors)

    @NEEDS
    def test_what_is_made(self):
        told, text = self.train()
        model = json.loads(text)
        self.assertEqual((told["slates"], told["rows"], told["held_out"]["slates"]), (260, 260 * SIZE, 32))
        self.assertEqual((model["name"], model["kind"]), ("trees", "gbdt"))
        learner = model["trees"]["learner"]
        self.assertEqual(len(learner["gradient_booster"]["model"]["trees"]), told["rounds"])
        self.assertLessEqual(told["rounds"], 40)
        self.assertEqual(len(learner["feature_names"]), told["inputs"])
        for name in learner["feature_names"]:
            self.assertRegex(name, "^[zc]_[a-z_0-9]+$")
        self.assertEqual(model["checksum"], wrap.checksum(model["trees"]))
        self.assertEqual(model["version"], model["checksum"][7:19])
        # Stage one and diversity are the default model's, to the letter.
        with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "models", "default.json"),
                  encoding="utf-8") as file:
            default = json.load(file)
        for part in ("weights", "diversity", "explore"):
            self.assertEqual(model[part], default[part])

    @NEEDS
    def test_figures_that_cannot_be_written(self):
        with open("/dev/full", "w", encoding="utf-8") as full:
            done = subprocess.run([BINARY, "train", "--news", self.news, "--behaviors", self.early, "--rounds", "2", "--out",
                                   os.path.join(self.folder, "a.json")], env=self.env, stdout=full, stderr=subprocess.PIPE,
                                  text=True)
        self.assertEqual((done.returncode, done.stderr),
                         (1, "mynews train: the output could not be written: No space left on device\n"))

    @NEEDS
    def test_better_than_chance_and_than_nothing_learnt(self):
        told, _ = self.train()
        trees, _ = self.eval(os.path.join(self.folder, "trees.json"))
        default, _ = self.eval("default")
        self.assertGreater(trees["auc"], 0.75)
        self.assertGreater(trees["auc"], default["auc"] + 0.03)
        self.assertGreater(told["held_out"]["auc"], 0.7)
        permuted, _ = self.eval(os.path.join(self.folder, "trees.json"), "--permute")
        self.assertLess(abs(permuted["auc"] - 0.5), 5 * permuted["auc_se"])

    @NEEDS
    def test_the_same_each_time(self):
        _, first = self.train("a.json")
        _, again = self.train("a.json")
        self.assertEqual(first, again)
        _, other = self.train("a.json", "--seed", "2")
        self.assertNotEqual(json.loads(first)["checksum"], json.loads(other)["checksum"])

    @NEEDS
    def test_without_a_group(self):
        _, text = self.train("a.json", "--without", "popularity", "--without", "seen")
        names = json.loads(text)["trees"]["learner"]["feature_names"]
        self.assertTrue(names)
        for name in names:
            self.assertIsNone(re.match("^[zc]_(clicks|shows|ctr|lift|seen|story_read)", name), name)

    @NEEDS
    def test_trees_are_not_ablated(self):
        self.train("a.json", "--without", "co_read")
        trees = os.path.join(self.folder, "a.json")
        for models in ([trees], ["default", "--beside", trees]):
            errors = self.refused(1, "eval", "--behaviors", self.late, "--ablate", "popularity", "--model", *models)
            self.assertIn(f"--ablate popularity: the trees of {trees} were grown with it", errors)
            self.assertIn("mynews train --without popularity", errors)
        self.assertIn("does not use it", self.refused(1, "eval", "--behaviors", self.late, "--ablate", "co_read", "--model", trees))
        figures, _ = self.eval(trees, "--ablate", "ctr")  # stage one's, which is a weight
        self.assertEqual(figures["without"], ["ctr"])

    @NEEDS
    def test_changed_trees_are_refused(self):
        _, text = self.train()
        changed = self.path("changed.json", re.sub(r'("split_conditions":\[)[^,]*', r"\g<1>0.125", text, count=1))
        errors = self.refused(1, "eval", "--behaviors", self.late, "--model", changed)
        self.assertIn("/checksum", errors)

    @NEEDS
    def test_ensemble(self):
        _, text = self.train()
        trees = json.loads(text)
        both = {key: trees[key] for key in ("weights", "diversity", "explore")}
        online = self.path("online.json", dict(both, name="online", version="1", kind="online", learn={"crosses": {}}))
        mix = self.path("mix.json", dict(both, name="mix", version="1", kind="ensemble", members=[
            {"model": "trees", "weight": 0.75}, {"model": "online", "weight": -0.5}]))
        members = os.path.join(self.folder, "trees.json"), online
        errors = self.refused(1, "eval", "--behaviors", self.late, "--model", mix, "--beside", members[0])
        self.assertIn("/members/1/model", errors)
        self.assertIn("online", errors)
        _, mixed = self.eval(mix, "--beside", members[0], "--beside", members[1])
        _, first = self.eval(members[0])
        _, second = self.eval(members[1])
        moved = 0
        for impression, row in mixed.items():
            for (name, score), (_, a), (_, b) in zip(row, first[impression], second[impression]):
                self.assertAlmostEqual(score, 0.75 * a - 0.5 * b, delta=1e-4, msg=f"{impression} {name}")
                moved = max(moved, abs(0.5 * b))
        self.assertGreater(moved, 0.1)

    @NEEDS
    def test_usage(self):
        out = os.path.join(self.folder, "a.json")
        for arguments in ([], ["--behaviors", self.early], ["--out", out], ["--behaviors", self.early, "--out", "a.txt"],
                          ["--behaviors", self.early, "--out", ".json"],
                          ["--behaviors", self.early, "--out", out, "--depth", "9"],
                          ["--behaviors", self.early, "--out", out, "--rounds", "0"],
                          ["--behaviors", self.early, "--out", out, "--rounds", "x"],
                          ["--behaviors", self.early, "--out", out, "--eta", "0"],
                          ["--behaviors", self.early, "--out", out, "--eta", "1.5"],
                          ["--behaviors", self.early, "--out", out, "--eta", "nan"],
                          ["--behaviors", self.early, "--out", out, "--threads", "0"]):
            self.refused(2, "train", *arguments)
        errors = self.refused(2, "train", "--behaviors", self.early, "--out", out, "--without", "age", "--without", "ctr")
        self.assertRegex(errors, r"\Amynews train: --without ctr: no group has that name; there are .*\bpopularity, .*\bseen\b")
        self.assertEqual(len(re.findall(r"\bpopularity\b", errors)), 1)
        base = self.path("base.json", {"name": "base", "version": "1", "kind": "online", "weights": {"age": -0.3},
                                       "shortlist": {"without": ["colour"]}})
        self.assertIn("mynews train: model --model: /shortlist/without/0",
                      self.refused(1, "train", "--behaviors", self.early, "--out", out, "--model", base))
        with open(self.early, encoding="utf-8") as file:
            few = self.path("few.tsv", "".join(file.readlines()[:20]))
        self.assertIn("24 slates", self.refused(1, "train", "--behaviors", few, "--out", out))
        self.refused(1, "train", "--behaviors", self.late, "--out", os.path.join(self.folder, "no", "a.json"))
        self.assertFalse(os.path.exists(out))

    @NEEDS
    def test_stopped(self):
        out = os.path.join(self.folder, "a.json")
        process = subprocess.Popen([BINARY, "train", "--news", self.news, "--behaviors", self.early, "--out", out,
                                    "--rounds", "1000", "--eta", "0.001", "--depth", "8"], env=self.env,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        end = time.monotonic() + 60
        while not os.listdir(self.tmp) and time.monotonic() < end:
            select_wait(0.01)
        process.send_signal(signal.SIGINT)
        text, errors = process.communicate(timeout=60)
        self.assertEqual((process.returncode, text), (1, ""))
        self.assertIn("stopped before the end", errors)
        self.assertFalse(os.path.exists(out))


if __name__ == "__main__":
    unittest.main()
