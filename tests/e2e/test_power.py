"""Power loss: every acknowledged request is there, whichever of the writes not yet synced the disk lost.

A server runs under the shim, which keeps each write and sync of the store's file in order; clients note how long the
trace was when they asked and when they were answered. Then the file is rebuilt as a disk would hold it at random cuts:
all that was synced, any subset of what was not, single writes torn by sectors. `mynews check` must find nothing and
a server on it must show all that was acknowledged before the cut, and of what was under way all or nothing.

The same is done to a mutant that opens its store with MDB_NOSYNC, and must fail.

MYNEWS_LONG=1 makes 300 cuts of it and 40 of the mutant."""
import copy
import os
import random
import shutil
import subprocess
import tempfile
import unittest

import server
from server import Server
from shim import DIRECTORY_SYNC, SYNC, WRITE, Disk, environment, read_trace, seeded
from writers import Load, Model, Seen, Writer, apply, arguments, post_again, settle

LONG = bool(os.environ.get("MYNEWS_LONG"))
CUTS, MUTANT_CUTS = (300, 40) if LONG else (40, 6)
WRITERS, REQUESTS = 4, 1500 if LONG else 400


class Recorded:
    """A run under the shim: its trace and each writer's acknowledged operations with their places in it."""

    def __init__(self, test, rng, nosync):
        data = tempfile.mkdtemp(prefix="mynews-power-")
        test.addCleanup(shutil.rmtree, data, ignore_errors=True)
        self.image = b""
        if nosync:  # begins as a sound store, so that what is missing later is the mutant's doing
            Server(*arguments(), data=data).stop()
            with open(os.path.join(data, "data.mdb"), "rb") as file:
                self.image = file.read()
        trace = os.path.join(data, "trace")
        self.server = Server(*arguments(), data=data, env=environment(data, trace=trace, nosync=nosync))
        test.addCleanup(self.server.clean)
        self.start = os.stat(trace).st_size  # the server is ready: from here on a disk holds a store
        self.writers = [Writer(str(n), random.Random(rng.random())) for n in range(WRITERS)]
        self.operations = {w.name: [] for w in self.writers}  # [(asked at, answered at, operation)]
        load = Load(self.server, self.writers,
                    lambda w, op, before, after: self.operations[w.name].append((before, after, op)))
        load.position = lambda: os.stat(trace).st_size
        load.start()
        load.wait_for(REQUESTS)
        self.server.kill()
        load.join()
        self.end = os.stat(trace).st_size
        for writer in self.writers:  # asked before the kill and never answered
            if writer.under_way:
                last = self.operations[writer.name][-1:]
                self.operations[writer.name].append((last[0][1] if last else self.start, self.end + 1, writer.under_way))
        self.records = read_trace(trace)
        os.unlink(trace)

    def writers_at(self, place):
        """The writers as they stood when the trace was that long."""
        result = []
        for writer in self.writers:
            then = Writer(writer.name, random.Random(0))
            then.model, then.seconds = Model(), writer.seconds
            for before, after, op in self.operations[writer.name]:
                if after <= place:
                    apply(then.model, op)
                elif before <= place and then.under_way is None:
                    then.under_way = copy.deepcopy(op)
            result.append(then)
        return result


class Lacking(AssertionError):
    """The store is sound and acknowledged requests are not in it."""


def check(data):
    """What mynews check says; a damaged file may also crash it or keep it busy, which is an answer too."""
    try:
        done = subprocess.run([server.BINARY, "check", "--data", data], capture_output=True, text=True, timeout=120)
    except subprocess.TimeoutExpired:
        return "took two minutes"
    return "" if done.returncode == 0 else f"status {done.returncode}: {(done.stdout + done.stderr)[:500]}"


class Power(unittest.TestCase):
    def reopen(self, image, writers, rng):
        data = tempfile.mkdtemp(prefix="mynews-power-")
        self.addCleanup(shutil.rmtree, data, ignore_errors=True)
        with open(os.path.join(data, "data.mdb"), "wb") as file:
            file.write(image)
        try:
            self.assertEqual(check(data), "")
            again = Server(*arguments(writers[0].seconds), data=data)
            try:
                seen = Seen(again, writers)
                try:
                    settle(self, writers, seen)
                except AssertionError as error:
                    raise Lacking(str(error)) from None
                post_again(self, again, writers, rng)
                self.assertEqual(check(data), "")
            finally:
                again.clean()
        finally:
            shutil.rmtree(data)

    def cuts(self, recorded, rng, n):
        """Places (number of records that came back): anywhere behind the start, and as often right at a sync or the
        meta page, where an order that is wrong shows."""
        first = sum(record[0] <= recorded.start for record in recorded.records)
        edges = [i for i in range(first, len(recorded.records))
                 if recorded.records[i][1] == SYNC or recorded.records[i][2] or recorded.records[i - 1][1] == SYNC]
        n_edges = min(n // 2, len(edges))
        return sorted([rng.randrange(first, len(recorded.records)) for _ in range(n - n_edges)] + rng.sample(edges, n_edges))

    def test_acknowledged_is_durable(self):
        rng = seeded("test_power")
        recorded = Recorded(self, rng, nosync=False)
        records = recorded.records
        # The file's name has to be as durable as what is in it.
        named = [record[0] for record in records if record[1] == DIRECTORY_SYNC]
        self.assertTrue(named and named[0] <= recorded.start, "the directory was not synced before the server was ready")
        disk, n_lost = Disk(records), 0
        for n in self.cuts(recorded, rng, CUTS):
            image = disk.cut(n, rng)
            n_lost += len(disk.waiting)
            place = records[n - 1][0]
            with self.subTest(cut=n):
                self.reopen(image, recorded.writers_at(place), rng)
        n_acknowledged = sum(after <= recorded.end for ops in recorded.operations.values() for _, after, _ in ops)
        print(f"{CUTS} cuts of {len(records)} records ({sum(r[1] == WRITE for r in records)} writes, "
              f"{sum(r[1] == SYNC for r in records)} syncs), {n_acknowledged} acknowledged, "
              f"{n_lost} unsynced writes at the cuts")
        self.assertGreater(n_lost, CUTS)  # or there was nothing to lose

    def test_a_store_without_syncs_loses(self):
        """The test above must be able to fail."""
        rng = seeded("test_power, mutant")
        recorded = Recorded(self, rng, nosync=True)
        self.assertFalse([r for r in recorded.records if r[1] == SYNC or r[2]], "the mutant syncs")
        disk, n_lacking, n_broken = Disk(recorded.records, recorded.image), 0, 0
        for i, n in enumerate(self.cuts(recorded, rng, MUTANT_CUTS)):
            image = disk.cut(n, rng, share=1 if i % 2 else None)
            try:
                self.reopen(image, recorded.writers_at(recorded.records[n - 1][0]), rng)
            except Lacking:
                n_lacking += 1
            except (AssertionError, OSError, RuntimeError):
                n_broken += 1
        print(f"mutant: of {MUTANT_CUTS} cuts {n_lacking} lack acknowledged requests, {n_broken} leave a broken store")
        self.assertGreater(n_lacking, 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
