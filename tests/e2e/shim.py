"""tests/e2e/shim.c from the test's side: starting a server under it, reading its trace, steering its faults."""
import errno
import mmap
import os
import random
import struct
import subprocess

import server

SHIM = os.environ.get("MYNEWS_SHIM", "build/tests/e2e/shim.so")
WRITE, SYNC, TRUNCATE, DIRECTORY_SYNC = 1, 2, 3, 4
RECORD = struct.Struct("=IIQQ")
SECTOR = 512


def preload():
    """LD_PRELOAD's value. The sanitizer's library has to come first; it then calls the shim as if that were libc."""
    linked = subprocess.run(["ldd", server.BINARY], capture_output=True, text=True, check=True).stdout
    sanitizers = [line.split("=>")[1].split()[0] for line in linked.splitlines() if "libasan" in line or "libtsan" in line]
    return " ".join(sanitizers + [os.path.abspath(SHIM)])


def environment(data, **settings):
    """For Server(env=): settings are trace=, control= (paths), map_bytes= and nosync=True."""
    env = {"LD_PRELOAD": preload(), "SHIM_FILE": os.path.join(data, "data.mdb")}
    for name, value in settings.items():
        if value:
            env["SHIM_" + name.upper()] = str(value)
    return env


class Control:
    """Makes writes and syncs of the store's file fail."""
    NAMES = ("n_calls", "fail_from", "fail_count", "error", "short_write", "n_failed")

    def __init__(self, path):
        self.path = path
        with open(path, "wb") as file:
            file.write(bytes(4096))
        with open(path, "r+b") as file:
            self.memory = mmap.mmap(file.fileno(), 4096)

    def __getattr__(self, name):
        return struct.unpack_from("=q", self.memory, 8 * self.NAMES.index(name))[0]

    def put(self, name, value):
        struct.pack_into("=q", self.memory, 8 * self.NAMES.index(name), value)

    def fail(self, nth, count=-1, error=errno.EIO, short_write=False):
        """The nth call from now, 1 being the next, and count - 1 calls after it (-1: all until heal)."""
        self.put("fail_from", 0)
        self.put("error", error)
        self.put("fail_count", count)
        self.put("short_write", int(short_write))
        self.put("n_failed", 0)
        self.put("fail_from", self.n_calls + nth)

    def heal(self):
        self.put("fail_from", 0)


def read_trace(path):
    """[(end, kind, durable by itself, offset, bytes)]: end is the trace's length with the record in it. A record that a
    kill has cut short is left out."""
    with open(path, "rb") as file:
        data = file.read()
    records, at = [], 0
    while at + RECORD.size <= len(data):
        kind, is_dsync, offset, length = RECORD.unpack_from(data, at)
        at += RECORD.size + length
        if at > len(data):
            break
        records.append((at, kind, bool(is_dsync), offset, data[at - length:at]))
    return records


def put(image, offset, data):
    if len(image) < offset + len(data):
        image.extend(bytes(offset + len(data) - len(image)))
    image[offset:offset + len(data)] = data


def outside(offset, data, start, length):
    """The parts of a write that lie outside of [start, start + length)."""
    if offset < start:
        yield offset, data[:start - offset]
    if offset + len(data) > start + length:
        cut = max(0, start + length - offset)
        yield offset + cut, data[cut:]


def lose(rng, writes, share=None):
    """What of the unsynced writes reaches the disk: [(offset, bytes)], some writes whole, some torn by sectors. The share
    that is lost is drawn anew each time, so that nothing and all are both usual."""
    if share is None:
        share = rng.choice((0, 1, rng.random()))
    for offset, data in writes:
        if rng.random() >= share:
            yield offset, data
        elif share < 1 and rng.random() < 0.5:
            start = 0
            while start < len(data):  # sectors are counted from the file's start
                end = min(len(data), start + SECTOR - (offset + start) % SECTOR)
                if rng.random() < 0.5:
                    yield offset + start, data[start:end]
                start = end


class Disk:
    """The file as a disk holds it while the trace is played."""

    def __init__(self, records, image=b""):
        self.records = records
        self.played = 0
        self.image = bytearray(image)
        self.waiting = []  # written and not synced, in order

    def play(self, record):
        _, kind, is_dsync, offset, data = record
        if kind == WRITE and is_dsync:
            # The kernel writes whole pages out: an older unsynced write to the same bytes is in the page already.
            put(self.image, offset, data)
            self.waiting = [piece for o, d in self.waiting for piece in outside(o, d, offset, len(data))]
        elif kind == WRITE:
            self.waiting.append((offset, data))
        elif kind == SYNC:
            for o, d in self.waiting:
                put(self.image, o, d)
            self.waiting = []
        elif kind == TRUNCATE:
            raise AssertionError("the store never truncates its file")

    def cut(self, n_records, rng, share=None):
        """The file after a power loss when n_records had come back and the next was under way. share: of the unsynced
        writes, to lose; else drawn. Cuts only go forward."""
        while self.played < n_records:
            self.play(self.records[self.played])
            self.played += 1
        unsynced = list(self.waiting)
        if n_records < len(self.records) and self.records[n_records][1] == WRITE:
            unsynced.append(self.records[n_records][3:5])
        image = bytearray(self.image)
        for offset, data in lose(rng, unsynced, share):
            put(image, offset, data)
        return image


def seeded(name):
    """A random source whose seed is printed; MYNEWS_SEED repeats a run."""
    seed = int(os.environ.get("MYNEWS_SEED", 0)) or random.SystemRandom().randrange(1, 1 << 32)
    print(f"{name}: seed {seed} (MYNEWS_SEED={seed} repeats it)", flush=True)
    return random.Random(seed)
