"""The main job end to end: stories in, clicks in, a changed feed out, durable."""
import hashlib
import json
import os
import sys
import unittest

from server import SAMPLE, Server, read_lines, run


def words(number):
    """Six words that no other number has, so that no two articles look like one story."""
    return " ".join("".join(chr(97 + (number * 7919 + k * 104729 + j * 31 * (number + k)) % 26) for j in range(5)) + f"x{number}y{k}"
                    for k in range(6))


def article(number, **fields):
    return dict({"id": f"a{number}", "title": words(number), "language": "en", "source": f"paper {number % 5}",
                 "section": "city", "topics": [f"topic {number % 7}"], "published_at": "2026-11-20T12:00:00Z"}, **fields)


class Walk(unittest.TestCase):
    def setUp(self):
        self.server = Server("--clock", "manual:2026-11-20T13:00:00Z")
        self.client = self.server.client()
        self.addCleanup(self.server.clean)
        self.addCleanup(self.client.close)

    def restart(self, crash):
        self.client.close()
        self.server.kill() if crash else self.assertEqual(self.server.stop(), 0)
        self.server.start()
        self.client = self.server.client()
        self.addCleanup(self.client.close)

    def feed_ids(self, user, query=""):
        status, feed = self.client.get(f"/v1/users/{user}/feed?{query}")
        self.assertEqual(status, 200, feed)
        return [item["article"]["id"] for item in feed["items"]]

    def test_click_changes_the_feed_and_survives(self):
        status, answer = self.client.post("/v1/articles", [article(n) for n in range(20)])
        self.assertEqual((status, answer["accepted"]), (200, 20))
        before = self.feed_ids("u")
        status, answer = self.client.post("/v1/events", {"user_id": "u", "article_id": "a3", "type": "like"})
        self.assertEqual((status, answer["accepted"]), (200, 1))
        after = self.feed_ids("u")
        self.assertIn("a3", before)
        self.assertNotIn("a3", after)
        self.assertIn(after[0], ("a10", "a17"))  # the others of topic 3
        for crash in (True, False):
            self.restart(crash)
            self.assertEqual(self.feed_ids("u"), after)
            self.assertEqual(run("check", "--data", self.server.data)[0], 0)

    def test_explained_contributions_sum_to_the_score(self):
        self.client.post("/v1/articles", [article(n) for n in range(20)])
        self.client.post("/v1/events", {"user_id": "u", "article_id": "a3", "type": "like"})
        _, feed = self.client.get("/v1/users/u/feed?explain=1")
        self.assertEqual(len(feed["items"]), 19)
        for item in feed["items"]:
            total = sum(reason["contribution"] for reason in item["reasons"])
            self.assertAlmostEqual(total, item["score"], delta=1e-4 * max(1, abs(item["score"])))

    def test_a_duplicate_counts_once_and_undo_is_exact(self):
        self.client.post("/v1/articles", [article(n) for n in range(20)])
        self.client.post("/v1/events", {"id": "e1", "user_id": "u", "article_id": "a1", "type": "click"})
        before = (self.client.get("/v1/users/u/interests")[1], self.feed_ids("u"))
        event = {"id": "e2", "user_id": "u", "article_id": "a3", "type": "like"}
        self.client.post("/v1/events", event)
        status, answer = self.client.post("/v1/events", event)
        self.assertEqual(answer["duplicates"], 1)
        self.assertNotEqual(self.client.get("/v1/users/u/interests")[1], before[0])
        self.assertEqual(self.client.ask("DELETE", "/v1/events/e2")[0] // 100, 2)
        self.assertEqual((self.client.get("/v1/users/u/interests")[1], self.feed_ids("u")), before)
        self.assertEqual(self.client.ask("DELETE", "/v1/events/never")[0], 404)
        self.restart(crash=True)
        self.assertEqual((self.client.get("/v1/users/u/interests")[1], self.feed_ids("u")), before)

    def test_an_id_made_here_undoes_that_event_alone(self):
        self.client.post("/v1/articles", [article(n) for n in range(5)])
        event = {"user_id": "u", "article_id": "a1", "type": "click"}
        made = self.client.post("/v1/events", event)[1]["results"][0]["id"]
        status, answer = self.client.post("/v1/events", {"id": made, "user_id": "v", "article_id": "a2", "type": "click"})
        self.assertEqual((status, answer["errors"][0]["pointer"]), (400, "/id"), answer)
        self.assertEqual(len(self.client.get("/v1/users/u/history")[1]["items"]), 1)
        self.assertEqual(self.client.ask("DELETE", "/v1/events/" + made)[0], 204)
        self.assertEqual(self.client.get("/v1/users/u/history")[1]["items"], [])

    def test_export_has_all_that_an_event_said(self):
        self.client.post("/v1/articles", article(1))
        event = {"user_id": "u", "article_id": "a1", "type": "custom:vote", "value": -2.5, "dwell_s": 12, "scroll": 0.5, "position": 3,
                 "feed_id": self.client.get("/v1/users/u/feed")[1]["feed_id"], "at": self.client.get("/v1/stats")[1]["now"]}
        self.assertEqual(self.client.post("/v1/events", event)[0], 200)
        log = self.client.get("/v1/users/u/export")[1]["log"]
        (kept,) = [entry for entry in log if entry["kind"] == "event"]
        self.assertEqual(kept["type"] + ":" + kept["custom"], event["type"])
        for name in ("article_id", "value", "dwell_s", "scroll", "position", "feed_id", "at"):
            self.assertEqual(kept.get(name), event[name], name)

    def test_an_interest_is_read_as_it_was_set(self):
        for weight in (3, -0.5, 16, 0):
            change = {"topics": [{"topic": "section:sport", "weight": weight, "follow": True}]}
            status, answer = self.client.ask("PATCH", "/v1/users/u/interests", change)
            self.assertEqual(status, 200, answer)
            (interest,) = answer["topics"]
            self.assertEqual((interest["topic"], interest["follow"]), ("section:sport", True))
            self.assertAlmostEqual(interest["weight"], weight, places=3)
            self.assertAlmostEqual(interest["short_term"], weight / 2, places=3)

    def test_erase_leaves_nothing(self):
        user = "somebody-to-forget-4711"
        self.client.post("/v1/articles", [article(n) for n in range(20)])
        for n in range(10):
            self.client.post("/v1/events", {"id": f"x{n}", "user_id": user, "article_id": f"a{n}", "type": "click"})
            self.feed_ids(user, "limit=3")
        tokens = [self.client.post(f"/v1/users/{user}/tokens", {"scope": "feed"})[1]["token"] for _ in range(16)]
        self.assertEqual(self.client.get(f"/v1/users/{user}/export")[0], 200)
        self.assertEqual(self.client.ask("DELETE", f"/v1/users/{user}")[0] // 100, 2)
        self.assertEqual(self.client.get(f"/v1/users/{user}/export")[0], 404)
        self.client.close()
        self.assertEqual(self.server.stop(), 0)
        self.assertEqual(run("check", "--data", self.server.data)[0], 0)
        copy = self.server.data + ".copy"
        self.addCleanup(lambda: __import__("shutil").rmtree(copy, ignore_errors=True))
        status, _, error = run("compact", "--data", self.server.data, "--to", copy)
        self.assertEqual(status, 0, error)
        with open(os.path.join(copy, "data.mdb"), "rb") as file:
            left = file.read()
        self.assertEqual(left.count(user.encode()), 0)
        for token in tokens:
            self.assertEqual(left.count(hashlib.sha256(token.encode()).digest()), 0)
        self.server.start()

    def test_a_compacted_copy_forgets_what_nothing_names(self):
        self.client.post("/v1/articles", [article(n) for n in range(20)]
                         + [article(20, topics=["read-and-gone"]), article(21, topics=["never-read-and-gone"])])
        self.client.post("/v1/events", {"user_id": "u", "article_id": "a20", "type": "like"})
        for gone in ("a20", "a21"):
            self.assertEqual(self.client.ask("DELETE", f"/v1/articles/{gone}")[0] // 100, 2)
        _, before = self.client.get("/v1/users/u/feed?explain=1")
        interests = self.client.get("/v1/users/u/interests")
        self.client.close()
        self.assertEqual(self.server.stop(), 0)
        copy = self.server.data + ".copy"
        self.addCleanup(lambda: __import__("shutil").rmtree(copy, ignore_errors=True))
        self.assertEqual(run("compact", "--data", self.server.data, "--to", copy)[0], 0)
        self.assertEqual(run("check", "--data", copy)[1], "nothing wrong\n")
        with open(os.path.join(copy, "data.mdb"), "rb") as file:
            data = file.read()
        self.assertNotIn(b"never-read-and-gone", data)
        self.assertIn(b"topic:read-and-gone", data)
        original, self.server.data = self.server.data, copy
        self.addCleanup(setattr, self.server, "data", original)
        self.server.start()
        self.client = self.server.client()
        self.addCleanup(self.client.close)
        _, after = self.client.get("/v1/users/u/feed?explain=1")
        self.assertEqual(after["items"], before["items"])
        self.assertEqual(self.client.get("/v1/users/u/interests"), interests)
        self.client.post("/v1/articles", [article(n) for n in range(22, 40)])
        self.assertEqual(self.client.get("/v1/articles/a30")[1]["topics"], ["topic 2"])
        self.client.close()
        self.assertEqual(self.server.stop(), 0)
        self.assertEqual(run("check", "--data", copy)[1], "nothing wrong\n")

    def test_paging_never_repeats_or_skips_while_things_arrive(self):
        first = [article(n, topics=[f"t{n}"]) for n in range(500)]
        self.client.post("/v1/articles", first)
        seen, cursor, pages = [], "", 0
        while True:
            status, feed = self.client.get("/v1/users/pager/feed?limit=30" + (f"&cursor={cursor}" if cursor else ""))
            self.assertEqual(status, 200, feed)
            seen += [item["article"]["id"] for item in feed["items"]]
            cursor = feed["next_cursor"]
            if not cursor:
                break
            pages += 1
            new = range(1000 + pages * 63, 1000 + pages * 63 + 63)
            status, answer = self.client.post("/v1/articles", [article(n) for n in new])
            self.assertEqual((status, answer["accepted"]), (200, 63))
            status, answer = self.client.post("/v1/events", [{"user_id": "pager", "article_id": f"a{n}", "type": "impression"}
                                                             for n in new])
            self.assertEqual((status, answer["accepted"]), (200, 63))
            if pages in (3, 9):
                self.restart(crash=False)
        self.assertGreaterEqual(pages * 63, 1000)  # articles and events that came in between
        self.assertEqual(len(seen), len(set(seen)))
        self.assertEqual(set(seen), {a["id"] for a in first})

    def test_caps_hold_from_one_feed_to_the_next(self):
        """models/default.json: at most two of a source in any six positions."""
        self.client.post("/v1/articles", [article(n, source="The Loud One" if n < 20 else f"paper {n % 6}",
                                                  topics=["loud"] if n < 20 else [f"topic {n % 7}"]) for n in range(60)])
        self.client.post("/v1/events", {"user_id": "u", "article_id": "a0", "type": "like"})
        sources = []

        def see(feed):
            for item in feed["items"]:
                sources.append(item["article"]["source"])
            self.client.post("/v1/events", [{"user_id": "u", "article_id": item["article"]["id"], "type": "impression",
                                             "feed_id": feed["feed_id"], "position": item["position"]}
                                            for item in feed["items"]])

        for _ in range(6):
            first = self.client.get("/v1/users/u/feed?limit=2")[1]
            again = self.client.get("/v1/users/u/feed?limit=2")[1]
            self.assertEqual(first["items"], again["items"])  # what was not seen does not count
            see(first)
            see(self.client.get(f"/v1/users/u/feed?limit=3&cursor={first['next_cursor']}")[1])
        self.assertEqual(sources[:2], ["The Loud One"] * 2)
        for i in range(len(sources) - 5):
            self.assertLessEqual(max(sources[i:i + 6].count(s) for s in sources), 2, sources)

    def test_the_sample_reads_itself_in(self):
        for name in ("stories.ndjson", "corrections.ndjson"):
            with open(os.path.join(SAMPLE, name), "rb") as file:
                status, answer = self.client.ask("POST", "/v1/articles", file.read(),
                                                 {"Content-Type": "application/x-ndjson"})
            self.assertEqual((status, answer["rejected"]), (200, 0), answer)
        self.assertEqual(len(read_lines("stories.ndjson")), 150)
        with open(os.path.join(SAMPLE, "editions.json"), encoding="utf-8") as file:
            editions = json.load(file)
        for edition in editions:
            self.assertIn(self.client.ask("PUT", f"/v1/editions/{edition.pop('key')}", edition)[0], (200, 201))
        status, feed = self.client.get("/v1/users/new/feed?edition=bangkok&limit=50&lang=th")
        self.assertEqual(status, 200)
        self.assertGreater(len(feed["items"]), 20)


if __name__ == "__main__":
    unittest.main(verbosity=2)
