"""mynews eval: figures, what is known when, files that are not in order, and what it leaves behind."""
import datetime
import gzip
import json
import math
import os
import random
import signal
import subprocess
import time
import unittest

from evals import BEHAVIORS, NEWS, EvalCase, auc_bounds, flipped, lines_of, read, slate
from server import BINARY, Server, run, select_wait


class Eval(EvalCase):
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
            (b"M102" + b"\t" * 9 + b"1.5", "line 3, column 10 (char_count)", "must be a whole number"),
            (b"M102" + b"\t" * 10 + b"2", "line 3, column 11 (premium)", "must be 0 or 1"),
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
