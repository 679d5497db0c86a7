"""A disk that fails: ENOSPC, EIO or a short write at the n-th write or sync of the store's file.

Whoever is told 503 was told the truth: nothing of the request is stored. The server lives on, answers reads, takes
writes again when the fault has gone, and what it acknowledged is there after kill -9."""
import errno
import os
import random
import re
import shutil
import tempfile
import time
import unittest

from server import Server, run, select_wait
from shim import Control, environment, seeded
from writers import Load, Seen, Writer, arguments, post_again, restart, settle

LONG = bool(os.environ.get("MYNEWS_LONG"))
N_CALLS = 40 if LONG else 12  # a commit of one request makes about ten
ROUNDS = 200 if LONG else 15
FAULTS = ((errno.ENOSPC, False), (errno.EIO, False), (errno.ENOSPC, True))


class Fault(unittest.TestCase):
    def setUp(self):
        data = tempfile.mkdtemp(prefix="mynews-fault-")
        self.addCleanup(shutil.rmtree, data, ignore_errors=True)
        self.control = Control(os.path.join(data, "control"))
        self.server = Server(*arguments(), data=data, env=environment(data, control=self.control.path))
        self.addCleanup(self.server.clean)

    def survive(self, writers, rng):
        """What was acknowledged is there, now and after a crash."""
        self.assertIsNone(self.server.process.poll(), self.server.log_text()[-2000:])
        self.assertNotIn("Sanitizer", self.server.log_text())
        settle(self, writers, Seen(self.server, writers))
        self.server.kill()
        self.assertEqual(run("check", "--data", self.server.data), (0, "nothing wrong\n", ""))
        restart(self.server, writers)
        settle(self, writers, Seen(self.server, writers))
        post_again(self, self.server, writers, rng)

    def test_each_call_fails_once(self):
        """One client, the n-th call from now for every n: whichever part of a commit that is."""
        rng = seeded("test_fault, each call")
        writer = Writer("0", random.Random(rng.random()))
        client = self.server.client()
        while len(writer.model.users) < 3:
            self.assertEqual(writer.send(client)[1] // 100, 2)
        n_refused = 0
        for error, short_write in FAULTS:
            for nth in range(1, N_CALLS + 1):
                with self.subTest(error=errno.errorcode[error], short_write=short_write, nth=nth):
                    self.control.fail(nth, count=1, error=error, short_write=short_write)
                    while self.control.n_failed == 0:
                        _, status = writer.send(client)
                        n_refused += status == 503
                    self.control.heal()
                    # Housekeeping may be what failed. A reply may also have passed the failing call by.
                    settle(self, [writer], Seen(self.server, [writer]))
                    while writer.send(client)[1] // 100 != 2:
                        n_refused += 1
        client.close()
        print(f"{len(FAULTS) * N_CALLS} faults, {n_refused} requests refused")
        self.assertGreater(n_refused, N_CALLS)
        self.survive([writer], rng)

    def test_faults_under_load(self):
        """Four clients; faults that pass, and faults that stay for a while."""
        rng = seeded("test_fault, load")
        writers = [Writer(str(n), random.Random(rng.random())) for n in range(4)]
        load = Load(self.server, writers)
        load.start()
        self.addCleanup(setattr, load, "stopping", True)
        self.addCleanup(self.control.heal)
        for _ in range(ROUNDS):
            load.wait_for(load.n_acknowledged + 20)
            error, short_write = rng.choice(FAULTS)
            count = rng.choice((1, 3, -1))
            self.control.fail(rng.randint(1, 15), count=count, error=error, short_write=short_write)
            load.wait_until(lambda: self.control.n_failed >= (5 if count < 0 else count))
            if count < 0:  # reads go on
                client = self.server.client()
                self.assertEqual(client.get("/healthz")[0], 200)
                self.assertIn(client.get("/v1/users/u0-0/feed?limit=3")[0], (200, 503))
                client.close()
            self.control.heal()
        load.wait_for(load.n_acknowledged + 100)
        load.join()
        print(f"{ROUNDS} rounds, {load.n_acknowledged} acknowledged, {load.n_refused} refused")
        self.assertGreater(load.n_refused, ROUNDS // 2)
        client = self.server.client()
        self.assertGreater(client.get("/v1/stats")[1]["commit_failures"], 0)
        client.close()
        deadline = time.monotonic() + 20
        while not re.search(r'"level":"error","event":"commits_failed","n":\d+,"error":"[A-Z][^"]+"', self.server.log_text()):
            self.assertLess(time.monotonic(), deadline, "whoever minds the server can't see it in the log")
            select_wait(0.05)
        self.survive(writers, rng)

    def test_a_full_map(self):
        """The store's own bound, met in the middle of transactions: the map is smaller than the server knows, so it does
        not refuse in time. With the map that it asks for it then goes on."""
        rng = seeded("test_fault, full map")
        self.server.kill()
        self.server.env = dict(os.environ, **environment(self.server.data, map_bytes=1 << 19))
        self.server.start()
        writers = [Writer(str(n), random.Random(rng.random())) for n in range(4)]
        for writer in writers:
            writer.erases = False  # one that has begun answers when it has ended, which takes room
        load = Load(self.server, writers)
        load.start()
        self.addCleanup(setattr, load, "stopping", True)
        load.wait_until(lambda: load.n_refused >= 200)
        client = self.server.client()
        self.assertEqual(client.get("/v1/users/u0-0/feed?limit=3")[0], 200)
        client.close()
        load.join()
        print(f"full map: {load.n_acknowledged} acknowledged, {load.n_refused} refused")
        self.server.env = dict(os.environ)
        self.survive(writers, rng)
        for writer in writers:
            writer.erases = True
        load = Load(self.server, writers)
        load.start()
        load.wait_for(200)
        load.join()
        self.assertEqual(load.n_refused, 0)
        self.survive(writers, rng)

    def test_a_start_on_a_failing_disk(self):
        """One line, status 1, and the next start is as if nothing had been."""
        n_calls = self.control.n_calls  # of a first start
        self.assertGreater(n_calls, 3)
        for nth in range(1, n_calls + 1):
            data = tempfile.mkdtemp(prefix="mynews-fault-")
            self.addCleanup(shutil.rmtree, data, ignore_errors=True)
            control = Control(os.path.join(data, "control"))
            control.fail(nth)
            env = dict(os.environ, **environment(data, control=control.path))
            with self.subTest(nth=nth):
                status, out, error = run("serve", "--data", data, "--listen", "127.0.0.1:0", env=env)
                self.assertEqual((status, out), (1, ""))
                self.assertRegex(error, r"\Amynews serve: [^\n]+\n\Z")
                again = Server(*arguments(), data=data)
                self.assertEqual(again.stop(), 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
