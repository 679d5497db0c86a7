"""A model that learns, from outside: slates with what readers did of them go in, and what comes out is another order."""
import json
import os
import re
import signal
import unittest

from learning import DELAY, OPENED, SECTIONS, Learning, article, learned, straight
from server import run, select_wait
from test_walk import words


class Learn(Learning):
    # ---- (a) ----

    def new_stories(self, section, feed_id):
        """A server whose readers opened what is of that section; a reader like them; new stories of all, by section."""
        self.serve()
        for _ in range(4):
            self.teach(section, n_readers=16, feed_id=feed_id)
            self.advance(DELAY)
        self.post([{"user_id": "fresh", "article_id": f"a{SECTIONS.index(section) + 3 * n}", "type": "click"} for n in range(2)])
        status, answer = self.client.post("/v1/articles", [article(n, published_at="2026-11-20T13:00:00Z")
                                                           for n in range(100, 130)])
        self.assertEqual((status, answer["accepted"]), (200, 30))
        items = [item for item in self.pages("fresh", "limit=20") if int(item["article"]["id"][1:]) >= 100]
        self.assertEqual(len(items), 30)
        return {s: [item for item in items if item["article"]["section"] == s] for s in SECTIONS}

    @staticmethod
    def lead(stories, section):
        """How far the last of a section is ahead of the first of the others."""
        return min(item["score"] for item in stories[section]) - max(
            item["score"] for other in SECTIONS if other != section for item in stories[other])

    @staticmethod
    def of_section(item):
        """What stage two's columns and crosses of sections add to a score."""
        return sum(r["contribution"] for r in item["reasons"]
                   if r["code"] in ("section_all", "section_recent", "section_next", "cross_section_top", "cross_section_hour"))

    def test_what_readers_open_rises_for_one_like_them_and_the_reasons_say_so(self):
        for section in ("sport", "city"):
            with self.subTest(section=section):
                # The same events without the feeds they came from: profiles and counters alike, and nothing to learn.
                untaught = self.new_stories(section, feed_id=False)
                for item in (item for items in untaught.values() for item in items):
                    self.assertEqual(self.of_section(item), 0)
                self.assertEqual(self.server.stop(), 0)
                taught = self.new_stories(section, feed_id=True)
                self.assertGreater(self.lead(taught, section), self.lead(untaught, section) + 0.1)
                # No reader was shown any of these: it comes from the section, and rows say so.
                for item in taught[section]:
                    self.assertGreater(self.of_section(item), 0.1)
                    status, why = self.client.get(f"/v1/users/fresh/explain/{item['article']['id']}?model=learned")
                    self.assertEqual((status, why["why"]), (200, "eligible"))
                    self.assert_sums(why["item"])
                    self.assertGreater(self.of_section(why["item"]), 0.1)
                    self.assertAlmostEqual(why["item"]["score"], why["score"], delta=1e-6)
                for item in (item for other in SECTIONS if other != section for item in taught[other]):
                    self.assertLess(self.of_section(item), 0)
                self.assertEqual(self.server.stop(), 0)

    def test_rows_sum_to_the_score_everywhere(self):
        self.serve()
        for model in ("learned", "straight"):
            self.teach(model=model)
            self.advance(DELAY)
        self.put_probes()
        self.post([{"user_id": "reader-0", "article_id": "a1", "type": "like"}])
        status, _ = self.client.ask("PUT", "/v1/pins/a7", {"position": 2})
        self.assertIn(status, (200, 201))
        n = 0
        for user in ("reader-0", "reader-3", "nobody-yet"):
            for model in ("learned", "straight"):
                cursor = ""
                while cursor is not None:
                    feed = self.feed(user, "explain=1&limit=9" + (f"&cursor={cursor}" if cursor else ""), model)
                    for item in feed["items"]:
                        self.assert_sums(item)
                        self.assertNotIn("other", {r["code"] for r in item["reasons"]})
                        self.assertTrue(all(r["text"] not in ("", r["code"]) for r in item["reasons"]), item)
                        n += 1
                    cursor = feed["next_cursor"]
                for number in range(0, 60, 7):  # read ones among them
                    status, why = self.client.get(f"/v1/users/{user}/explain/a{number}?model={model}")
                    self.assertEqual(status, 200)
                    self.assert_sums(why["item"])
                self.scores(user, [f"a{number}" for number in range(40)], model)
        self.assertGreater(n, 300)

    def test_what_a_reader_is_told_is_true(self):
        self.serve()
        self.new_feed = self.teach()
        self.advance(DELAY)
        told = set()
        for user in ("reader-0", "reader-1", "fresh", "nobody-yet"):
            for item in self.feed(user, "limit=50")["items"]:
                self.assertLessEqual(len(item["reasons"]), 3)
                for reason in item["reasons"]:
                    self.assertGreater(reason["contribution"], 0)
                    told.add(reason["text"])
                    if reason["text"] == "Shown to you before":
                        self.assertTrue(user.startswith("reader"))
                    if reason["text"].startswith("You read the section"):
                        self.assertEqual((user[:6], reason["text"]), ("reader", f"You read the section {item['article']['section']}"))
        self.assertIn(f"You read the section {OPENED}", told)

    # ---- (b), (c), (f) ----

    def test_nothing_is_learnt_before_its_time(self):
        self.serve()
        self.put_probes()
        self.teach()
        self.advance(DELAY - 1)
        self.assertEqual(self.gap(), 0)
        self.advance(1)
        self.assertGreater(self.gap(), 0.01)

    def test_what_teaches_nothing(self):
        self.serve()
        self.put_probes()
        for n in range(4):  # neither seen nor opened
            self.feed(f"idle-{n}")
        for n in range(4):  # seen, nothing opened
            self.post(self.seen(f"looker-{n}", self.feed(f"looker-{n}"), section="none"))
        self.teach(feed_id=False, first=20)  # opened, but not said from where
        for n in range(4):  # opened, and taken back in time
            user = f"sorry-{n}"
            events = self.seen(user, self.feed(user))
            for number, event in enumerate(events):
                event["id"] = f"{user}-{number}"
            self.post(events)
            for event in events:
                if event["type"] == "click":
                    self.assertEqual(self.client.ask("DELETE", f"/v1/events/{event['id']}")[0] // 100, 2)
        # Another reader's slate, once that reader is known.
        self.post([{"user_id": "owner", "article_id": "a2", "type": "click"}])
        self.post(self.seen("thief", self.feed("owner")))
        # Events of a name of the application's own are no choice.
        feed = self.feed("custom")
        self.post([{"user_id": "custom", "article_id": item["article"]["id"], "type": "custom:unfolded",
                    "feed_id": feed["feed_id"], "position": item["position"]} for item in feed["items"][::2]])
        self.advance(DELAY)
        self.advance(DELAY)
        self.assertEqual(self.gap(), 0)
        for user in ("idle-0", "looker-1", "sorry-2", "owner", "thief", "custom"):
            self.assertEqual(self.learnt_records(user), 0, user)
        self.teach()  # and the test can tell
        self.advance(DELAY)
        self.assertGreater(self.gap(), 0.01)
        self.assertEqual(self.learnt_records("reader-0"), 1)

    def learnt_records(self, user):
        status, export = self.client.get(f"/v1/users/{user}/export")
        return 0 if status == 404 else sum(record["kind"] == "learn" for record in export["log"])

    def test_one_of_two_clicks_taken_back_is_still_a_click(self):
        """The first of them or the second; both taken back are none."""
        for taken_back, learnt in (((0,), 1), ((1,), 1), ((0, 1), 0), ((1, 0), 0)):
            with self.subTest(taken_back=taken_back):
                self.serve()
                self.put_probes()
                feed = self.feed("twice")
                opened = next(item["article"]["id"] for item in feed["items"] if item["article"]["section"] == OPENED)
                events = [{"user_id": "twice", "article_id": item["article"]["id"], "type": "impression",
                           "feed_id": feed["feed_id"]} for item in feed["items"]]
                events += [{"id": f"c{n}", "user_id": "twice", "article_id": opened, "type": "click",
                            "feed_id": feed["feed_id"]} for n in range(2)]
                self.post(events)
                for n in taken_back:
                    self.assertEqual(self.client.ask("DELETE", f"/v1/events/c{n}")[0] // 100, 2)
                self.advance(DELAY)
                self.assertEqual(self.learnt_records("twice"), learnt)
                self.assertEqual(self.gap() > 0, learnt > 0)
                self.assertEqual(self.server.stop(), 0)

    def test_a_click_taken_back_when_it_was_learnt(self):
        """Weights are not unlearnt; the slate is never learnt from again."""
        for checkpointed in (False, True):
            with self.subTest(checkpointed=checkpointed):
                self.serve()
                self.put_probes()
                feed = self.feed("sorry")
                events = [dict(event, id=f"e{number}") for number, event in enumerate(self.seen("sorry", feed))]
                self.post(events)
                self.advance(DELAY)
                learnt = self.gap()
                self.assertGreater(learnt, 0.01)
                if checkpointed:
                    self.advance(600)
                    self.wait_for_checkpoint()
                    learnt = self.gap()
                number = int(feed["feed_id"][2:], 16).to_bytes(8, "little")
                before = self.bytes_of(self.copy("compact", self.copy("backup"))).count(number)
                click = next(event for event in events if event["type"] == "click")
                self.assertEqual(self.client.ask("DELETE", f"/v1/events/{click['id']}")[0] // 100, 2)
                self.assertEqual(self.gap(), learnt)
                self.assertEqual(self.bytes_of(self.copy("compact", self.copy("backup"))).count(number), before - 1)  # the example
                self.restart(crash=True)
                self.assertEqual(self.gap(), learnt if checkpointed else 0)
                self.assertEqual(self.server.stop(), 0)

    def test_a_reader_of_whom_nothing_was_known_teaches(self):
        self.serve()
        self.put_probes()
        feed = self.feed("stranger")
        self.assertEqual(self.client.get("/v1/users/stranger/export")[0], 404)
        self.advance(DELAY // 2)
        self.post(self.seen("stranger", feed))
        self.advance(DELAY // 2)
        self.assertEqual(self.learnt_records("stranger"), 1)
        self.assertGreater(self.gap(), 0)

    def test_later_pages_teach_too(self):
        self.serve()
        self.put_probes()
        feed = self.feed("pager", "limit=6")
        feed = self.feed("pager", f"limit=6&cursor={feed['next_cursor']}")
        self.assertEqual(feed["items"][0]["position"], 7)
        self.post(self.seen("pager", feed))
        self.advance(DELAY)
        self.assertEqual(self.learnt_records("pager"), 1)
        self.assertNotEqual(self.gap(), 0)

    # ---- (d) ----

    def wait_for_checkpoint(self):
        for _ in range(500):
            stats = self.client.get("/v1/stats")[1]
            if stats["checkpoint_sequence"] == stats["sequence"]:
                return
            select_wait(0.02)
        self.fail("no checkpoint came")

    def test_what_was_learnt_survives(self):
        """By replay of the log's tail alone, from a checkpoint alone, and from both."""
        for n_before, n_after, crash in ((0, 2, True), (2, 0, True), (2, 2, True), (2, 2, False)):
            with self.subTest(checkpointed=n_before, replayed=n_after, crash=crash):
                self.serve()
                self.put_probes()
                self.post([{"user_id": "fresh", "article_id": "a2", "type": "click"}])
                for _ in range(n_before):
                    self.teach()
                    self.teach(model="straight", first=4)
                    self.advance(DELAY)
                if n_before:
                    self.advance(600)
                    self.wait_for_checkpoint()
                checkpoint = self.client.get("/v1/stats")[1]["checkpoint_sequence"]
                for _ in range(n_after):
                    self.teach()
                    self.teach(model="straight", first=4)
                    self.advance(DELAY)
                self.assertEqual(self.client.get("/v1/stats")[1]["checkpoint_sequence"], checkpoint)
                before = self.all_scores()
                self.assertGreater(self.gap(), 0.01)
                self.assertGreater(self.gap(model="straight"), 0.01)
                self.restart(crash)
                self.assert_same_scores(before, self.all_scores())
                # It learns on as it would have: the same slates into both.
                self.restart(crash=True)
                self.assert_same_scores(before, self.all_scores())

    # ---- (e) ----

    def copy(self, command, of=None):
        to = os.path.join(self.folder(), "copy")
        status, _, error = run(command, "--data", of or self.server.data, "--to", to)
        self.assertEqual(status, 0, error)
        return to

    def bytes_of(self, folder):
        with open(os.path.join(folder, "data.mdb"), "rb") as file:
            return file.read()

    def test_an_erased_reader_leaves_no_example(self):
        user = "somebody-to-forget-4711"
        self.serve()
        self.put_probes()
        feeds = []
        # Known from the start: a slate of before is nobody's, and says of nobody what was shown.
        self.post([{"user_id": user, "article_id": "a2", "type": "click"}])
        for _ in range(3):
            feeds.append(self.feed(user))
            self.post(self.seen(user, feeds[-1]))
            self.advance(DELAY)
        feeds.append(self.feed(user, "limit=5"))
        self.post(self.seen(user, feeds[-1]))  # waits, and is not to be learnt
        self.assertEqual(self.learnt_records(user), 3)
        numbers = [int(feed["feed_id"][2:], 16) for feed in feeds]
        kept = self.bytes_of(self.copy("backup"))
        self.assertGreater(kept.count(user.encode()), 0)
        for number in numbers[:3]:  # slate, events' records and example
            self.assertGreaterEqual(kept.count(number.to_bytes(8, "little")), 3)
        learnt = self.gap()
        self.assertEqual(self.client.ask("DELETE", f"/v1/users/{user}")[0] // 100, 2)
        self.assertEqual(self.client.get(f"/v1/users/{user}/export")[0], 404)
        self.advance(DELAY)
        # Weights are not unlearnt, and nothing is added; what words draw has faded by a minute.
        self.assertAlmostEqual(self.gap(), learnt, delta=1e-3)
        self.restart(crash=True)
        self.assertEqual(self.client.get(f"/v1/users/{user}/export")[0], 404)
        self.client.close()
        self.assertEqual(self.server.stop(), 0)
        left = self.bytes_of(self.copy("compact"))
        self.assertEqual(left.count(user.encode()), 0)
        for number in numbers:
            self.assertEqual((left.count(number.to_bytes(8, "little")), left.count(number.to_bytes(8, "big"))), (0, 0))
        self.assertEqual(run("check", "--data", self.server.data), (0, "nothing wrong\n", ""))

    def test_an_erased_readers_waiting_slate_is_not_learnt(self):
        self.serve()
        self.put_probes()
        for n in range(3):
            self.post(self.seen(f"gone-{n}", self.feed(f"gone-{n}")))
            self.assertEqual(self.client.ask("DELETE", f"/v1/users/gone-{n}")[0] // 100, 2)
        self.post([{"user_id": "gone-0", "article_id": "a2", "type": "click"}])  # the same name again is somebody new
        self.advance(DELAY)
        self.assertEqual(self.gap(), 0)
        self.assertEqual(self.learnt_records("gone-0"), 0)

    # ---- (g) ----

    def reload(self, refused=False):
        before = self.server.log_text()
        self.server.process.send_signal(signal.SIGHUP)
        for _ in range(1500):
            new = self.server.log_text()[len(before):]
            answer = re.search('"event":"(reloaded|reload_refused)"', new)
            if answer:
                self.assertEqual(answer[1] == "reload_refused", refused, new)
                return
            select_wait(0.02)
        self.fail("no answer to SIGHUP")

    def test_models_that_change_under_way(self):
        self.serve()
        self.put_probes()
        self.teach()
        self.teach(model="straight", first=4)
        self.advance(DELAY)
        learnt, straight_learnt = self.gap(), self.gap(model="straight")
        self.assertGreater(learnt, 0.01)
        self.reload()  # the same files
        self.assertEqual(self.gap(), learnt)
        changed = learned()
        changed["weights"]["fresh"] = 0.35  # the same shape and version: an editor's touch
        self.put_model(changed)
        self.reload()
        self.assertEqual(self.gap(), learnt)
        for text in ("{", '{"name":"learned"}', json.dumps(learned(version="2", kind="no such")),
                     json.dumps(dict(learned(version="2"), learn={"hidden": 65}))):
            self.put_model(None, text)
            self.reload(refused=True)
            self.assertEqual(self.gap(), learnt)
            self.assertEqual(self.feed("u", "limit=1")["model_version"], "1")
        self.put_model(changed)
        self.reload()
        self.teach(first=20)  # still learns
        self.advance(DELAY)
        self.assertNotEqual(self.gap(), learnt)
        self.put_model(learned(version="2"))  # another version begins anew, and the other model stays
        straight_now = self.gap(model="straight")
        self.reload()
        self.assertEqual(self.feed("u", "limit=1")["model_version"], "2")
        self.assertEqual(self.gap(), 0)
        self.assertEqual(self.gap(model="straight"), straight_now)
        self.assertGreater(straight_learnt, 0)

    def test_a_new_version_takes_nothing_of_the_old_ones_along(self):
        """Neither before nor after a restart, though the store held what the old one had learnt."""
        self.serve(checkpoint_s=1)
        self.put_probes()
        self.teach()
        self.advance(DELAY)
        self.advance(10)
        self.wait_for_checkpoint()
        self.put_model(learned(version="2"))
        self.reload()
        self.assertEqual(self.gap(), 0)
        self.teach("city", n_readers=2, first=30)
        self.advance(DELAY)
        self.advance(10)
        self.wait_for_checkpoint()
        before = self.all_scores()
        for crash in (True, False):
            self.restart(crash)
            self.assert_same_scores(before, self.all_scores())


if __name__ == "__main__":
    unittest.main(verbosity=2)
