"""How live slates are watched: every model's that brought them into order, each when its own time has come."""
import time
import unittest

from learning import DELAY, Learning, article, learned, shipped
from server import select_wait


class Watch(Learning):
    def setUp(self):
        super().setUp()
        self.put_model(shipped("default", learn={"delay_s": DELAY}))
        slow = learned(name="slow")
        slow["learn"]["delay_s"] = 3600
        self.put_model(slow)
        self.serve()
        # No two stories alike to anyone.
        self.client.post("/v1/articles", [article(n, boost=1 + n / 100) for n in range(60)])

    def learning(self, **wanted):
        """As soon as it says so: what waits is counted between batches."""
        deadline = time.monotonic() + 60
        while True:
            learning = self.client.get("/v1/stats")[1]["learning"]
            if all(learning[name] == value for name, value in wanted.items()):
                return {model["model"]: model for model in learning["models"]}
            self.assertLess(time.monotonic(), deadline, (wanted, learning))
            select_wait(0.005)

    def test_a_slate_that_waits_long_holds_up_no_other(self):
        self.feed("slow-reader", model="slow")
        self.teach(n_readers=4)
        self.learning(learnt=0, pending=5)
        self.advance(DELAY + 1)
        self.learning(learnt=4, pending=1)
        self.advance(3600)
        self.learning(learnt=4, pending=0)

    def test_linear_models_are_watched_and_teach_nothing(self):
        self.teach(model="default", n_readers=6)
        self.learning(learnt=0, pending=0, watched=6)
        self.advance(DELAY + 1)
        model = self.learning(learnt=0, pending=0, watched=0)["default"]
        self.assertEqual((model["slates"], model["scored"], model["calibration"]), (6, 6, None))
        metrics = self.client.get("/metrics")[1].decode()
        self.assertIn(f'mynews_model_auc{{model="default"}} {model["auc"]:.9g}\n', metrics)
        self.assertNotIn('mynews_model_calibration{model="default"}', metrics)

    def test_areas_are_those_of_the_scores(self):
        """Of each pair of an opened story and another the opened one scores more, or does not."""
        opened, n_won = {2, 3, 7}, 0
        feed = self.feed("reader-top", model="default")
        self.open(feed, opened)
        self.advance(DELAY + 1)
        scores = {item["position"]: item["score"] for item in feed["items"]}
        self.assertEqual(len(set(scores.values())), 12)
        for position in opened:
            n_won += sum(scores[position] > score for other, score in scores.items() if other not in opened)
        model = self.learning(watched=0)["default"]
        self.assertAlmostEqual(model["auc"], n_won / (3 * 9))
        self.assertAlmostEqual(model["click_through"], 3 / 12)

    def test_by_time_alone_is_no_models_order(self):
        self.open(self.feed("reader-top", "limit=12&order=latest", "default"), {1})
        self.learning(pending=0, watched=0)
        self.advance(DELAY + 1)
        self.assertEqual(self.learning(), {})

    def test_later_pages_are_watched_under_the_models_name(self):
        first = self.feed("reader-pages", query="limit=6")
        second = self.feed("reader-pages", query="limit=6&cursor=" + first["next_cursor"])
        best = max(second["items"], key=lambda item: item["score"])
        self.open(second, {best["position"]})
        self.advance(DELAY + 1)
        models = self.learning(pending=0)
        self.assertEqual(list(models), ["learned"])
        self.assertEqual([models["learned"][name] for name in ("slates", "scored", "auc")], [2, 1, 1])

    def open(self, feed, positions):
        seen = self.seen(self.reader, feed, section=None)
        self.post(seen + [dict(event, type="click") for event in seen if event["position"] in positions])

    def feed(self, user, query="limit=12", model="learned"):
        self.reader = user
        return super().feed(user, query, model)


if __name__ == "__main__":
    unittest.main()
