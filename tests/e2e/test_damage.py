"""A store that is cut off or damaged, and copies that can't be finished: each command says one line and leaves no half of a
copy behind that could be taken for a whole one."""
import os
import random
import resource
import shutil
import signal
import subprocess
import tempfile
import unittest

from server import BINARY, SAMPLE, Server, run

PAGE = os.sysconf("SC_PAGESIZE")
# The program's own line is what is tested, so a sanitizer leaves these signals alone.
ENV = dict(os.environ, ASAN_OPTIONS=os.environ.get("ASAN_OPTIONS", "") + ":handle_segv=0:handle_sigbus=0:handle_abort=0")


def small_files():
    """In a child: a file can't grow past half a MiB, as if the disk were full there."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 19, 1 << 19))


class Damage(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="mynews-damage-")
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.whole = os.path.join(cls.folder, "whole")
        status, _, error = run("import", "--data", cls.whole, "--articles", os.path.join(SAMPLE, "stories.ndjson"),
                               "--editions", os.path.join(SAMPLE, "editions.json"), "--readers",
                               os.path.join(SAMPLE, "readers.json"), "--rebase", "now")
        assert status == 0, error
        with open(os.path.join(cls.whole, "data.mdb"), "rb") as file:
            cls.bytes = file.read()

    def path(self, name):
        path = os.path.join(self.folder, name)
        shutil.rmtree(path, ignore_errors=True)
        return path

    def store(self, data):
        path = self.path("store")
        os.mkdir(path)
        with open(os.path.join(path, "data.mdb"), "wb") as file:
            file.write(data)
        return path

    def commands(self, store):
        copy = self.path("copy")
        return [("check", "--data", store), ("export", "--data", store), ("backup", "--data", store, "--to", copy),
                ("compact", "--data", store, "--to", self.path("other")),
                ("restore", "--from", store, "--data", self.path("third"))]

    def long_articles(self):
        path = os.path.join(self.folder, "articles.ndjson")
        with open(path, "w", encoding="utf-8") as file:
            for i in range(400):
                file.write('{"id":"a%d","title":"T","body":"%s"}\n' % (i, "word " * 800))
        return path

    def fails_with_a_line(self, result, *words):
        status, _, error = result
        self.assertEqual(status, 1, error)
        self.assertRegex(error, r"\Amynews \w+: [^\n]+\n\Z")
        for word in words:
            self.assertIn(word, error)

    def test_a_store_without_its_first_pages(self):
        for length in (0, 1, PAGE, 2 * PAGE - 1):
            store = self.store(self.bytes[:length])
            for command in self.commands(store):
                with self.subTest(length=length, command=command[0]):
                    self.fails_with_a_line(run(*command, env=ENV), store + "/data.mdb", "damaged")
            if length:  # an empty file is what a first start leaves that was ended at once: it begins anew
                self.fails_with_a_line(run("serve", "--data", store, "--listen", "127.0.0.1:0", env=ENV), store + "/data.mdb")

    def test_a_store_that_ends_early(self):
        for length in (2 * PAGE, len(self.bytes) // PAGE // 2 * PAGE):
            store = self.store(self.bytes[:length])
            for command in self.commands(store):
                with self.subTest(length=length, command=command[0]):
                    if command[0] in ("check", "compact", "restore"):  # the others may not come to what is missing
                        self.fails_with_a_line(run(*command, env=ENV), "damaged")
            status, _, error = run("serve", "--data", store, "--listen", "127.0.0.1:0", env=ENV)
            self.assertIn(status, (1, -signal.SIGBUS), error)
            self.assertRegex(error, r"\Amynews serve: [^\n]*damaged[^\n]*\n\Z")

    def test_pages_that_are_no_pages(self):
        rng = random.Random(5)
        found = 0
        for round_ in range(12):
            at = rng.randrange(2, len(self.bytes) // PAGE) * PAGE
            page = bytes(PAGE) if round_ % 2 else rng.randbytes(PAGE)
            store = self.store(self.bytes[:at] + page + self.bytes[at + PAGE:])
            for command in self.commands(store):
                status, _, error = run(*command, env=ENV)
                with self.subTest(page=at // PAGE, zero=round_ % 2, command=command[0]):
                    self.assertIn(status, (0, 1), error)
                    self.assertLessEqual(error.count("\n"), 1, error)
                found += command[0] == "check" and status == 1
        self.assertGreaterEqual(found, 6)  # more than half of the pages are in use

    def test_copies_that_do_not_fit(self):
        source = self.path("source")
        status, _, error = run("import", "--data", source, "--articles", self.long_articles())
        self.assertEqual(status, 0, error)
        self.assertGreater(os.path.getsize(source + "/data.mdb"), 1 << 20)
        for command, option in (("backup", "--to"), ("compact", "--to"), ("restore", "--data")):
            to = self.path("to")
            first = ("--from", source) if command == "restore" else ("--data", source)
            with self.subTest(command=command):
                self.fails_with_a_line(run(command, *first, option, to, preexec_fn=small_files), to)
                self.assertEqual([name for name in os.listdir(to) if name != "lock"], [])
                self.assertEqual(run(command, *first, option, to)[0], 0)  # and the same command works once there is room
                self.assertEqual(run("check", "--data", to)[:2], (0, "nothing wrong\n"))

    def test_a_full_disk_is_called_one(self):
        disk = self.path("disk")
        os.mkdir(disk)
        mounted = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs -o size=1m none "$0" && exec "$@"', disk]
        if subprocess.run([*mounted, "true"], capture_output=True, check=False).returncode != 0:
            self.skipTest("no right to mount")
        done = subprocess.run([*mounted, BINARY, "import", "--data", disk + "/data", "--articles", self.long_articles()],
                              capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r"\Amynews import: [^\n]*No space left on device[^\n]*\n\Z")

    def test_export_leaves_nothing_and_needs_no_copy(self):
        server = Server(data=self.whole)
        self.addCleanup(server.clean)
        before = set(os.listdir(self.folder)), set(os.listdir(self.whole))
        status, out, error = run("export", "--data", self.whole)
        self.assertEqual((status, error, out.count("\n")), (0, "", 150))
        self.assertEqual((set(os.listdir(self.folder)), set(os.listdir(self.whole))), before)
        with open("/dev/full", "w", encoding="utf-8") as full:
            done = run_into(full, "export", "--data", self.whole)
        self.assertEqual(done, (1, "mynews export: the output could not be written\n"))


def run_into(out, *arguments):
    done = subprocess.run([BINARY, *arguments], stdout=out, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    return done.returncode, done.stderr


if __name__ == "__main__":
    unittest.main()
