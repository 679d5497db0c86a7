"""Embeddings: the publisher's own, and word vectors from a file; in eval and in a server."""
import gzip
import json
import os
import random
import shutil
import tempfile
import unittest

from server import Server, run

GROUPS = ["age", "co_read", "editor", "grams", "head_to_head", "kin", "length", "popularity", "premium", "reader",
          "section", "seen", "similarity", "similarity_top", "source", "stage_one", "topics", "words"]


def model(prior, **learn):
    """One that looks at embeddings alone."""
    return {"name": "near", "version": "1", "kind": "online", "weights": {},
            "shortlist": {"prior": prior, "without": GROUPS}, "learn": {"rate": 0.5, "g0": 1, **learn}}


class Vectors(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="mynews-test-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.random = random.Random(7)

    def file(self, name, content):
        path = os.path.join(self.folder, name)
        with open(path, "wb") as file:
            file.write(content if isinstance(content, bytes) else content.encode())
        return path

    def embedding(self, subject, width=12):
        """Much that all have in common, a subject, and noise."""
        return [5 + (3 if i % 2 == subject else 0) + self.random.uniform(-1, 1) for i in range(width)]

    def slates(self, n=120):
        """Two subjects, of which each reader likes one; every article is new. Behaviours, and the articles' subjects."""
        lines, subjects = [], {}
        for i in range(n):
            liked = self.random.randrange(2)
            history = [f"H{i}x{k}" for k in range(5)]
            shown = [f"S{i}x{k}" for k in range(6)]
            subjects.update((article, liked) for article in history)
            subjects.update((article, k % 2) for k, article in enumerate(shown))
            clicked = self.random.choice([a for a in shown if subjects[a] == liked])
            self.random.shuffle(shown)
            lines.append(f"{i}\treader{i}\t11/20/2026 6:{i % 60:02}:00 {'AP'[i // 60]}M\t{' '.join(history)}\t" +
                         " ".join(f"{a}-{int(a == clicked)}" for a in shown))
        return "".join(line + "\n" for line in lines), subjects

    def auc(self, *options):
        status, text, errors = run("eval", "--json", *options)
        self.assertEqual((status, errors), (0, ""))
        return json.loads(text)["auc"]

    def test_embeddings_of_the_publisher(self):
        lines, subjects = self.slates()
        behaviors = self.file("behaviors.tsv", lines)
        near = self.file("near.json", json.dumps(model({})))
        rows = [json.dumps({"id": a, "embedding": self.embedding(s)}) for a, s in subjects.items()]
        some = self.file("embeddings.ndjson.gz", gzip.compress(("\n".join(rows) + "\n\n").encode()))
        without = self.auc("--behaviors", behaviors, "--model", near)
        # A perfect model finds the liked subject: the click is one of three, the other three come behind: .8.
        found = self.auc("--behaviors", behaviors, "--model", near, "--embeddings", some)
        self.assertLess(without, 0.62)
        self.assertGreater(found, 0.72)
        self.assertLess(self.auc("--behaviors", behaviors, "--model", near, "--embeddings", some, "--ablate", "dense"), 0.62)
        self.assertLess(self.auc("--behaviors", behaviors, "--model", near, "--embeddings", some, "--permute"), 0.62)

    def test_word_vectors(self):
        """No two titles share a word; the words' vectors say what they are about."""
        lines, subjects = self.slates()
        words, news = [], []
        for i, (article, subject) in enumerate(subjects.items()):
            own = [f"{'zebra' if subject else 'quark'}{i}{letter}" for letter in "abc"]
            news.append(f"{article}\tnews\t\tThe {own[0]} and {own[1].upper()}, {own[2]}\t\t\t\t")
            words += [own[0], own[1], own[2]]
        vectors = ["the " + " ".join("9" for _ in range(12)), "and " + " ".join("9" for _ in range(12))]
        for word in words:
            vectors.append(word + " " + " ".join(f"{x:.3f}" for x in self.embedding(int(word.startswith("zebra")))))
        options = ("--behaviors", self.file("behaviors.tsv", lines), "--news", self.file("news.tsv", "\n".join(news) + "\n"),
                   "--model", self.file("near.json", json.dumps(model({}))))
        head = f"{len(vectors)} 12\n"
        path = self.file("words.vec", head + "\n".join(vectors) + "\n")
        self.assertLess(self.auc(*options), 0.62)
        self.assertGreater(self.auc(*options, "--vectors", path), 0.72)

    def test_refusals(self):
        behaviors = self.file("behaviors.tsv", self.slates(2)[0])
        good = json.dumps({"id": "N1", "embedding": [1, 2]})
        for bad, what in (
            ("{", "line 2"),
            (json.dumps({"embedding": [1, 2]}), 'must have an "id" and an "embedding" of 2 to 4096 numbers'),
            (json.dumps({"id": "N2", "embedding": [1]}), "of 2 to 4096 numbers"),
            (json.dumps({"id": "N2", "embedding": [0] * 4097}), "of 2 to 4096 numbers"),
            (json.dumps({"id": "N2", "embedding": [1, "2"]}), "no finite number"),
            ('{"id":"N2","embedding":[1,1e300]}', "no finite number"),
            ('["N2"]', 'must have an "id"'),
        ):
            path = self.file("bad.ndjson", good + "\n" + bad + "\n")
            status, text, errors = run("eval", "--behaviors", behaviors, "--embeddings", path)
            self.assertEqual((status, text, errors.count("\n")), (1, "", 1), errors)
            self.assertIn("bad.ndjson: line 2", errors)
            self.assertIn(what, errors)
        for path, what in ((self.file("empty.ndjson", ""), "has no embedding"), (self.folder + "/none", "can't be read")):
            status, _, errors = run("eval", "--behaviors", behaviors, "--embeddings", path)
            self.assertEqual((status, errors.count("\n")), (1, 1), errors)
            self.assertIn(what, errors)
        for content, what in (("a 1 2\nb 1\n", "words.vec, line 2: has fewer numbers"), ("", "there is no word")):
            path = self.file("words.vec", content)
            status, _, errors = run("eval", "--behaviors", behaviors, "--vectors", path)
            self.assertEqual((status, errors.count("\n")), (1, 1), errors)
            self.assertIn(what, errors)
            status, _, errors = run("serve", "--data", self.folder, "--vectors", path)
            self.assertEqual((status, errors.count("\n")), (1, 1), errors)
            self.assertIn(what, errors)
        settings = self.file("settings.json", json.dumps({"vectors": self.folder + "/none.vec"}))
        status, _, errors = run("serve", "--data", self.folder, "--config", settings)
        self.assertEqual(status, 1)
        self.assertIn("none.vec: No such file or directory", errors)

    def feed(self, server):
        client = server.client()
        status, feed = client.get("/v1/users/ann/feed?limit=20")
        client.close()
        self.assertEqual(status, 200, feed)
        return [item["article"]["id"] for item in feed["items"]]

    def serve(self, extra, articles):
        """What ann is served, who read two articles of subject 1: before a restart and after it."""
        os.mkdir(self.folder + "/models")
        self.file("models/near.json", json.dumps(model({"dense_mean": 5})))
        settings = self.file("settings.json", json.dumps({"models_dir": self.folder + "/models", "default_model": "near"}))
        server = Server("--config", settings, *extra)
        self.addCleanup(server.clean)
        client = server.client()
        status, reply = client.post("/v1/articles", articles)
        self.assertEqual(status, 200, reply)
        for article in articles[1:4:2]:
            status, reply = client.post("/v1/events", {"user_id": "ann", "article_id": article["id"], "type": "click"})
            self.assertEqual(status, 200, reply)
        client.close()
        first = self.feed(server)
        self.assertEqual(server.stop(), 0)
        server.start()
        self.assertEqual(self.feed(server), first)
        return first

    def test_a_server(self):
        articles = [{"id": f"a{i}", "title": f"t{i}", "url": f"https://example.com/{i}", "source": f"s{i}",
                     "embedding": self.embedding(i % 2, 33)} for i in range(100)]
        self.assertTrue(all(int(name[1:]) % 2 == 1 for name in self.serve((), articles)))

    def test_a_server_with_word_vectors(self):
        articles = [{"id": f"a{i}", "title": f"zq{i}x and zq{i}y", "url": f"https://example.com/{i}", "source": f"s{i}"}
                    for i in range(100)]
        vectors = [f"zq{i}{letter} " + " ".join(f"{x:.2f}" for x in self.embedding(i % 2))
                   for i in range(100) for letter in "xy"]
        path = self.file("words.vec", "\n".join(vectors) + "\n")
        self.assertTrue(all(int(name[1:]) % 2 == 1 for name in self.serve(("--vectors", path), articles)))


if __name__ == "__main__":
    unittest.main()
