"""A model may give rare publishers a floor: at least one place in any six, as long as they have stories, on every page and
from one feed to the next. The same model without it hardly shows them. Once they are shown as much as others they are rare
no more."""
import json
import os
import shutil
import tempfile
import unittest

from server import Server
from learning import shipped
from test_walk import words

BIG, SMALL = 4, 2  # publishers
WINDOW = 6


def article(number, source, minute):
    return {"id": f"a{number}", "title": words(number), "language": "en", "source": source, "section": f"s{number % 5}",
            "published_at": f"2026-11-20T{12 - minute // 60:02d}:{59 - minute % 60:02d}:00Z"}


class FairShare(unittest.TestCase):
    def setUp(self):
        self.models = tempfile.mkdtemp(prefix="mynews-models-")
        self.addCleanup(shutil.rmtree, self.models, ignore_errors=True)
        plain = shipped("latest-first", name="default", diversity={"mmr_lambda": 1})
        fair = dict(plain, name="fair", diversity={"mmr_lambda": 1, "rare_sources": {"least": 1, "window": WINDOW}})
        for model in (plain, fair):
            with open(os.path.join(self.models, model["name"] + ".json"), "w", encoding="utf-8") as file:
                json.dump(model, file)
        config = os.path.join(self.models, "settings")
        with open(config, "w", encoding="utf-8") as file:
            json.dump({"models_dir": self.models}, file)
        self.server = Server("--config", config, "--clock", "manual:2026-11-20T13:00:00Z")
        self.addCleanup(self.server.clean)
        self.client = self.server.client()
        self.addCleanup(self.client.close)

    def sources(self, user, model, limit, pages=1):
        out, cursor = [], ""
        for _ in range(pages):
            status, feed = self.client.get(f"/v1/users/{user}/feed?model={model}&limit={limit}{cursor}")
            self.assertEqual(status, 200, feed)
            for item in feed["items"]:
                out.append(item["article"]["source"])
                event = {"user_id": user, "article_id": item["article"]["id"], "type": "impression", "feed_id": feed["feed_id"],
                         "position": item["position"]}
                self.assertEqual(self.client.post("/v1/events", event)[1]["accepted"], 1)
            cursor = "&cursor=" + (feed["next_cursor"] or "")
        return out

    def minute(self):
        self.assertEqual(self.client.post("/v1/admin/clock", {"advance_s": 60})[0], 200)

    def test_floor(self):
        """The small ones' 24 stories are older than all of the big ones', which latest-first shows first."""
        articles = [article(n, f"Big {n % BIG}", n % 120) for n in range(160)]
        articles += [article(200 + n, f"Small {n % SMALL}", 300 + n) for n in range(24)]
        self.assertEqual(self.client.post("/v1/articles", articles)[1]["accepted"], len(articles))
        shown = [{"user_id": f"r{n}", "article_id": f"a{n}", "type": "impression"} for n in range(160) for _ in range(3)]
        shown += [{"user_id": "r", "article_id": f"a{200 + n}", "type": "impression"} for n in range(24)]
        self.assertEqual(self.client.post("/v1/events", shown)[1]["accepted"], len(shown))
        self.minute()
        self.assertEqual([s for s in self.sources("ann", "default", 40) if "Small" in s], [])
        seen = self.sources("ben", "fair", 7, pages=6) + self.sources("ben", "fair", 20)
        windows = [seen[i:i + WINDOW] for i in range(len(seen) - WINDOW + 1)]
        self.assertEqual([w for w in windows if not any("Small" in s for s in w)], [])
        self.assertEqual(sum("Small" in s for s in seen), len(seen) // WINDOW)  # and no more than that
        status, feed = self.client.get("/v1/users/cat/feed?model=fair&limit=12")
        raised = [item["moved"] for item in feed["items"] if "Small" in item["article"]["source"]]
        self.assertEqual(len(raised), 2, feed)
        self.assertEqual(raised, [{"by": 155, "from": 161}, {"by": 150, "from": 162}])  # from behind all 160 to places 6, 12
        # Shown as much as the big ones, they need no floor.
        much = [{"user_id": f"q{k}", "article_id": f"a{200 + n}", "type": "impression"} for n in range(24) for k in range(40)]
        self.assertEqual(self.client.post("/v1/events", much)[1]["accepted"], len(much))
        self.minute()
        self.assertEqual([s for s in self.sources("dan", "fair", 20) if "Small" in s], [])


if __name__ == "__main__":
    unittest.main()
