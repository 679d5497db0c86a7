"""kill -9 under write load: what was acknowledged is there, of what was under way all or nothing.

MYNEWS_LONG=1 kills 100 times."""
import os
import random
import unittest

from server import Server, run
from shim import seeded
from writers import Load, Seen, Writer, arguments, post_again, restart, settle

KILLS = 100 if os.environ.get("MYNEWS_LONG") else 10
WRITERS = 6


def interests(server, writers):
    client = server.client()
    found = {user: client.get(f"/v1/users/{user}/interests") for w in writers for user in w.model.users}
    client.close()
    return found


class Kill(unittest.TestCase):
    def test_kill_under_load(self):
        rng = seeded("test_kill")
        writers = [Writer(str(n), random.Random(rng.random())) for n in range(WRITERS)]
        server = Server(*arguments())
        self.addCleanup(server.clean)
        total, n_under_way = 0, 0
        for kill in range(KILLS):
            load = Load(server, writers)
            load.start()
            load.wait_for(rng.randrange(1, 800))
            server.kill()
            load.join()
            total += load.n_acknowledged
            n_under_way += sum(w.under_way is not None for w in writers)
            self.assertEqual(run("check", "--data", server.data), (0, "nothing wrong\n", ""))
            restart(server, writers)
            settle(self, writers, Seen(server, writers))
            post_again(self, server, writers, rng)
            settle(self, writers, Seen(server, writers))
            if kill % 5 == 0:  # replayed from the log's tail, and read from checkpoints: the same interests
                before = interests(server, writers)
                self.assertEqual(server.stop(), 0)
                restart(server, writers)
                self.assertEqual(interests(server, writers), before)
        print(f"{KILLS} kills, {total} acknowledged requests, {n_under_way} under way when killed")
        self.assertGreater(n_under_way, KILLS)  # or the kills hit nothing


if __name__ == "__main__":
    unittest.main(verbosity=2)
