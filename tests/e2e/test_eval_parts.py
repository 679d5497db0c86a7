"""mynews eval: figures by day and history, the drawing, beyond accuracy, parts left out, and clicks alone."""
import collections
import gzip
import json
import math
import os
import random
import unittest
import xml.etree.ElementTree

from evals import BEHAVIORS, NEWS, EvalCase, auc_bounds, lines_of, slate
from server import run


class Parts(EvalCase):
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
        figures = self.eval("--model", both, "--beside", self.online("1.json"), "--ablate", "popularity")[0]
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


if __name__ == "__main__":
    unittest.main()
