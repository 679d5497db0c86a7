"""The load generator: what it counts, that a stalled server shows in its latencies, and that it ends by itself."""
import json
import socket
import threading
import unittest

import server

REPLY = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


class Stub:
    """Answers requests without a body, each in turn; before answer number stall_at it holds back for stall_s."""

    def __init__(self, stall_at=None, stall_s=0, answers=True):
        self.stall_at, self.stall_s, self.answers = stall_at, stall_s, answers
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.thread = threading.Thread(target=self.serve)
        self.over = threading.Event()
        self.thread.start()

    def serve(self):
        connection, _ = self.listener.accept()
        pending, n = b"", 0
        with connection:
            while data := connection.recv(65536):
                pending += data
                while b"\r\n\r\n" in pending:
                    _, pending = pending.split(b"\r\n\r\n", 1)
                    if n == self.stall_at:
                        self.over.wait(self.stall_s)
                    n += 1
                    if self.answers:
                        connection.sendall(REPLY)

    def stop(self):
        self.over.set()
        self.thread.join()
        self.listener.close()


def bench(*arguments):
    status, out, error = server.run("bench", "--json", *arguments)
    return status, json.loads(out) if out else error


class Bench(unittest.TestCase):
    def test_a_path_is_not_taken_in_the_url(self):
        status, error = bench("--url", "http://127.0.0.1:1/v1/latest", "--seconds", "0.1")
        self.assertEqual(status, 2)
        self.assertIn("--path", error)

    def test_a_stall_counts_for_every_request_that_was_due_in_it(self):
        """100 a second for 2 s on one connection, a stall of 1 s: of 200 requests those due in it, about 100, waited 0 to
        1 s, so more than a quarter of all waited over 250 ms; a generator that waited with the server would report one."""
        for pipeline in ("1", "32"):
            stub = Stub(stall_at=50, stall_s=1)
            status, out = bench("--url", stub.url, "--path", "/", "--rate", "100", "--seconds", "2", "--connections", "1",
                                "--pipeline", pipeline)
            stub.stop()
            self.assertEqual((status, out["requests"], out["errors"]), (0, 200, 0))
            self.assertGreater(out["p90_ms"], 250)
            self.assertGreater(out["max_ms"], 900)

    def test_no_answer_is_counted_and_ends(self):
        stub = Stub(answers=False)
        status, out = bench("--url", stub.url, "--path", "/", "--rate", "50", "--seconds", "0.2", "--connections", "1")
        stub.stop()
        self.assertEqual((status, out["requests"], out["errors"]), (1, 0, 10))

    def test_of_a_url_all_is_read(self):
        """Refused before a connection is made: ports that 32 bits would wrap to a good one, what is behind a port, other
        machines. The last three are read; nobody listens at port 1, so they fail otherwise (1, not 2)."""
        wrapped, below = 2**32 + 80, -(2**32 - 80)
        for url in (f"http://127.0.0.1:{wrapped}", f"http://127.0.0.1:{below}", "http://127.0.0.1:80x", "http://127.0.0.1:x",
                    "http://127.0.0.1:", "http://127.0.0.1:0", "http://127.0.0.1:65536", "http://127.0.0.1: 80",
                    f"http://[::1]:{wrapped}", "http://[::1", "http://[::2]:1", "http://128.0.0.1:1", "http://127.0.0.1@128.0.0.1/"):
            with self.subTest(url):
                status, error = bench("--url", url, "--seconds", "0.1")
                self.assertEqual(status, 2)
                self.assertIn("--url", error)
        for url in ("http://127.0.0.1:1/", "http://localhost:1", "http://[::1]:1"):
            with self.subTest(url):
                self.assertEqual(bench("--url", url, "--seconds", "0.1")[0], 1)

    def test_events_are_those_the_server_took(self):
        running = server.Server()
        try:
            client = running.client()
            self.assertEqual(client.post("/v1/articles", [{"id": f"bench-a{i}", "title": f"Title {i}"} for i in range(5)])[0], 200)
            url = ("--url", f"http://127.0.0.1:{running.port}", "--seconds", "0.5", "--connections", "4", "--users", "10")
            for batch, pipeline in (("1", "4"), ("20", "1")):
                before = client.get("/v1/stats")[1]["sequence"]
                status, out = bench(*url, "--rate", "40", "--what", "events", "--articles", "5", "--batch", batch, "--pipeline",
                                    pipeline)
                self.assertEqual((status, out["status_2xx"], out["events"]), (0, 20, 20 * int(batch)))
                self.assertEqual(client.get("/v1/stats")[1]["sequence"] - before, out["events"])
            # Half of the articles are not there.
            status, out = bench(*url, "--rate", "40", "--what", "events", "--articles", "10", "--batch", "20")
            self.assertEqual(out["events"] + out["events_not_accepted"], 400)
            self.assertGreater(out["events_not_accepted"], 0)
            status, out = bench(*url, "--rate", "max", "--what", "mixed", "--articles", "5", "--pipeline", "8")
            self.assertEqual((status, out["status_2xx"], out["errors"]), (0, out["requests"], 0))
            self.assertGreater(out["events"], 0)
            client.close()
            status, out, _ = server.run("bench", *url, "--rate", "40", "--what", "events", "--articles", "10")
            self.assertEqual(status, 0)
            self.assertIn("bench-a0", out)  # says what it needs, as half of them are not there
        finally:
            running.stop()
            running.clean()


if __name__ == "__main__":
    unittest.main()
