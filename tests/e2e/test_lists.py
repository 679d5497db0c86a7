"""Lists that are nobody's: articles by filter and search, latest, trending, related."""
import unittest

from server import Server


def article(number, title, **fields):
    return dict({"id": f"a{number}", "title": title, "language": "en", "source": "Citywire", "section": "city",
                 "published_at": f"2026-11-20T12:{number:02}:00Z"}, **fields)


class Lists(unittest.TestCase):
    def setUp(self):
        self.server = Server("--clock", "manual:2026-11-20T13:00:00Z")
        self.client = self.server.client()
        self.addCleanup(self.server.clean)
        self.addCleanup(self.client.close)

    def store(self, *articles):
        status, answer = self.client.post("/v1/articles", list(articles))
        self.assertEqual((status, answer["rejected"]), (200, 0), answer)

    def ids(self, path):
        status, answer = self.client.get(path)
        self.assertEqual(status, 200, answer)
        return [item["article"]["id"] for item in answer["items"]]

    def search(self, words):
        from urllib.parse import quote
        return self.ids("/v1/articles?q=" + quote(words))

    def test_search_wants_every_word_in_the_title_or_the_vector(self):
        self.store(
            article(1, "Flooding closes three bridges", topics=["weather"], body="The consignments of wheat were lost."),
            article(2, "Bridges reopen after the storm", topics=["roads"]),
            article(3, "Storm drains: who pays?", topics=["weather", "budget"]),
            article(4, "Un pont fermé après les inondations", language="fr", topics=["météo"]),
            article(5, "น้ำท่วมปิดสะพานสามแห่ง", language="th", topics=["น้ำท่วม"]),
        )
        for words, expected in (
                ("bridges", ["a2", "a1"]),
                ("BRIDGE", ["a2", "a1"]),          # the beginning of a word, whatever its case
                ("ridges", []),                    # not its end
                ("bridges storm", ["a2"]),         # every word
                ("weather", ["a3", "a1"]),         # a topic
                ("weather pays", ["a3"]),          # one in the vector, one in the title
                ("consigning wheat", ["a1"]),      # by their stems, from the body
                ("inondation", ["a4"]),
                ("สะพาน", ["a5"]),                  # inside a title without spaces
                ("ＢＲＩＤＧＥＳ", ["a2", "a1"]),   # full-width letters are the same letters
                ("citywire", ["a5", "a4", "a3", "a2", "a1"]),
                ("nothing", []),
                ("???", []),
        ):
            with self.subTest(words=words):
                self.assertEqual(self.search(words), expected)
        self.assertEqual(self.ids("/v1/articles?q=bridges&language=fr"), [])
        self.assertEqual(self.ids("/v1/articles?topic=weather&q=bridges"), ["a1"])

    def test_articles_lists_every_report_and_latest_one_a_story(self):
        report = "Fire at the old market hall in the city centre destroys forty stalls"
        self.store(*[article(n, report, source=f"Source {n}", summary="Forty stalls burnt overnight at the market hall.")
                     for n in range(3)], article(9, "Council votes on water tariffs"))
        status, feed = self.client.get("/v1/latest")
        self.assertEqual(len(feed["items"]), 2)
        self.assertEqual(sorted(item["story"]["size"] for item in feed["items"]), [1, 3])
        self.assertEqual(self.ids("/v1/articles"), ["a9", "a2", "a1", "a0"])

    def test_a_list_pages_to_its_end_while_articles_arrive(self):
        words = [f"w{n}x{k}" for n in range(450) for k in range(5)]
        self.store(*[article(0, " ".join(words[n * 5:n * 5 + 5]), id=f"b{n}",
                             published_at=f"2026-11-{1 + n % 19:02}T10:{n // 19:02}:00Z") for n in range(450)])
        seen, cursor, pages = [], "", 0
        while True:
            status, page = self.client.get("/v1/articles?limit=40" + (f"&cursor={cursor}" if cursor else ""))
            self.assertEqual(status, 200, page)
            seen += [item["article"]["id"] for item in page["items"]]
            cursor, pages = page["next_cursor"], pages + 1
            self.store(article(pages, f"Late arrival number{pages} cluster{pages} blue{pages} green{pages}"))
            if not cursor:
                break
        times = {f"b{n}": (1 + n % 19, n // 19) for n in range(450)}
        self.assertEqual(len(seen), 450)
        self.assertEqual(set(seen), set(times))
        self.assertEqual([times[i] for i in seen], sorted(times.values(), reverse=True))

    def test_trending_follows_the_clicks_and_needs_no_user(self):
        self.store(*[article(n, f"Story number{n} about thing{n} and matter{n}") for n in range(4)])
        for user in range(5):
            self.client.post("/v1/events", {"user_id": f"u{user}", "article_id": "a1", "type": "click"})
        self.client.post("/v1/events", {"user_id": "u9", "article_id": "a2", "type": "click"})
        self.assertEqual(self.ids("/v1/trending"), ["a1", "a2", "a3", "a0"])
        etag = self.client.headers["ETag"]
        self.assertEqual(self.client.get("/v1/trending", **{"If-None-Match": etag})[0], 304)

    def test_related_leaves_its_own_story_out(self):
        self.store(article(1, "Tram line opens in the north", topics=["transport", "trams"]),
                   article(2, "New buses for the suburbs", topics=["transport"]),
                   article(3, "Choir wins a prize", topics=["music"]))
        ids = self.ids("/v1/articles/a1/related")
        self.assertEqual(ids[0], "a2")
        self.assertNotIn("a1", ids)
        self.assertEqual(self.client.get("/v1/articles/none/related")[0], 404)

    def test_related_speaks_of_the_article_and_of_no_reader(self):
        self.store(article(1, "Tram line opens in the north", topics=["transport"], places=["Soweto"], section="City"),
                   article(2, "New buses for the suburbs", topics=["transport"], places=["Soweto"], section="City"))
        for language, words in (("en", ["About transport too", "From Soweto too"]), ("af", ["Gaan ook oor transport"])):
            (item,) = self.client.get(f"/v1/articles/a1/related?lang={language}")[1]["items"]
            said = [reason["text"] for reason in item["reasons"]]
            for text in words:
                self.assertIn(text, said)
            self.assertFalse([text for text in said if text.split()[0] in ("You", "Jy")], said)

    def test_new_counts_what_came_since_a_feed(self):
        self.store(article(1, "Tram line opens in the north"))
        _, feed = self.client.get("/v1/users/u/feed")
        path = f"/v1/users/u/feed/new?feed_id={feed['feed_id']}"
        self.assertEqual(self.client.get(path)[1]["new"], 0)
        self.store(article(2, "Choir wins a prize abroad"), article(3, "New buses for the suburbs"))
        self.assertEqual(self.client.get(path)[1]["new"], 2)
        self.client.post("/v1/events", {"user_id": "u", "article_id": "a2", "type": "read"})
        self.assertEqual(self.client.get(path)[1]["new"], 1)


if __name__ == "__main__":
    unittest.main(verbosity=2)
