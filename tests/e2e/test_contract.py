"""A walk over every endpoint, good and bad: the server answers what api/openapi.json says, nothing more and nothing less."""
import unittest
from urllib.parse import quote

from contract import DOCUMENT, Judge
from server import Server

ARTICLE = {"id": "a1", "title": "Water returns to Soweto", "url": "https://example.org/a1", "summary": "After three days.",
           "body": "The council said so.", "source": "Citywire", "section": "city", "topics": ["water"], "places": ["Soweto"],
           "authors": ["City Desk"], "language": "en", "image": "https://example.org/a1.jpg", "published_at": "2026-11-20T12:00:00Z",
           "updated_at": "2026-11-20T12:10:00Z", "expires_at": "2026-12-20T12:00:00Z", "boost": 1.5, "status": "usable",
           "premium": True, "embargo_until": "2026-11-20T12:00:00Z", "embedding": [0.1, 0.2]}


class Contract(unittest.TestCase):
    def setUp(self):
        self.server = Server("--clock", "manual:2026-11-20T13:00:00Z")
        self.addCleanup(self.server.clean)
        self.judge = Judge(self.server.port)
        self.addCleanup(self.judge.close)

    def expect(self, status, method, path, body=None, headers=None):
        got, answer = self.judge.ask(method, path, body, headers)
        self.assertEqual(got, status, f"{method} {path} {answer}")
        return answer

    def stories(self):
        e = self.expect
        e(200, "POST", "/v1/articles", ARTICLE)
        e(200, "POST", "/v1/articles", [dict(ARTICLE, id="a2", source="Reef Herald"), {"title": "no id"}, {"id": 5}])
        e(200, "POST", "/v1/articles", '{"id":"a3","title":"Choir wins a prize abroad","language":"en"}\n{"broken\n',
          {"Content-Type": "application/x-ndjson"})
        e(200, "POST", "/v1/articles", {"uri": "urn:x", "headline": "By ninjs", "type": "text"},
          {"Content-Type": "application/vnd.iptc.ninjs+json"})
        e(400, "POST", "/v1/articles", "{", {"Content-Type": "application/json"})
        e(400, "POST", "/v1/articles", {"title": 5})
        e(415, "POST", "/v1/articles", "x", {"Content-Type": "text/plain"})
        e(413, "POST", "/v1/articles", [{"title": "x"}] * 1001)
        story = e(200, "GET", "/v1/articles/a1")["story"]["id"]
        e(404, "GET", "/v1/articles/none")
        e(400, "GET", "/v1/articles/" + "x" * 129)
        for query in ("", "?q=water", "?section=city&topic=water&place=soweto&language=en&limit=1"):
            page = e(200, "GET", "/v1/articles" + query)
        e(200, "GET", f"/v1/articles?section=city&topic=water&place=soweto&language=en&limit=1&cursor={page['next_cursor']}")
        e(400, "GET", "/v1/articles?limit=0")
        e(400, "GET", "/v1/articles?cursor=nonsense")
        e(422, "GET", "/v1/articles?edition=none")
        e(200, "GET", "/v1/articles/a1/related")
        e(404, "GET", "/v1/articles/none/related")
        e(200, "GET", f"/v1/stories/{story}")
        e(404, "GET", "/v1/stories/999999")
        split = e(200, "POST", f"/v1/stories/{story}/split", {"articles": ["a2"]})["id"]
        e(422, "POST", f"/v1/stories/{story}/split", {"articles": ["none"]})
        e(200, "POST", f"/v1/stories/{story}/merge", {"from": split})
        e(400, "POST", f"/v1/stories/{story}/merge", {})
        e(200, "PUT", "/v1/pins/a3", {"position": 1, "boost": 2, "until": "2026-12-01T00:00:00Z"})
        e(422, "PUT", "/v1/pins/a3", {"position": 1, "edition": "none"})
        e(422, "PUT", "/v1/pins/none", {"position": 1})
        e(200, "GET", "/v1/pins")
        e(204, "DELETE", "/v1/pins/a3")
        e(404, "DELETE", "/v1/pins/a3")
        edition = {"title": "Johannesburg", "languages": ["en"], "places": ["soweto"], "sections": ["city"],
                   "sources": ["Citywire"], "timezone": "Africa/Johannesburg"}
        e(201, "PUT", "/v1/editions/jhb", edition)
        e(200, "PUT", "/v1/editions/jhb", edition)
        e(200, "GET", "/v1/editions/jhb")
        e(200, "GET", "/v1/editions")
        e(404, "GET", "/v1/editions/none")

    def reader(self):
        e = self.expect
        user = "/v1/users/" + quote("ผู้อ่าน 1", safe="")
        e(404, "GET", user)
        e(200, "PUT", user, {"languages": ["en", "th"], "places": ["soweto"], "edition": "jhb", "follows": ["topic:water"],
                             "mutes": [{"topic": "topic:crime", "until": "2026-12-01T00:00:00Z"}, {"source": "loud"}]})
        e(200, "PATCH", user, {"follows": ["topic:water", "topic:music"]})
        e(422, "PATCH", user, {"edition": "none"})
        e(400, "PATCH", user, {"follow": []})
        e(200, "GET", user)
        event = {"id": "e1", "user_id": "ผู้อ่าน 1", "article_id": "a1", "type": "click", "at": "2026-11-20T12:59:00Z",
                 "position": 1, "dwell_s": 20, "scroll": 0.5, "value": 1}
        e(200, "POST", "/v1/events", event)
        e(200, "POST", "/v1/events", [event, dict(event, id="e2", type="save"), dict(event, id="e3", article_id="none"),
                                      {"type": "click"}])
        e(422, "POST", "/v1/events", dict(event, id="e4", article_id="none"))
        e(400, "POST", "/v1/events", dict(event, type="dance"))
        feed = e(200, "GET", user + "/feed?limit=1&explain=1&lang=th")
        e(200, "GET", user + f"/feed?limit=1&cursor={feed['next_cursor']}") if feed["next_cursor"] else None
        e(200, "GET", user + f"/feed/new?feed_id={feed['feed_id']}")
        e(400, "GET", user + "/feed/new")
        e(410, "GET", user + "/feed/new?feed_id=f-0000000000000001")
        e(422, "GET", user + "/feed?model=none")
        e(400, "GET", user + "/feed?order=sideways")
        for order in ("ranked", "latest"):
            e(200, "GET", user + f"/feed?order={order}&exclude=a1,a3&edition=jhb&language=en&source=citywire&place=soweto")
        e(200, "GET", user + "/explain/a1")
        e(200, "GET", user + "/explain/a3?lang=zu")
        e(404, "GET", user + "/explain/none")
        e(200, "GET", user + "/saved")
        e(200, "GET", user + "/history")
        e(200, "GET", user + "/interests")
        e(200, "PATCH", user + "/interests", {"topics": [{"topic": "topic:water", "weight": 2, "follow": True},
                                                         {"topic": "place:soweto", "mute": True}]})
        e(400, "PATCH", user + "/interests", {"topics": [{"topic": "water!", "weight": "much"}]})
        e(200, "POST", "/v1/rank", {"user_id": "ผู้อ่าน 1", "articles": ["a3", "a1", "none"], "explain": True})
        e(400, "POST", "/v1/rank", {"articles": []})
        e(200, "GET", user + "/export")
        token = e(201, "POST", user + "/tokens", {"scope": "reader"})
        e(400, "POST", user + "/tokens", {"scope": "everything"})
        e(200, "GET", user + "/tokens")
        mine = {"Authorization": f"Bearer {token['token']}"}
        e(200, "GET", "/v1/users/me/feed", None, mine)
        e(200, "POST", "/v1/events", {"user_id": "me", "article_id": "a3", "type": "read"}, mine)
        e(403, "GET", "/v1/users/other/feed", None, mine)
        e(401, "GET", "/v1/users/me/feed")
        e(204, "DELETE", user + f"/tokens/{token['id']}")
        e(404, "DELETE", user + f"/tokens/{token['id']}")
        e(204, "DELETE", user + "/tokens")
        e(204, "DELETE", "/v1/events/e2")
        e(204, "DELETE", "/v1/events/e2")  # undone already
        e(404, "DELETE", "/v1/events/none")
        e(200, "POST", "/v1/events", {"user_id": "guest", "article_id": "a3", "type": "like"})
        e(200, "POST", user + "/merge", {"from": "guest"})
        e(422, "POST", user + "/merge", {"from": "guest"})
        e(204, "DELETE", user)
        e(404, "DELETE", user)

    def operations(self):
        e = self.expect
        e(200, "GET", "/healthz")
        e(200, "GET", "/readyz")
        e(200, "GET", "/metrics")
        e(200, "GET", "/v1/stats")
        e(200, "GET", "/v1/trending")
        e(200, "GET", "/v1/latest")
        etag = self.judge.headers["ETag"]
        e(304, "GET", "/v1/latest", None, {"If-None-Match": etag})
        e(200, "GET", "/openapi.json")
        e(304, "GET", "/openapi.json", None, {"If-None-Match": self.judge.headers["ETag"]})
        e(200, "POST", "/v1/admin/clock", {"advance_s": 60})
        e(200, "POST", "/v1/admin/clock", {"now": "2026-11-20T14:00:00Z"})
        e(400, "POST", "/v1/admin/clock", {"now": "yesterday"})
        e(204, "DELETE", "/v1/articles/a3")
        e(404, "DELETE", "/v1/articles/a3")
        e(204, "DELETE", "/v1/editions/jhb")
        e(404, "DELETE", "/v1/editions/jhb")

    def test_every_answer_is_in_the_contract(self):
        self.stories()
        self.reader()
        self.operations()
        self.assertEqual(self.judge.wrong, [])
        documented = {(method.upper(), pattern) for pattern, operations in DOCUMENT["paths"].items() for method in operations}
        self.assertEqual(documented - {(method, pattern) for method, pattern, _ in self.judge.seen}, set())

    def test_head_and_other_methods(self):
        self.expect(200, "POST", "/v1/articles", ARTICLE)
        for pattern, operations in DOCUMENT["paths"].items():
            path = pattern.replace("{id}", "a1").replace("{key}", "jhb").replace("{article_id}", "a1").replace("{token_id}", "t")
            with self.subTest(path=path):
                got = self.judge.ask("GET", path)[0]
                length = self.judge.headers.get("Content-Length")
                status, body = self.judge.ask("HEAD", path)
                if "get" in operations:
                    self.assertEqual((status, body), (got, b""))
                    if pattern not in ("/metrics", "/v1/stats", "/readyz") and "feed" not in pattern and "explain" not in pattern:
                        self.assertEqual(self.judge.headers.get("Content-Length"), length)
                else:
                    self.assertEqual(status, 405)
                status, _ = self.judge.ask("TRACE", path)
                self.assertIn(status, (405, 501))
                if status == 405:
                    allowed = {m.strip() for m in self.judge.headers["Allow"].split(",")}
                    self.assertEqual(allowed - {"HEAD", "OPTIONS"}, {m.upper() for m in operations})
        self.expect(404, "GET", "/v2/nothing")
        self.assertEqual(self.judge.wrong, [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
