"""Hostile and careless input at every door: each field of each body wrong in every way that its schema rules out, bodies
that are no JSON, limits at and above. Each is refused by name, nothing of it is stored, and the server lives on."""
import json
import unittest

from contract import DOCUMENT, Judge, resolve
from server import Server

BASES = {  # one good body for each door that takes one
    ("POST", "/v1/articles"): {"id": "probe", "title": "A title"},
    ("POST", "/v1/events"): {"id": "probe-event", "user_id": "probe", "article_id": "a1", "type": "click"},
    ("POST", "/v1/rank"): {"user_id": "probe", "articles": ["a1"]},
    ("PUT", "/v1/users/probe"): {},
    ("PATCH", "/v1/users/probe"): {},
    ("PATCH", "/v1/users/probe/interests"): {"topics": [{"topic": "topic:water", "weight": 1}]},
    ("POST", "/v1/users/probe/merge"): {"from": "a-guest"},
    ("POST", "/v1/users/probe/tokens"): {"scope": "feed"},
    ("PUT", "/v1/editions/probe"): {"title": "A city"},
    ("PUT", "/v1/pins/a1"): {"position": 1},
    ("POST", "/v1/stories/1/split"): {"articles": ["a1"]},
    ("POST", "/v1/stories/1/merge"): {"from": "2"},
    ("POST", "/v1/admin/clock"): {"now": "2026-11-20T13:00:00Z"},
}
OPEN = {("POST", "/v1/articles"), ("POST", "/v1/events")}  # takes and ignores members it does not know


def schema_of(method, path):
    for pattern, operations in DOCUMENT["paths"].items():
        parts, wanted = pattern.split("/"), path.split("/")
        if len(parts) == len(wanted) and all(p == w or p.startswith("{") for p, w in zip(parts, wanted)):
            if method.lower() in operations:
                schema = resolve(operations[method.lower()]["requestBody"]["content"]["application/json"]["schema"])
                return resolve(schema["oneOf"][0]) if "oneOf" in schema else schema
    raise KeyError((method, path))


def plain(schema):
    """Without the null that every optional field may be."""
    schema = resolve(schema)
    if "oneOf" in schema:
        kinds = [resolve(s) for s in schema["oneOf"] if resolve(s).get("type") != "null"]
        return kinds[0] if len(kinds) == 1 else {"oneOf": kinds}
    return schema


def wrong_values(schema, depth=0):
    """(what, value, pointer below the field) that the schema rules out."""
    schema = plain(schema)
    kinds = {s.get("type") for s in schema.get("oneOf", [schema])}
    samples = {"string": "x", "number": 1.5, "boolean": True, "object": {}, "array": []}
    for kind, value in samples.items():
        if kind not in kinds and not (kind == "number" and "integer" in kinds):
            yield f"a {kind}", value, ""
    if "string" in kinds:
        one = next(s for s in schema.get("oneOf", [schema]) if s.get("type") == "string")
        if "maxLength" in one:
            yield "too long", "x" * (one["maxLength"] + 1), ""
            yield "too long in bytes", "ก" * (one["maxLength"] // 3 + 1), ""
        if one.get("minLength"):
            yield "empty", "", ""
            yield "blank", " \t", ""
        if "enum" in one or "pattern" in one:
            yield "none of the names", "nonsense", ""
        if one.get("format") == "date-time":
            for text in ("yesterday", "2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z", "10000-01-01T00:00:00Z",
                         "2026-11-20T25:00:00Z", "2026-11-20", "-0001-01-01T00:00:00Z"):
                yield text, text, ""
            for number in (-1, 1.5, 10 ** 18, 2 ** 63 - 1):
                yield str(number), number, ""
        if one.get("format") == "uri":
            yield "no address", "javascript:alert(1)", ""
            yield "relative", "/x", ""
        yield "with NUL", "a\0b", ""
        yield "with a control character", "a\x1bb", "" if one.get("maxLength", 0) <= 128 else None
    if kinds & {"number", "integer"} and "string" not in kinds:
        one = next(s for s in schema.get("oneOf", [schema]) if s.get("type") in ("number", "integer"))
        if "minimum" in one:
            yield "too small", one["minimum"] - 1, ""
        if "maximum" in one:
            yield "too large", one["maximum"] + 1, ""
        yield "huge", 1e308, "" if "maximum" in one or one["type"] == "integer" else None
        if one["type"] == "integer":
            yield "a fraction", 1.5, ""
            yield "2^63 - 1", 2 ** 63 - 1, ""
    if "array" in kinds:
        item = plain(schema["items"])
        if "maxItems" in schema:
            good = {"string": "topic:x", "object": {}, "number": 1}.get(item.get("type"), "x")
            yield "too many", [good] * (schema["maxItems"] + 1), ""
        if depth == 0:
            for what, value, below in wrong_values(item, 1):
                yield f"holding {what}", [value], None if below is None else f"/0{below}"
    if "object" in kinds and schema.get("properties") and depth < 2:
        for name, member in schema["properties"].items():
            for what, value, below in wrong_values(member, depth + 1):
                yield f"{name} {what}", {name: value}, None if below is None else f"/{name}{below}"


class BadInput(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server("--clock", "manual:2026-11-20T13:00:00Z")
        cls.judge = Judge(cls.server.port)
        cls.judge.post("/v1/articles", {"id": "a1", "title": "Water returns to Soweto", "topics": ["water"]})
        cls.before = cls.state()

    @classmethod
    def tearDownClass(cls):
        cls.judge.close()
        status, log = cls.server.stop(), cls.server.log_text()
        cls.server.clean()
        assert status == 0, status
        assert "ERROR: " not in log and "runtime error" not in log, log[-3000:]

    @classmethod
    def state(cls):
        """All that a wrong request could have changed."""
        ask = cls.judge.ask
        return [ask("GET", path)[1] for path in ("/v1/articles", "/v1/users/probe", "/v1/users/probe/interests",
                                                 "/v1/users/probe/tokens", "/v1/editions", "/v1/pins", "/v1/articles/a1")] + \
            [ask("GET", "/v1/articles/probe")[0]]

    def refused(self, method, path, body, pointer, headers=None):
        """A 4xx that names the field, or, for an element of a batch, a result that does."""
        status, answer = self.judge.ask(method, path, body, headers or {"Content-Type": "application/json"})
        self.assertTrue(400 <= status < 500, f"{status} {answer}")
        named = [e["pointer"] for e in answer.get("errors", [])]
        if pointer is not None:
            self.assertIn(pointer, named, answer)
        return answer

    def test_every_field_wrong_in_every_way(self):
        n = 0
        for (method, path), base in BASES.items():
            schema = schema_of(method, path)
            for name, member in schema["properties"].items():
                for what, value, below in wrong_values(member):
                    if path == "/v1/articles" and name != "id" and what in ("empty", "blank"):
                        continue  # says nothing about an optional field
                    if below is None:  # allowed here after all
                        continue
                    with self.subTest(door=f"{method} {path}", field=name, what=what):
                        n += 1
                        self.refused(method, path, json.dumps(dict(base, **{name: value})), f"/{name}{below}")
            for name in schema.get("required", []):
                with self.subTest(door=f"{method} {path}", field=name, what="missing"):
                    n += 1
                    self.refused(method, path, json.dumps({k: v for k, v in base.items() if k != name}), f"/{name}")
            if (method, path) not in OPEN:
                with self.subTest(door=f"{method} {path}", what="a member nobody knows"):
                    n += 1
                    self.refused(method, path, json.dumps(dict(base, nonsense=1)), "/nonsense")
        print(f"{n} wrong fields")
        self.assertGreater(n, 600)
        self.assertEqual(self.judge.wrong, [])
        self.assertEqual(self.state(), self.before)

    def test_bodies_that_are_no_good(self):
        for (method, path), base in BASES.items():
            good = json.dumps(base)
            for what, body in (
                    ("empty", ""), ("blank", "  "), ("truncated", good[:-1] if base else "{"), ("two", good + good),
                    ("a name twice", '{"id":"probe","id":"probe","from":"x","from":"y","title":"t"}'),
                    ("bad UTF-8", b'{"title":"\xc3\x28","from":"\xff"}'), ("a lone surrogate", '{"title":"\\ud800","from":"\\udfff"}'),
                    ("a BOM", b"\xef\xbb\xbf" + good.encode()), ("1e999", '{"boost":1e999,"position":1e999,"title":"t"}'),
                    ("NaN", '{"boost":NaN}'), ("too deep", '{"title":' + "[" * 40 + "]" * 40 + "}"), ("a comment", good + "//x"),
                    ("single quotes", "{'title':'x'}"), ("beyond 64 bits", '{"position":9223372036854775808,"title":"t"}'), ("a number", "5"), ("a string", '"x"'), ("null", "null")):
                with self.subTest(door=f"{method} {path}", what=what):
                    self.refused(method, path, body, None)
            with self.subTest(door=f"{method} {path}", what="another type"):
                self.assertEqual(self.judge.ask(method, path, good, {"Content-Type": "text/html"})[0], 415)
        self.assertEqual(self.judge.wrong, [])
        self.assertEqual(self.state(), self.before)

    def test_queries(self):
        lists = ("/v1/articles", "/v1/latest", "/v1/trending", "/v1/users/probe/feed")
        for path in lists:
            for query, pointer in (("limit=0", "/limit"), ("limit=201", "/limit"), ("limit=-1", "/limit"), ("limit=x", "/limit"),
                                   ("limit=1e3", "/limit"), ("limit=99999999999999999999", "/limit"), ("cursor=x", "/cursor"),
                                   ("cursor=" + "A" * 4000, "/cursor"), ("section=" + "x" * 257, "/section"),
                                   ("topic=" + "x" * 300, "/topic"), ("language=" + "x" * 36, "/language"),
                                   ("source=%01", "/source"), ("source=%00", None),
                                   ("place=%ff", None), ("place=%zz", None), ("limit=1&limit=2", "/limit"),
                                   ("language=english%20x", "/language")):
                with self.subTest(path=path, query=query[:40]):
                    self.refused("GET", f"{path}?{query}", None, pointer)
        for query, pointer in (("order=best", "/order"), ("explain=2", "/explain"), ("exclude=" + ",".join(["x"] * 201), "/exclude"),
                               ("exclude=" + "x" * 129, "/exclude")):
            with self.subTest(query=query[:40]):
                self.refused("GET", f"/v1/users/probe/feed?{query}", None, pointer)
        for path in ("/v1/articles/" + "x" * 129, "/v1/users/" + "x" * 129 + "/feed", "/v1/articles/%00", "/v1/users/%ff/feed",
                     "/v1/users/a%0ab/feed", "/v1/articles/%zz"):
            with self.subTest(path=path[:40]):
                self.refused("GET", path, None, None)
        self.assertEqual(self.judge.wrong, [])
        self.assertEqual(self.state(), self.before)

    def test_limits_at_and_above(self):
        post = self.judge.post
        full = {"id": "i" * 128, "title": "t" * 1000, "summary": "s" * 8000, "body": "b" * 256000, "source": "s" * 256,
                "section": "x" * 256, "topics": [f"{n:0256}" for n in range(16)], "places": [f"{n:0256}" for n in range(8)],
                "authors": [f"{n:0256}" for n in range(8)], "boost": 100, "embedding": [0.5] * 4096,
                "url": "https://example.org/" + "u" * (2048 - 20), "image": "https://example.org/" + "i" * (2048 - 20)}
        self.assertEqual(post("/v1/articles", full)[1].get("accepted"), 1)
        stored = self.judge.get("/v1/articles/" + full["id"])[1]
        for name in ("title", "summary", "body", "topics", "places", "authors"):
            self.assertEqual(stored[name], full[name])
        for name in ("id", "title", "summary", "body", "source", "section", "url", "image"):
            with self.subTest(field=name):
                self.refused("POST", "/v1/articles", json.dumps(dict(full, **{name: full[name] + "x"})), "/" + name)
        self.assertEqual(self.judge.ask("DELETE", "/v1/articles/" + full["id"])[0], 204)
        batch = [{"id": "probe-event-%d" % n, "user_id": "limits", "article_id": "a1", "type": "impression"} for n in range(1001)]
        self.assertEqual(post("/v1/events", batch)[0], 413)
        self.assertEqual(post("/v1/events", batch[:1000])[1]["accepted"], 1000)
        status, answer = self.judge.ask("POST", "/v1/events", "\n".join([json.dumps(batch[1000]), "{", json.dumps(batch[0])]),
                                        {"Content-Type": "application/x-ndjson"})
        self.assertEqual((status, answer["accepted"], answer["duplicates"], answer["rejected"]), (200, 1, 1, 1))
        self.assertEqual(self.judge.ask("DELETE", "/v1/users/limits")[0], 204)
        for n in range(17):
            status, answer = self.judge.post("/v1/users/limits/tokens", {"scope": "feed"})
            self.assertEqual(status, 201 if n < 16 else 409, answer)
        self.assertEqual(len(self.judge.get("/v1/users/limits/tokens")[1]["tokens"]), 16)
        self.assertEqual(self.judge.ask("DELETE", "/v1/users/limits")[0], 204)
        body = json.dumps({"title": "t", "nonsense": "x"})
        limit = 16 << 20
        at_limit = body[:-2] + "x" * (limit - len(body)) + body[-2:]
        self.assertEqual(len(at_limit), limit)
        status, answer = self.judge.ask("POST", "/v1/articles", at_limit, {"Content-Type": "application/json"})
        self.assertNotEqual(status, 413, answer)
        if status == 200:
            self.judge.ask("DELETE", "/v1/articles/" + answer["results"][0]["id"])
        self.assertEqual(self.judge.ask("POST", "/v1/articles", at_limit + " ", {"Content-Type": "application/json"})[0], 413)
        self.judge.close()
        self.assertEqual(self.judge.wrong, [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
