"""Clients that write at random and know what a server owes them.

Each writer has articles and readers that nobody else touches and sends one request at a time, so what must be stored
is exact: every request that was answered, in order, and of the one under way all or nothing. Operations are plain
tuples that apply() folds into a Model; a model is compared with what a server shows."""
import copy
import datetime
import http.client
import json
import os
import threading
import time

from server import run

CLOCK = datetime.datetime(2026, 11, 20, 13)
# Checkpoints twice a second of the server's time, which the first writer moves on.
CONFIG = os.path.join(os.path.dirname(os.path.abspath(__file__)), "writers.json")
TYPES = ("click", "read", "like", "save", "share", "impression")
USERS, USER_EVENTS = 4, 80  # a reader's history holds the last 100 reads; fewer are sent, so none may be missing


def arguments(seconds=0):
    """A server's, when so many seconds have gone by."""
    now = CLOCK + datetime.timedelta(seconds=seconds)
    return ["--config", CONFIG, "--clock", f"manual:{now.isoformat()}Z"]


def restart(server, writers):
    """The server again, where the clock stood."""
    server.arguments[:4] = arguments(writers[0].seconds)
    server.start()


class Model:
    def __init__(self):
        self.articles = {}  # id -> version, None once deleted
        self.users = {}     # id -> {"follows", "events": [[event id, article, type, undone]]}

    def user(self, name):
        return self.users.setdefault(name, {"follows": [], "events": []})


def apply(model, op):
    kind, *rest = op
    if kind == "articles":
        for name, version in rest[0]:
            model.articles[name] = version
    elif kind == "delete":
        model.articles[rest[0]] = None
    elif kind == "events":
        for event, article, what in rest[1]:
            model.user(rest[0])["events"].append([event, article, what, False])
    elif kind == "undo":
        for entry in model.user(rest[0])["events"]:
            if entry[0] == rest[1]:
                entry[3] = True
    elif kind == "settings":
        model.user(rest[0])["follows"] = rest[1]
    elif kind == "erase":
        model.users.pop(rest[0], None)


def title(name, version):
    return f"title{name} word{name} other{name} version{version}"


def body(name, version):
    return f"Body {version} of {name}. " * (1 + version % 40)


def request(op):
    """(method, path, body)"""
    kind, *rest = op
    if kind == "articles":
        return "POST", "/v1/articles", [
            {"id": name, "title": title(name, version), "body": body(name, version), "language": "en",
             "source": f"paper {version % 5}", "section": "city", "topics": [f"subject {name[-1]}"],
             "published_at": "2026-11-20T12:00:00Z"} for name, version in rest[0]]
    if kind == "delete":
        return "DELETE", f"/v1/articles/{rest[0]}", None
    if kind == "events":
        return "POST", "/v1/events", [{"id": event, "user_id": rest[0], "article_id": article, "type": what}
                                      for event, article, what in rest[1]]
    if kind == "undo":
        return "DELETE", f"/v1/events/{rest[1]}", None
    if kind == "settings":
        return "PUT", f"/v1/users/{rest[0]}", {"follows": rest[1], "languages": ["en"]}
    if kind == "erase":
        return "DELETE", f"/v1/users/{rest[0]}", None
    return "GET", f"/v1/users/{rest[0]}/feed?limit=5", None


class Writer:
    def __init__(self, name, rng):
        self.name, self.rng = name, rng
        self.model = Model()
        self.under_way = None
        self.n = 0
        self.seconds = 0  # the clock was moved on
        self.erases = True

    def fresh(self, kind):
        self.n += 1
        return f"{kind}{self.name}-{self.n}"

    def choose(self):
        """The next operation."""
        rng, user = self.rng, f"u{self.name}-{self.rng.randrange(USERS)}"
        live = [name for name, version in self.model.articles.items() if version is not None]
        events = self.model.users.get(user, {"events": []})["events"]
        used = {entry[1] for u in self.model.users.values() for entry in u["events"]}
        draw = rng.random()
        if len(live) < 5 or draw < 0.2:
            batch = [(self.fresh("a"), 1) for _ in range(rng.randint(1, 5))]
            if live and rng.random() < 0.4:
                old = rng.choice(live)
                batch.append((old, self.model.articles[old] + 1))
            return "articles", batch
        if self.erases and (len(events) > USER_EVENTS or (events and draw < 0.22)):
            return "erase", user
        if len(events) > USER_EVENTS:
            return "feed", user
        if draw < 0.27 and (unread := [name for name in live if name not in used]):
            return "delete", rng.choice(unread)
        if draw < 0.35:
            return "settings", user, [f"topic:follow {rng.randrange(1000)}"]
        if draw < 0.42 and (open_events := [entry[0] for entry in events if not entry[3]]):
            return "undo", user, rng.choice(open_events)
        if draw < 0.5:
            return "feed", user
        return "events", user, [(self.fresh("e"), rng.choice(live), rng.choice(TYPES))
                                for _ in range(rng.randint(1, 5))]

    def send(self, client):
        """One operation. Returns (operation, status); the model has it when the status is 2xx. When the connection
        breaks the operation stays under way and the error goes on."""
        op = self.under_way = self.choose()
        status, answer = client.ask(*request(op))
        if status // 100 == 2:
            if op[0] in ("articles", "events"):
                assert answer["rejected"] == 0 and answer.get("duplicates", 0) == 0, answer
            apply(self.model, op)
            self.under_way = None
        elif status != 503:
            raise AssertionError(f"{op}: {status} {answer}")
        else:
            assert answer["code"] in ("storage_full", "store_failed"), answer
            assert int(client.headers["Retry-After"]) > 0
            self.under_way = None
        return op, status


class Load:
    """Writers, each with a connection and a thread of its own, until the server is gone or stop is called."""

    def __init__(self, server, writers, note=None):
        self.condition = threading.Condition()
        self.n_acknowledged, self.n_refused, self.failures = 0, 0, []
        self.stopping = False
        self.note = note  # called with (writer, operation, position before, position after) for each acknowledged one
        self.position = lambda: 0
        self.server, self.writers = server, writers
        self.threads = [threading.Thread(target=self.run, args=(w,)) for w in writers]

    def start(self):
        for thread in self.threads:
            thread.start()

    def run(self, writer):
        client = self.server.client()
        try:
            while not self.stopping:
                if writer is self.writers[0] and writer.rng.random() < 0.1:
                    writer.seconds += 1
                    status, answer = client.post("/v1/admin/clock", {"advance_s": 1})
                    assert status in (200, 204, 503), answer
                    if status == 503:  # the clock itself may have moved
                        self.n_refused += 1
                before = self.position()
                op, status = writer.send(client)
                if self.note and status // 100 == 2:
                    self.note(writer, op, before, self.position())
                with self.condition:
                    self.n_acknowledged += status // 100 == 2
                    self.n_refused += status == 503
                    self.condition.notify_all()
        except (OSError, http.client.HTTPException):
            pass
        except BaseException as error:  # told by join
            self.failures.append(error)
        finally:
            client.close()
            with self.condition:
                self.condition.notify_all()

    def wait_for(self, n):
        with self.condition:
            reached = self.condition.wait_for(
                lambda: self.n_acknowledged >= n or not any(t.is_alive() for t in self.threads), 120)
        if self.failures:
            raise self.failures[0]
        assert reached and self.n_acknowledged >= n, f"{self.n_acknowledged} of {n} requests in two minutes"

    def wait_until(self, condition):
        """Looked at after each answer, and now and then without one."""
        deadline = time.monotonic() + 120
        with self.condition:
            while not condition() and not self.failures and time.monotonic() < deadline:
                self.condition.wait(0.05)
        if self.failures:
            raise self.failures[0]
        assert condition()

    def join(self):
        self.stopping = True
        for thread in self.threads:
            thread.join(120)
            assert not thread.is_alive()
        if self.failures:
            raise self.failures[0]


def settled(client, user, what):
    """What is kept of a reader; None when nothing. A reader whose erasing goes on is not shown any more but refuses
    writes (409), so one that isn't shown is asked to go once more, until it is gone to the writer too. After a fault reads
    are refused (503) until the next write or tick, a second at most, has opened the store anew."""
    deadline = time.monotonic() + 10
    status, answer = client.get(f"/v1/users/{user}/{what}")
    while status == 503 and time.monotonic() < deadline:
        status, answer = client.get(f"/v1/users/{user}/{what}")
    assert status in (200, 404), (user, status, answer)
    while status == 404:
        again, problem = client.ask("DELETE", f"/v1/users/{user}")
        assert again in (404, 409), (user, again, problem)
        if again == 404:
            return None
    return answer


class Seen:
    """What a server shows."""

    def __init__(self, server, writers):
        client = server.client()
        status, out, error = run("export", "--data", server.data)
        assert status == 0, error
        self.articles = {}
        for line in out.splitlines():
            article = json.loads(line)
            self.articles[article["id"]] = (article["title"], article.get("body", ""))
        self.users, self.reads = {}, {}
        for writer in writers:
            for number in range(USERS):
                user = f"u{writer.name}-{number}"
                self.users[user] = settled(client, user, "export")
                history = settled(client, user, "history")
                self.reads[user] = {item["article"]["id"] for item in history["items"]} if history else set()
        client.close()


def differences(model, seen, name):
    """What of one writer's model isn't so, in words; empty when all is."""
    found = []
    prefix = f"a{name}-"
    for article, version in model.articles.items():
        want = None if version is None else (title(article, version), body(article, version).strip())
        have = seen.articles.get(article)
        have = have and (have[0], have[1].strip())
        if have != want:
            found.append(f"article {article}: {have and have[0]} and not {want and want[0]}")
    for article in seen.articles:
        if article.startswith(prefix) and article not in model.articles:
            found.append(f"article {article} was never acknowledged")
    for number in range(USERS):
        user = f"u{name}-{number}"
        want, have = model.users.get(user), seen.users[user]
        if want is None or have is None:
            if (want is None) != (have is None):
                found.append(f"reader {user} is {'gone' if have is None else 'there'}")
            continue
        log = [(r["article_id"], r["type"], r.get("undone", False))
               for r in sorted(have["log"], key=lambda r: r["sequence"]) if r["kind"] == "event"]
        if log != [tuple(entry[1:]) for entry in want["events"]]:
            found.append(f"reader {user}: log {log} and not {want['events']}")
        if have["settings"]["follows"] != want["follows"]:
            found.append(f"reader {user}: follows {have['settings']['follows']} and not {want['follows']}")
        read = {entry[1] for entry in want["events"] if not entry[3] and entry[2] != "impression"}
        if seen.reads[user] != read:
            found.append(f"reader {user}: history {sorted(seen.reads[user] ^ read)}")
        if read and not have["interests"]:
            found.append(f"reader {user} has read and has no interests")
    return found


def settle(test, writers, seen):
    """Every writer's acknowledged requests are there, and of the one under way all or nothing; the models then hold
    what turned out."""
    for writer in writers:
        found = differences(writer.model, seen, writer.name)
        if found and writer.under_way:
            other = copy.deepcopy(writer.model)
            apply(other, writer.under_way)
            if not (found_other := differences(other, seen, writer.name)):
                writer.model, found = other, []
            else:
                found += ["or, with what was under way:"] + found_other
        test.assertEqual(found, [], f"writer {writer.name}, under way {writer.under_way}")
        writer.under_way = None


def post_again(test, server, writers, rng):
    """Events already there are duplicates, and change nothing."""
    client = server.client()
    for writer in writers:
        for user, state in writer.model.users.items():
            entries = [entry for entry in state["events"] if not entry[3]]
            sample = entries[-2:] + rng.sample(entries, min(3, len(entries)))
            if sample:
                status, answer = client.ask(*request(("events", user, [entry[:3] for entry in sample])))
                test.assertEqual((status, answer["duplicates"]), (200, len(sample)), answer)
    client.close()
