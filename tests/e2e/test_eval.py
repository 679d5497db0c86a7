"""mynews eval: figures, what is known when, files that are not in order, and what it leaves behind."""
import collections
import datetime
import gzip
import json
import math
import os
import random
import shutil
import signal
import subprocess
import tempfile
import time
import unittest
import xml.etree.ElementTree

from server import BINARY, SAMPLE, Server, run, select_wait

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


class Eval(unittest.TestCase):
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

    # ---- figures ----

    def test_figures_follow_from_the_scores(self):
        figures, scores = self.eval()
        self.assertEqual(figures["slates"], 12)
        self.assertEqual(figures["skipped"], {"no_click": 1, "all_clicked": 1})
        self.assertEqual((figures["readers"], figures["articles"], figures["articles_without_row"]), (8, 24, 2))
        for name in ("auc", "mrr", "ndcg5", "ndcg10", "auc_se", "slates_per_s"):
            self.assertIsInstance(figures[name], float)
        low = high = 0
        for line in lines_of():
            impression, _, _, _, shown = slate(line)
            self.assertEqual([name for name, _ in scores[impression]], [name for name, _ in shown])
            labels = [clicked for _, clicked in shown]
            if any(labels) and not all(labels):
                bounds = auc_bounds([score for _, score in scores[impression]], labels)
                low, high = low + bounds[0] / 12, high + bounds[1] / 12
        self.assertLessEqual(low - 1e-9, figures["auc"])
        self.assertGreaterEqual(high + 1e-9, figures["auc"])
        self.assertGreater(figures["auc"], 0.5)

    def test_all_four_metrics_of_the_last_slate(self):
        """Equal scores are gone by then, so each figure is one number: worked out here from the definitions."""
        lines = lines_of()
        warmup, last = self.behaviors(lines[:-1], "warmup.tsv"), self.behaviors(lines[-1:], "last.tsv")
        figures, scores = self.eval("--warmup", warmup, behaviors=last)
        self.assertEqual((figures["slates"], figures["learnt_only"], list(scores)), (1, 13, ["14"]))
        clicked = dict(slate(lines[-1])[4])
        order = sorted(scores["14"], key=lambda item: -item[1])
        self.assertEqual(len({score for _, score in order}), 6)
        y = [clicked[name] for name, _ in order]
        places = [i + 1 for i, one in enumerate(y) if one]
        self.assertEqual(len(places), 2)
        ideal = 1 + 1 / math.log2(3)
        low, high = auc_bounds([score for _, score in order], y)
        self.assertEqual(low, high)
        self.assertAlmostEqual(figures["auc"], low, 12)
        self.assertAlmostEqual(figures["mrr"], sum(1 / p for p in places) / 2, 12)
        self.assertAlmostEqual(figures["ndcg5"], sum(1 / math.log2(p + 1) for p in places if p <= 5) / ideal, 12)
        self.assertAlmostEqual(figures["ndcg10"], sum(1 / math.log2(p + 1) for p in places) / ideal, 12)
        self.assertIsNone(figures["auc_se"])

    def test_table(self):
        status, text, errors = run("eval", "--news", NEWS, "--behaviors", BEHAVIORS, "--seed", "5", "--label-delay=60",
                                   env=self.env)
        self.assertEqual((status, errors), (0, ""))
        for words in ("AUC", "MRR", "nDCG@5", "nDCG@10", "std. error", "12 slates scored", "label delay 60 s", "seed 5",
                      "skipped 1 without a click and 1 with nothing but clicks", "slates a second"):
            self.assertIn(words, text)

    def test_days_and_histories(self):
        """Each day's figure from the scores of that day's slates; each history's from those who had read so much."""
        figures, scores = self.eval("--per-day")
        self.assertNotIn("days", self.eval()[0])
        reads, days, histories = {}, {}, {}
        for line in lines_of():
            impression, reader, at, history, shown = slate(line)
            known = reads.setdefault(reader, len(history))
            labels = [clicked for _, clicked in shown]
            if any(labels) and not all(labels):
                bounds = auc_bounds([score for _, score in scores[impression]], labels)
                days.setdefault(at.strftime("%Y-%m-%d"), []).append(bounds)
                histories.setdefault(next(least for least in (21, 6, 1, 0) if known >= least), []).append(bounds)
            reads[reader] += sum(labels)

        def same(row, bounds):
            self.assertEqual(row["slates"], len(bounds))
            if not bounds:
                self.assertIsNone(row["auc"])
                return
            self.assertLessEqual(sum(low for low, _ in bounds) / len(bounds) - 1e-9, row["auc"])
            self.assertGreaterEqual(sum(high for _, high in bounds) / len(bounds) + 1e-9, row["auc"])

        self.assertEqual([day["day"] for day in figures["days"]], ["2026-11-20", "2026-11-21"])
        for day in figures["days"]:
            same(day, days[day["day"]])
        self.assertIsInstance(figures["days"][0]["mrr_se"], float)
        self.assertEqual([(row["least"], row["most"]) for row in figures["by_reads"]], [(0, 0), (1, 5), (6, 20), (21, None)])
        for row in figures["by_reads"]:
            same(row, histories.get(row["least"], []))
        self.assertEqual(sum(row["slates"] for row in figures["by_reads"]), 12)
        status, text, errors = run("eval", "--behaviors", BEHAVIORS, "--news", NEWS, "--per-day", env=self.env)
        self.assertEqual((status, errors), (0, ""))
        self.assertIn("2026-11-21       1", text)

    def test_drawing(self):
        path = os.path.join(self.folder, "auc.svg")
        figures = self.eval("--svg", path)[0]
        svg = xml.etree.ElementTree.parse(path).getroot()
        self.assertEqual(svg.tag, "{http://www.w3.org/2000/svg}svg")
        texts = [element.text for element in svg.iter("{http://www.w3.org/2000/svg}text")]
        self.assertIn("AUC of a slate", texts)
        self.assertTrue(any(text.startswith("time (UTC), 20 Nov 2026") for text in texts), texts)
        self.assertTrue(any(text.startswith(f"mean {figures['auc']:.4f}, standard error") for text in texts), texts)
        self.assertIn("No such file", self.refused_late("--behaviors", BEHAVIORS, "--svg", "/nowhere/auc.svg"))

    def refused_late(self, *arguments):
        status, _, errors = run("eval", *arguments, env=self.env)
        self.assertEqual((status, errors.count("\n")), (1, 1), errors)
        return errors

    def test_beyond_accuracy(self):
        """Each figure from its definition, over articles that have a section and a source but no words."""
        sections = {f"M{n}": name for name, ids in (("city", range(101, 107)), ("sport", range(107, 113)),
                                                    ("business", range(113, 118)), ("science", range(118, 123))) for n in ids}
        sources = {name: f"paper {int(name[1:]) % 6}" for name in sections}
        news = self.file("bare.tsv", "".join(f"{name}\t{sections[name]}\t\t\t\t\t[]\t[]\t{sources[name]}\n" for name in sections))

        def look(lines, scores, first_scored, depth):
            """Replays what is known; of each scored slate the best `depth` by score."""
            clicks, known, read, readers = collections.Counter(), set(), collections.defaultdict(collections.Counter), set()
            offered, reached, shown, lists = set(), set(), collections.Counter(), []
            sums = {"novelty": [], "calibration": [], "diversity": []}
            for n, line in enumerate(lines):
                impression, reader, _, history, slots = slate(line)
                if reader not in readers:
                    for name in history:
                        clicks[name] += 1
                        if name in sections:
                            read[reader][sections[name]] += 1
                    known |= set(history)
                readers.add(reader)
                known |= {name for name, _ in slots}
                clicked = [name for name, one in slots if one]
                if n >= first_scored and clicked and len(clicked) < len(slots):
                    best = [name for name, _ in sorted(scores[impression], key=lambda item: -item[1])][:depth]
                    offered |= {name for name, _ in slots}
                    reached |= set(best)
                    shown.update(sources[name] for name, _ in slots if name in sources)
                    lists.append([sources[name] for name in best if name in sources])
                    total = clicks.total() + len(known)
                    sums["novelty"].append(-sum(math.log2((clicks[name] + 1) / total) for name in best) / len(best))
                    listed = [sections[name] for name in best if name in sections]
                    pairs = [listed[i] != listed[j] for i in range(len(listed)) for j in range(i)]
                    if pairs:
                        sums["diversity"].append(sum(pairs) / len(pairs))
                    if read[reader]:
                        n_read, divergence = read[reader].total(), 0
                        for section, count in read[reader].items():
                            p, q = count / n_read, listed.count(section) / len(listed)
                            divergence += p * math.log(p / (0.99 * q + 0.01 * p))
                        sums["calibration"].append(divergence)
                for name in clicked:
                    clicks[name] += 1
                    if name in sections:
                        read[reader][sections[name]] += 1
            rare, left = set(), 0.2 * shown.total()
            for count in sorted(set(shown.values())):
                as_rare = {name for name, shows in shown.items() if shows == count}
                if count * len(as_rare) > left:
                    break
                left -= count * len(as_rare)
                rare |= as_rare
            found = {name: sum(values) / len(values) for name, values in sums.items()}
            found["coverage"] = len(reached) / len(offered)
            found["rare_sources"] = sum(sum(name in rare for name in row) / len(row) for row in lists) / len(lists)
            return found, len(rare)

        lines = lines_of()
        figures, scores = self.eval(news=news)
        # No slate has more than ten: whichever way equal scores fall, the list is all of it.
        expected, n_rare = look(lines, scores, 0, 10)
        self.assertGreater(n_rare, 0)
        self.assertEqual(figures["beyond"]["rare_sources"], n_rare)
        for name, value in expected.items():
            self.assertAlmostEqual(figures["beyond"]["top10"][name], value, 12, name)
        # The order counts in the last slate, whose six scores differ.
        warmup, last = self.behaviors(lines[:-1], "warmup.tsv"), self.behaviors(lines[-1:], "last.tsv")
        figures, scores = self.eval("--warmup", warmup, behaviors=last, news=news)
        self.assertEqual(len({score for _, score in scores["14"]}), 6)
        for name, value in look(lines, scores, 13, 5)[0].items():
            self.assertAlmostEqual(figures["beyond"]["top5"][name], value, 12, name)
        # Without rows nothing is known of sections and sources.
        status, text, errors = run("eval", "--behaviors", BEHAVIORS, "--json", env=self.env)
        self.assertEqual((status, errors), (0, ""))
        beyond = json.loads(text)["beyond"]
        self.assertEqual([beyond["top10"][name] for name in ("diversity", "calibration", "rare_sources")], [None] * 3)
        self.assertIsInstance(beyond["top10"]["novelty"], float)
        text = run("eval", "--behaviors", BEHAVIORS, env=self.env)[1]
        self.assertRegex(text, r"rare sources +n/a +n/a")

    def test_a_seed_repeats_the_run(self):
        first, second = self.eval("--seed", "9")[0], self.eval("--seed", "9")[0]
        for figures in (first, second):
            del figures["slates_per_s"], figures["slates_per_cpu_s"]
        self.assertEqual(first, second)

    def test_models(self):
        own = self.file("own.json", json.dumps({"name": "own", "version": "1", "kind": "linear", "weights": {"age": -1}}))
        by_default = self.eval()[1]
        self.assertNotEqual(self.eval("--model", "popular")[1], by_default)
        self.assertEqual(self.eval("--model", "default")[1], by_default)
        scores = self.eval("--model", own)[1]
        self.assertEqual(scores["1"], [("M101", 0), ("M107", 0), ("M113", 0), ("M118", 0)])
        self.assertAlmostEqual(dict(scores["13"])["M998"], -math.log(1 + (8 * 60 + 54) / 60), 4)  # since 3:05 PM

    def online(self, name, **parts):
        weights = {"ctr": 0.9, "topic_long": 1, "age": -0.3}
        return self.file(name, json.dumps({"name": "m", "version": "1", "kind": "online", "weights": weights,
                                           "shortlist": {"prior": {"stage_one": 1}}, "learn": {"crosses": {}}, **parts}))

    def test_ablate(self):
        """What is left out is left out: the figures are those of a file written without it."""
        figures, scores = self.eval("--ablate", "ctr", "--ablate=topic_long", "--model", self.online("1.json"))
        self.assertEqual(figures["without"], ["ctr", "topic_long"])
        self.assertEqual(scores, self.eval("--model", self.online("2.json", weights={"age": -0.3}))[1])
        whole = self.eval("--model", self.online("1.json"))
        self.assertEqual(whole[0]["without"], [])
        for part, other in (
            ("seen", {"shortlist": {"prior": {"stage_one": 1}, "without": ["seen"]}}),
            ("popularity", {"shortlist": {"prior": {"stage_one": 1}, "without": ["popularity"]}}),
            ("crosses", {"learn": {}}),
            ("cross:word", {"learn": {"crosses": {"without": ["word"]}}}),
        ):
            scores = self.eval("--model", self.online("1.json"), "--ablate", part)[1]
            self.assertEqual(scores, self.eval("--model", self.online("2.json", **other))[1], part)
            self.assertNotEqual(scores, whole[1], part)
        # Of an ensemble, out of the members that have it.
        both = self.file("both.json", json.dumps({"name": "both", "version": "1", "kind": "ensemble",
                                                    "weights": {"ctr": 0.9, "topic_long": 1, "age": -0.3}, "members": [
            {"model": "m", "weight": 2}]}))
        self.refused(1, "--behaviors", BEHAVIORS, "--model", both)
        figures = self.eval("--model", both, "--model", self.online("1.json"), "--ablate", "popularity")[0]
        alone = self.eval("--model", self.online("1.json"), "--ablate", "popularity")[0]
        self.assertEqual((figures["auc"], figures["model"]), (alone["auc"], both))
        self.assertIn("does not use it", self.refused(1, "--behaviors", BEHAVIORS, "--model", both, "--ablate", "seen"))
        errors = self.refused(2, "--behaviors", BEHAVIORS, "--ablate", "clicks")
        for name in ("popularity", "head_to_head", "topic_short", "ctr", "cross:story", "crosses"):
            self.assertIn(name, errors)
        self.assertIn("the model default does not use it", self.refused(1, "--behaviors", BEHAVIORS, "--ablate", "crosses"))
        status, text, errors = run("eval", "--behaviors", BEHAVIORS, "--ablate", "ctr", env=self.env)
        self.assertEqual((status, errors), (0, ""))
        self.assertIn("model default without ctr,", text)

    # ---- what is known when ----

    def test_own_labels_never_reach_a_slates_scores(self):
        lines = lines_of()
        truth = self.eval()[1]
        names = list(truth)
        self.assertEqual(names, [slate(line)[0] for line in lines])
        changed_later = 0
        for k in range(len(lines)):
            path = self.behaviors(lines[:k] + [flipped(lines[k])] + lines[k + 1:])
            scores = self.eval(behaviors=path)[1]
            for name in names[:k + 1]:
                self.assertEqual(scores[name], truth[name], f"slate {name} saw the labels of slate {names[k]}")
            changed_later += any(scores[name] != truth[name] for name in names[k + 1:])
        self.assertEqual(changed_later, len(lines) - 1, "labels are learnt once a slate is scored")

    def test_label_delay(self):
        """Slate b comes four minutes after slate a and shows an article that a's reader clicked."""
        def log(a_label):
            return self.behaviors([f"a\tann\t11/20/2026 6:00:00 AM\t\tM101-{a_label} M113-{1 - a_label}",
                                   "b\tben\t11/20/2026 6:04:00 AM\t\tM101-1 M113-0"])
        for delay, sees in (("0", True), ("240", True), ("241", False), ("300", False)):
            scores = [self.eval("--label-delay", delay, behaviors=log(label))[1]["b"] for label in (0, 1)]
            self.assertEqual(scores[0] != scores[1], sees, delay)
        # And shown articles are held back as clicks are: for b both are still new.
        (_, one), (_, other) = self.eval("--label-delay", "300", behaviors=log(1))[1]["b"]
        self.assertEqual(one, other)

    def test_warmup_is_learnt_and_not_scored(self):
        lines = lines_of()
        whole = self.eval()[1]
        parts = [self.behaviors(lines[:4], "1.tsv"), self.behaviors(lines[4:9], "2.tsv"), self.behaviors(lines[9:], "3.tsv")]
        figures, scores = self.eval("--warmup", parts[0], "--warmup", parts[1], behaviors=parts[2])
        self.assertEqual(scores, {name: whole[name] for name in ("10", "11", "12", "13", "14")})
        self.assertEqual((figures["slates"], figures["learnt_only"]), (5, 9))
        errors = self.refused(1, "--news", NEWS, "--warmup", parts[2], "--behaviors", parts[1])
        self.assertIn("2.tsv: begins before", errors)

    def test_permuted_labels_give_one_half(self):
        """500 slates of eight, in which the stories of one day's favourite section are clicked."""
        seed = 11
        print(f"seed {seed}")
        dice = random.Random(seed)
        ids = [f"M{n}" for n in range(101, 123)]
        lines = []
        start = datetime.datetime(2026, 11, 20, 6)
        for n in range(500):
            shown = dice.sample(ids, 8)
            liked = [name for name in shown if name in ids[6:12]] or shown[:1]
            clicked = dice.choice(liked)
            at = start + datetime.timedelta(seconds=90 * n)
            lines.append(f"{n}\treader{n % 40}\t{at.month}/{at.day}/{at.year} {at:%I:%M:%S %p}\t\t" +
                         " ".join(f"{name}-{int(name == clicked)}" for name in shown))
        path = self.behaviors(lines)
        learnt = self.eval(behaviors=path)[0]
        self.assertGreater(learnt["auc"], 0.7)
        permuted = self.eval("--permute", behaviors=path)[0]
        self.assertTrue(permuted["permuted"])
        self.assertEqual(permuted["slates"], 500)
        self.assertLess(abs(permuted["auc"] - 0.5), 4 * permuted["auc_se"])
        self.assertLess(permuted["auc_se"], 0.02)

    def test_scores_are_the_servers(self):
        """The same articles, events and moments given to a server: POST /v1/rank answers with the same scores."""
        rows = {line.split("\t")[0]: line.split("\t") for line in lines_of(NEWS)}
        slates = [slate(line) for line in lines_of()]
        start = slates[0][2]
        server = Server("--clock", "manual:" + start.isoformat().replace("+00:00", "Z"))
        self.addCleanup(server.clean)
        client = server.client()
        self.addCleanup(client.close)
        known, readers = set(), set()

        def stamp(at):
            return at.isoformat().replace("+00:00", "Z")

        def ask(path, body):
            status, answer = client.post(path, body)
            self.assertEqual(status, 200, answer)
            return answer

        def article(name, at):
            if name in known:
                return
            known.add(name)
            row = rows.get(name)
            body = {"id": name, "title": row[3] if row else "?", "published_at": stamp(at)}
            if row:
                topics = [row[2]] + [entity["Label"] for entity in json.loads(row[6])]
                body.update(section=row[1], summary=row[4], url=row[5], topics=topics)
            self.assertEqual(ask("/v1/articles", body)["rejected"], 0)

        def events(batch):
            answer = ask("/v1/events", batch)
            self.assertEqual(answer["accepted"], len(batch), answer)

        expected = self.eval()[1]
        compared = 0
        for impression, reader, at, history, shown in slates:
            ask("/v1/admin/clock", {"now": stamp(at)})
            if reader not in readers:
                times = [start - datetime.timedelta(hours=12 * (len(history) - i)) for i in range(len(history))]
                for name, clicked_at in zip(history, times):
                    article(name, clicked_at)
                for name, _ in shown:
                    article(name, at)
                if history:
                    events([{"user_id": reader, "article_id": name, "type": "click", "at": stamp(clicked_at)}
                            for name, clicked_at in zip(history, times)])
                readers.add(reader)
            for name, _ in shown:
                article(name, at)
            answer = ask("/v1/rank", {"user_id": reader, "articles": [name for name, _ in shown]})
            got = {item["article"]["id"]: item["score"] for item in answer["items"]}
            for name, score in expected[impression]:
                if name in rows:  # a server wants a title, the replay has none for the others
                    self.assertAlmostEqual(got[name], score, 5, f"slate {impression}, {name}")
                    compared += 1
            events([{"user_id": reader, "article_id": name, "type": "impression", "at": stamp(at)} for name, _ in shown] +
                   [{"user_id": reader, "article_id": name, "type": "click", "at": stamp(at)} for name, one in shown if one])
        self.assertEqual(compared, sum(name in rows for _, _, _, _, shown in slates for name, _ in shown))

    # ---- files ----

    def test_gzip_and_order(self):
        lines = lines_of()
        truth = self.eval()[1]
        packed = self.file("behaviors.tsv.gz", gzip.compress(read(BEHAVIORS).encode()))
        news = self.file("news.tsv.gz", gzip.compress(read(NEWS).encode()))
        self.assertEqual(self.eval(behaviors=packed, news=news)[1], truth)
        # Slates 2 and 3 have one time: among those the file's order stands, so only the others move.
        shuffled = lines[7:] + lines[:3] + lines[6:2:-1]
        self.assertEqual(self.eval(behaviors=self.behaviors(shuffled))[1], truth)
        self.assertEqual(self.eval(behaviors=self.file("crlf.tsv", read(BEHAVIORS).replace("\n", "\r\n")))[1], truth)
        self.assertEqual(self.eval(behaviors=self.file("end.tsv", read(BEHAVIORS).rstrip("\n")))[1], truth)

    def test_without_news(self):
        status, text, errors = run("eval", "--behaviors", BEHAVIORS, "--json", env=self.env)
        self.assertEqual((status, errors), (0, ""))
        self.assertEqual(json.loads(text)["articles_without_row"], 24)

    def test_bad_behaviors(self):
        good = "1\tann\t11/20/2026 6:00:00 AM\tM109\tM101-0 M107-1"
        for bad, where, what in (
            ("2\tann\t11/20/2026 6:00:00 AM\tM109", "line 2, column 5 (slate)", "is missing"),
            ("2", "line 2, column 2 (reader)", "is missing"),
            (good + "\tmore", "line 2, column 5 (slate)", "is followed by a tab"),
            ("\tann\t11/20/2026 6:00:00 AM\t\tM101-0", "line 2, column 1 (impression id)", "is empty"),
            ("2\t\t11/20/2026 6:00:00 AM\t\tM101-0", "line 2, column 2 (reader)", "is empty"),
            ("2\t" + "a" * 129 + "\t11/20/2026 6:00:00 AM\t\tM101-0", "line 2, column 2 (reader)", "is longer than 128 bytes"),
            ("2\tann\t2026-11-20T06:00:00Z\t\tM101-0", "line 2, column 3 (time)", "is not a time like"),
            ("2\tann\t13/20/2026 6:00:00 AM\t\tM101-0", "line 2, column 3 (time)", "is not a time like"),
            ("2\tann\t2/29/2026 6:00:00 AM\t\tM101-0", "line 2, column 3 (time)", "is not a time like"),
            ("2\tann\t11/20/2026 13:00:00 PM\t\tM101-0", "line 2, column 3 (time)", "is not a time like"),
            ("2\tann\t11/20/2026 0:30:00 AM\t\tM101-0", "line 2, column 3 (time)", "is not a time like"),
            ("2\tann\t11/20/2026 6:00:00\t\tM101-0", "line 2, column 3 (time)", "is not a time like"),
            ("2\tann\t11/20/2026 6:00:00 AM\tM1 " + "M" * 129 + "\tM101-0", "line 2, column 4 (earlier clicks)", "is longer"),
            ("2\tann\t11/20/2026 6:00:00 AM\t\tM101-0 M102", "line 2, column 5 (slate)", '"M102"'),
            ("2\tann\t11/20/2026 6:00:00 AM\t\tM101-2", "line 2, column 5 (slate)", "does not end in -0"),
            ("2\tann\t11/20/2026 6:00:00 AM\t\t-1", "line 2, column 5 (slate)", '"-1"'),
        ):
            errors = self.refused(1, "--news", NEWS, "--behaviors", self.file("bad.tsv", good + "\n" + bad + "\n" + good))
            self.assertIn("bad.tsv: " + where, errors)
            self.assertIn(what, errors)

    def test_bad_news(self):
        good = "M101\tcity\twater\tPumps fail\t\t\t[]\t[]"
        for bad, where, what in (
            (b"M102\tcity\twater", "line 3, column 4 (title)", "is missing"),
            (b"\tcity\twater\tTitle", "line 3, column 1 (id)", "is empty"),
            (b"M102\tcity\twater\tTi\xfftle", "line 3, column 4 (title)", "is not valid UTF-8"),
            (b"M102\tcity\twater\tTitle\t\t\t[{]", "line 3, column 7 (title entities)", "is not JSON"),
            (b"M102\tcity\twater\tTitle\t\t\t\t{}", "line 3, column 8 (abstract entities)", "is not a JSON list"),
        ):
            news = self.file("news.tsv", good.encode() + b"\n\n" + bad + b"\n")
            errors = self.refused(1, "--news", news, "--behaviors", BEHAVIORS)
            # Empty lines are passed over; they count as lines all the same.
            self.assertIn("news.tsv: " + where, errors)
            self.assertIn(what, errors)

    def test_files_that_cannot_be_read(self):
        cut = self.file("cut.tsv.gz", gzip.compress(os.urandom(4000).hex().encode())[:2000])
        empty = self.file("empty.tsv", "")
        quiet = self.behaviors(["1\tann\t11/20/2026 6:00:00 AM\t\tM101-0 M107-0"], "quiet.tsv")
        for arguments, words in (
            (("--behaviors", os.path.join(self.folder, "none.tsv")), "none.tsv: can't be read: No such file"),
            (("--behaviors", self.folder), "can't be read: Is a directory"),
            (("--behaviors", BEHAVIORS, "--news", os.path.join(self.folder, "none.tsv")), "none.tsv: can't be read"),
            (("--behaviors", cut), "cut.tsv.gz: can't be read: the gzip data is damaged or cut short"),
            (("--behaviors", empty), "empty.tsv: has no slate"),
            (("--behaviors", BEHAVIORS, "--model", "best"), "there is no model best"),
            (("--behaviors", BEHAVIORS, "--model", "./best.json"), "./best.json: No such file"),
            (("--behaviors", BEHAVIORS, "--model", self.file("bad.json", '{"name":"x"}')), "model"),
            (("--behaviors", BEHAVIORS, "--scores", os.path.join(self.folder, "no", "scores")), "No such file"),
        ):
            self.assertIn(words, self.refused(1, *arguments))
        status, text, errors = run("eval", "--behaviors", quiet, env=self.env)
        self.assertEqual((status, "no slate could be scored" in errors), (1, True))
        self.assertIn("skipped 1 without a click", text)
        status, _, errors = run("eval", "--behaviors", BEHAVIORS, env=dict(self.env, TMPDIR="/nowhere"))
        self.assertEqual((status, "TMPDIR" in errors), (1, True))

    # ---- clicks alone ----

    CLICKS = "user_id,session_id,click_article_id,click_timestamp\n"

    def test_clicks(self):
        """3,000 clicks of 700 readers on 90 articles, in no order: all are taken, and counted where they should be."""
        dice = random.Random(4)
        rows = [(dice.randrange(700), dice.randrange(90), 1506825426000 + dice.randrange(3600000)) for _ in range(3000)]
        path = self.file("clicks.csv.gz", gzip.compress((self.CLICKS + "".join(
            f"u{user},s,a{article},{at}\n" for user, article, at in rows)).encode()))
        status, text, errors = run("eval", "--clicks", path, "--json", env=self.env)
        self.assertEqual((status, errors), (0, ""))
        figures = json.loads(text)
        self.assertEqual((figures["events"], figures["readers"], figures["articles"]),
                         (3000, len({user for user, _, _ in rows}), len({article for _, article, _ in rows})))
        self.assertEqual([(mark["percent"], mark["events"]) for mark in figures["at"]],
                         [(0, 0), (10, 300), (50, 1500), (100, 3000)])
        early = sorted(rows, key=lambda row: row[2])[:1500]
        self.assertEqual(figures["at"][2]["readers"], len({user for user, _, _ in early}))
        for name in ("cpu_s", "seconds", "events_per_cpu_s", "events_per_s"):
            self.assertGreater(figures[name], 0)
        self.assertGreater(figures["at"][3]["resident_bytes"], figures["at"][3]["file_bytes"])
        status, text, errors = run("eval", "--clicks", path, "--model", "popular", env=self.env)
        self.assertEqual((status, errors), (0, ""))
        for words in ("100 %         3000", "events a second of CPU", "store MB"):
            self.assertIn(words, text)

    def test_clicks_refused(self):
        path = self.file("clicks.csv", self.CLICKS + "u,s,a,yesterday\n")
        self.assertIn("clicks.csv: line 2, column 4 (click_timestamp)", self.refused(1, "--clicks", path))
        self.assertIn("there is no model best", self.refused(1, "--clicks", path, "--model", "best"))
        for option in (("--behaviors", BEHAVIORS), ("--news", NEWS), ("--warmup", BEHAVIORS), ("--label-delay", "5"),
                       ("--permute",), ("--per-day",), ("--svg", "x"), ("--scores", "x"), ("--seed", "1")):
            self.assertIn(f"does not go with {option[0]}", self.refused(2, "--clicks", path, *option))

    def test_usage(self):
        for arguments, words in (
            ((), "--behaviors"),
            (("--news", NEWS), "--behaviors"),
            (("--behaviors", BEHAVIORS, "--label-delay", "-1"), "--label-delay"),
            (("--behaviors", BEHAVIORS, "--label-delay", "1h"), "--label-delay"),
            (("--behaviors", BEHAVIORS, "--seed", "x"), "--seed"),
            (("--behaviors", BEHAVIORS, "--ablate", "clicks"), "--ablate clicks: no part of a model has that name"),
            (("--behaviors", BEHAVIORS, "--ablate", "ctr", "--ablate", "cross:x"), "--ablate cross:x: no part"),
            (("--behaviors", BEHAVIORS, "--behaviors", BEHAVIORS), "once"),
            (("--behaviors", BEHAVIORS, "--warmup"), "needs a value"),
            (("--behaviors", BEHAVIORS, "--fast"), "--fast"),
        ):
            self.assertIn(words, self.refused(2, *arguments))

    def test_interrupt_leaves_nothing_behind(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            lines = [f"{n}\treader{n}\t11/{1 + n // 1440}/2026 {(n // 60 % 12) or 12}:{n % 60:02}:00 "
                     f"{'AM' if n // 720 % 2 == 0 else 'PM'}\t\tM101-1 A{n}-0 B{n}-0" for n in range(40000)]
            process = subprocess.Popen([BINARY, "eval", "--news", NEWS, "--behaviors", self.behaviors(lines)], env=self.env,
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            deadline = time.monotonic() + 60
            while not any(files for _, _, files in os.walk(self.tmp)):
                self.assertIsNone(process.poll(), "it ended too early")
                self.assertLess(time.monotonic(), deadline)
                select_wait(0.01)
            process.send_signal(number)
            text, errors = process.communicate(timeout=60)
            self.assertEqual((process.returncode, text), (1, ""))
            self.assertIn("stopped before the end", errors)
            self.assertEqual(os.listdir(self.tmp), [])


if __name__ == "__main__":
    unittest.main()
