"""Read your writes: an event's 200 means that every request that starts from now on sees it, on any connection and any
worker. Eight clients at once; each has two connections, which the acceptor gives to two workers.

A trial: on one connection, react to the story at the top of the reader's feed; when the 200 has come, ask on the other
for the feed, where that story is not any more, and for the interests, where its topic, which no other story has, has got a
weight. The connections then change places.

MYNEWS_LONG=1 makes 100,000 trials of 5,000."""
import os
import random
import re
import socket
import threading
import time
import unittest

from server import Server
from shim import seeded

TRIALS = 100000 if os.environ.get("MYNEWS_LONG") else 5000
CLIENTS, THREADS = 8, 4
ARTICLES = 90
TRIALS_A_USER = 15  # of six topics each: a profile holds 100, so none has to make room
TYPES = ("click", "read", "finish", "like", "share", "save")


class Raw:
    """HTTP by hand on one connection: less to do for the client than for the server."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""

    def ask(self, method, path, body=b""):
        """The body of a 200."""
        self.socket.sendall(b"%s %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
                            % (method, path, len(body), body))
        while (end := self.buffer.find(b"\r\n\r\n")) < 0:
            self.fill()
        head = self.buffer[:end]
        length = int(re.search(rb"(?i)\r\ncontent-length: *(\d+)", head).group(1))
        while len(self.buffer) < end + 4 + length:
            self.fill()
        data, self.buffer = self.buffer[end + 4:end + 4 + length], self.buffer[end + 4 + length:]
        if not head.startswith(b"HTTP/1.1 200"):
            raise AssertionError((method, path, body, head, data))
        return data

    def fill(self):
        data = self.socket.recv(65536)
        if not data:
            raise AssertionError("the server closed the connection")
        self.buffer += data


def articles_of(feed):
    """The articles of a feed, the best first."""
    return re.findall(rb'"article":\{"id":"(a\d+)"', feed)


def weight_of(topic, interests):
    found = re.search(rb'\{"topic":"topic:%s","weight":([-0-9.e]+)' % topic, interests)
    return float(found.group(1)) if found else 0.0


def trials(server, client, n, rng, counts):
    connections = [Raw(server.port), Raw(server.port)]
    for trial in range(n):
        if trial % TRIALS_A_USER == 0:
            # A reader never seen, and a topic for each story: a topic's weight after a trial comes from its event.
            user = b"reader-%d-%d" % (client, trial)
            ids = articles_of(connections[0].ask(b"GET", b"/v1/users/%s/feed?limit=3" % user))
        top = ids[0]
        topic = b"subject%s" % top[1:]
        event = b'{"id":"e-%d-%d","user_id":"%s","article_id":"%s","type":"%s"}' % (
            client, trial, user, top, rng.choice(TYPES).encode())
        answer = connections[0].ask(b"POST", b"/v1/events", event)
        ids = articles_of(connections[1].ask(b"GET", b"/v1/users/%s/feed?limit=3" % user))
        interests = connections[1].ask(b"GET", b"/v1/users/%s/interests" % user)
        if b'"accepted":1' not in answer or len(ids) != 3 or top in ids or weight_of(topic, interests) <= 0:
            raise AssertionError(f"trial {trial} of client {client}: {event}, then {ids}, {weight_of(topic, interests)}")
        connections.reverse()
        counts[client] += 1
    for connection in connections:
        connection.socket.close()


class ReadYourWrites(unittest.TestCase):
    def test_an_acknowledged_event_is_in_the_next_feed(self):
        rng = seeded("test_ryw")
        server = Server("--clock", "manual:2026-11-20T13:00:00Z", threads=THREADS)
        self.addCleanup(server.clean)
        client = server.client()
        status, answer = client.post("/v1/articles", [
            {"id": f"a{n}", "title": f"head{n} line{n} word{n}", "language": "en", "source": f"paper {n}",
             "section": f"part {n}", "topics": [f"subject{n}"], "published_at": "2026-11-20T12:00:00Z"}
            for n in range(ARTICLES)])
        self.assertEqual((status, answer["accepted"]), (200, ARTICLES))
        client.close()
        counts, failures = [0] * CLIENTS, []

        def run_client(number, seed):
            try:
                trials(server, number, TRIALS // CLIENTS, random.Random(seed), counts)
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=run_client, args=(n, rng.random())) for n in range(CLIENTS)]
        start = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        print(f"{sum(counts)} trials in {time.monotonic() - start:.1f} s, {len(failures)} failures")
        if failures:
            raise failures[0]
        self.assertEqual(sum(counts), TRIALS)
        client = server.client()
        self.assertGreaterEqual(client.get("/v1/stats")[1]["sequence"], TRIALS)
        client.close()
        self.assertEqual(server.stop(), 0, server.log_text()[-3000:])  # nor has a sanitizer anything to say


if __name__ == "__main__":
    unittest.main(verbosity=2)
