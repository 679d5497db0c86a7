"""What tests of models that learn share: a server whose clock is set by hand, readers who open stories of one section, and two
probes that nobody was ever shown, alike in all but section and words: before anything is learnt they score the same to the
last digit; afterwards the one of the section that readers open scores higher."""
import datetime
import json
import os
import shutil
import tempfile
import unittest

from server import Server, run
from test_walk import words

START = datetime.datetime(2026, 11, 20, 13)
MODELS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "models")
SECTIONS = ("sport", "city", "arts")
DELAY = 60  # seconds until a slate is learnt, here
OPENED = "sport"


def article(number, section=None, **fields):
    return dict({"id": f"a{number}", "title": words(number), "language": "en", "source": f"paper {number % 5}",
                 "section": section or SECTIONS[number % 3], "topics": [f"topic {number}"],
                 "published_at": "2026-11-20T12:00:00Z"}, **fields)


def probe(name, number, section):
    """Too old to come into a feed's first places."""
    return article(number, section, id=name, source="the probes' own", topics=[], published_at="2026-11-01T12:00:00Z")


def shipped(file_name, **changes):
    with open(os.path.join(MODELS, file_name + ".json"), encoding="utf-8") as file:
        return dict(json.load(file), **changes)


def learned(version="1", kind="mlp", **changes):
    """The shipped one with a hidden layer, which asks the most of what is kept."""
    model = shipped("learned", version=version, kind=kind, **changes)
    # Quick enough to be seen in few slates.
    model["learn"].update(delay_s=DELAY, rate=0.05, g0=10, lean=0)
    model["learn"].update({"hidden": 8, "hidden_rate": 0.02, "replays": 2, "memory": 5000} if kind == "mlp" else {})
    return model


def straight():
    """Linear in every column there is, head to head and co-reading too."""
    return learned(name="straight", kind="online", shortlist={"prior": {"stage_one": 1}})


class Learning(unittest.TestCase):
    def setUp(self):
        self.models = self.folder()
        for model in (shipped("default"), learned(), straight()):
            self.put_model(model)
        self.client = None
        self.addCleanup(lambda: self.client and self.client.close())

    def folder(self):
        path = tempfile.mkdtemp(prefix="mynews-learn-")
        self.addCleanup(shutil.rmtree, path, ignore_errors=True)
        return path

    def put_model(self, model, text=None):
        """Whole or not at all."""
        path = os.path.join(self.models, (model["name"] if model else "learned") + ".json")
        with open(path + ".new", "w", encoding="utf-8") as file:
            file.write(text if text is not None else json.dumps(model))
        os.replace(path + ".new", path)

    def serve(self, checkpoint_s=600):
        if self.client:
            self.client.close()
        config = os.path.join(self.folder(), "config.json")
        with open(config, "w", encoding="utf-8") as file:
            json.dump({"models_dir": self.models, "checkpoint_interval_ms": checkpoint_s * 1000}, file)
        self.config, self.seconds = config, 0
        self.server = Server(*self.arguments())
        self.addCleanup(self.server.clean)
        self.client = self.server.client()
        status, answer = self.client.post("/v1/articles", [article(n) for n in range(60)])
        self.assertEqual((status, answer["accepted"]), (200, 60))

    def arguments(self):
        return ["--config", self.config, "--clock",
                f"manual:{(START + datetime.timedelta(seconds=self.seconds)).isoformat()}Z"]

    def advance(self, seconds):
        self.seconds += seconds
        self.assertEqual(self.client.post("/v1/admin/clock", {"advance_s": seconds})[0], 200)

    def restart(self, crash):
        """Where the clock stood."""
        self.client.close()
        self.server.kill() if crash else self.assertEqual(self.server.stop(), 0, self.server.log_text()[-2000:])
        self.assertEqual(run("check", "--data", self.server.data), (0, "nothing wrong\n", ""))
        self.server.arguments[:4] = self.arguments()
        self.server.start()
        self.client = self.server.client()

    # ---- what readers do ----

    def feed(self, user, query="limit=12", model="learned"):
        status, feed = self.client.get(f"/v1/users/{user}/feed?model={model}&{query}")
        self.assertEqual(status, 200, feed)
        return feed

    def post(self, events):
        status, answer = self.client.post("/v1/events", events)
        self.assertEqual((status, answer["accepted"]), (200, len(events)), answer)

    @staticmethod
    def seen(user, feed, section=OPENED, feed_id=True):
        """Impressions of all that a feed shows and clicks on what is of the section."""
        events = []
        for item in feed["items"]:
            event = {"user_id": user, "article_id": item["article"]["id"], "type": "impression",
                     "position": item["position"]}
            if feed_id:
                event["feed_id"] = feed["feed_id"]
            events.append(event)
            if item["article"]["section"] == section:
                events.append(dict(event, type="click"))
        return events

    def teach(self, section=OPENED, n_readers=8, model="learned", feed_id=True, first=0):
        n_clicks = 0
        for n in range(first, first + n_readers):
            user = f"reader-{n}"
            events = self.seen(user, self.feed(user, model=model), section, feed_id)
            n_clicks += sum(event["type"] == "click" for event in events)
            self.post(events)
        self.assertGreater(n_clicks, 0)  # or they had nothing to choose

    # ---- what was learnt ----

    def put_probes(self):
        status, answer = self.client.post("/v1/articles", [probe("probe-sport", 900, "sport"), probe("probe-city", 901, "city")])
        self.assertEqual((status, answer["accepted"]), (200, 2))

    def scores(self, user, articles, model="learned"):
        status, answer = self.client.post("/v1/rank", {"user_id": user, "articles": articles, "model": model, "explain": True})
        self.assertEqual((status, len(answer["items"])), (200, len(articles)), answer)
        for item in answer["items"]:
            self.assert_sums(item)
        return {item["article"]["id"]: item["score"] for item in answer["items"]}

    def gap(self, user="nobody-yet", model="learned"):
        """How much the probe of sport is ahead."""
        scores = self.scores(user, ["probe-sport", "probe-city"], model)
        return scores["probe-sport"] - scores["probe-city"]

    def assert_sums(self, item):
        total = sum(reason["contribution"] for reason in item["reasons"])
        self.assertAlmostEqual(total, item["score"], delta=1e-4 * max(1, abs(item["score"])), msg=item)

    def pages(self, user, query):
        """Every item of a feed, explained."""
        items, cursor = [], ""
        while cursor is not None:
            feed = self.feed(user, f"explain=1&{query}" + (f"&cursor={cursor}" if cursor else ""))
            items += feed["items"]
            cursor = feed["next_cursor"]
        return items

    def all_scores(self):
        """What readers of every kind are given: their feeds' scores in order, and the probes'."""
        users = ["nobody-yet", "reader-0", "reader-5", "fresh"]
        return {(user, model): [(item["article"]["id"], item["score"])
                                for item in self.feed(user, "limit=50&explain=1", model)["items"]] +
                               sorted(self.scores(user, ["probe-sport", "probe-city"], model).items())
                for user in users for model in ("learned", "straight")}

    def assert_same_scores(self, before, after):
        self.assertEqual(before.keys(), after.keys())
        for key, expected in before.items():
            self.assertEqual([name for name, _ in after[key]], [name for name, _ in expected], key)
            for (name, a), (_, b) in zip(after[key], expected):
                self.assertAlmostEqual(a, b, delta=1e-6, msg=(key, name))
