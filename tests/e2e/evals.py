"""What the tests of mynews eval share."""
import datetime
import json
import os
import shutil
import tempfile
import unittest

from server import SAMPLE, run


NEWS = os.path.join(SAMPLE, "mind", "news.tsv")
BEHAVIORS = os.path.join(SAMPLE, "mind", "behaviors.tsv")


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def lines_of(path=BEHAVIORS):
    return read(path).splitlines()


def slate(line):
    """(impression, reader, time, earlier clicks, [(id, clicked)])"""
    impression, reader, at, history, shown = line.split("\t")
    at = datetime.datetime.strptime(at, "%m/%d/%Y %I:%M:%S %p").replace(tzinfo=datetime.timezone.utc)
    return impression, reader, at, history.split(), [(word[:-2], word[-1] == "1") for word in shown.split()]


def flipped(line):
    """The same slate with every label turned round."""
    head, shown = line.rsplit("\t", 1)
    return head + "\t" + " ".join(word[:-1] + ("0" if word[-1] == "1" else "1") for word in shown.split())


def auc_bounds(scores, labels):
    """The least and the most that AUC can be, whichever way equal scores fall."""
    low = high = pairs = 0
    for a, clicked in zip(scores, labels):
        for b, other in zip(scores, labels):
            if clicked and not other:
                pairs += 1
                low += a > b
                high += a >= b
    return low / pairs, high / pairs


class EvalCase(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="mynews-test-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.tmp = os.path.join(self.folder, "tmp")
        os.mkdir(self.tmp)
        self.env = dict(os.environ, TMPDIR=self.tmp)

    def tearDown(self):
        self.assertEqual(os.listdir(self.tmp), [], "a temporary directory was left behind")

    def file(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "wb") as file:
            file.write(text.encode() if isinstance(text, str) else text)
        return path

    def behaviors(self, lines, name="behaviors.tsv"):
        return self.file(name, "".join(line + "\n" for line in lines))

    def eval(self, *options, news=NEWS, behaviors=BEHAVIORS):
        """(figures, {impression: [(id, score)]})"""
        out = os.path.join(self.folder, "scores.tsv")
        status, text, errors = run("eval", "--news", news, "--behaviors", behaviors, "--json", "--scores", out, *options,
                                   env=self.env)
        self.assertEqual((status, errors), (0, ""))
        scores = {}
        for line in lines_of(out):
            impression, row = line.split("\t")
            scores[impression] = [(word.rsplit(":", 1)[0], float(word.rsplit(":", 1)[1])) for word in row.split()]
        return json.loads(text), scores

    def refused(self, expected_status, *arguments):
        status, text, errors = run("eval", *arguments, env=self.env)
        self.assertEqual((status, text), (expected_status, ""), errors)
        self.assertEqual(errors.count("\n"), 1, errors)
        self.assertTrue(errors.startswith("mynews eval: "), errors)
        return errors
