"""The server as a process: a second one is refused, SIGTERM finishes what is being asked, SIGHUP reloads under load."""
import hashlib
import json
import os
import random
import re
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

from server import BINARY, SAMPLE, Server, run, select_wait
from shim import seeded
from writers import Load, Seen, Writer, arguments, restart, settle


def wait_for(condition, what, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what
        select_wait(0.005)


def refused(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except ConnectionError:
        return True
    return False


class Folder(unittest.TestCase):
    def folder(self):
        path = tempfile.mkdtemp(prefix="mynews-process-")
        self.addCleanup(shutil.rmtree, path, ignore_errors=True)
        return path

    def one_line(self, result, words):
        status, out, error = result
        self.assertEqual((status, out), (1, ""), error)
        self.assertRegex(error, r"\Amynews \w+: [^\n]+\n\Z")
        for word in words:
            self.assertIn(word, error)


class Second(Folder):
    def test_a_second_server_says_one_line(self):
        server = Server()
        self.addCleanup(server.clean)
        other = os.path.join(self.folder(), "other")
        listen = f"127.0.0.1:{server.port}"
        self.one_line(run("serve", "--data", other, "--listen", listen), [listen, "in use"])
        self.assertFalse(os.path.exists(other))  # it hasn't touched the data
        self.one_line(run("serve", "--data", server.data, "--listen", "127.0.0.1:0"), [server.data, "in use"])
        self.one_line(run("serve", "--data", server.data, "--listen", listen), ["in use"])
        self.one_line(run("compact", "--data", server.data, "--to", other), [server.data, "in use"])
        client = server.client()
        self.assertEqual(client.get("/readyz")[0], 200)
        client.close()
        server.kill()  # the lock goes with the process, however it ends
        server.start()
        self.assertEqual(server.stop(), 0)


class Files(Folder):
    def serve(self, soft, hard):
        data = self.folder()
        process = subprocess.Popen([BINARY, "serve", "--data", data, "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True,
                                   preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard)))
        process.stdout.readline()  # it serves
        limit = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
        process.terminate()
        return limit, process.communicate(timeout=60)[1]

    def test_as_many_files_as_connections_are_asked_for(self):
        (soft, _), said = self.serve(256, 16384)
        self.assertGreater(soft, 10000)
        self.assertNotIn("max_connections", said)
        limit, said = self.serve(256, 512)
        self.assertEqual(limit, (512, 512))
        self.assertRegex(said, r"\Amynews serve: may open 512 files, too few for max_connections 10000[^\n]*\n")


class Output(Folder):
    """Results that can't be written are a failure, said in one line."""

    def write(self, *arguments):
        with open("/dev/full", "w", encoding="utf-8") as full:
            done = subprocess.run([BINARY, *arguments], stdout=full, stderr=subprocess.PIPE, text=True, timeout=300)
        return done.returncode, done.stderr

    def test_a_full_disk(self):
        data, log = os.path.join(self.folder(), "data"), os.path.join(SAMPLE, "mind", "behaviors.tsv")
        for arguments in (["import", "--data", data, "--articles", os.path.join(SAMPLE, "stories.ndjson")],
                          ["export", "--data", data], ["check", "--data", data], ["eval", "--behaviors", log],
                          ["eval", "--behaviors", log, "--json"], ["config"], ["eval", "--help"], ["--version"], ["help"]):
            with self.subTest(arguments=arguments):
                status, error = self.write(*arguments)
                self.assertEqual(status, 1)
                self.assertRegex(error, rf"\Amynews {arguments[0]}: the output could not be written[^\n]*\n\Z")
        self.assertEqual(run("check", "--data", data), (0, "nothing wrong\n", ""))
        self.assertEqual(run("export", "--data", data)[1].count("\n"), 150)  # the import was done all the same
        self.assertEqual(self.write("import")[0], 2)  # nothing was to be written

    def test_a_server_goes_without(self):
        """Its one line is no result: it may go nowhere."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        with open("/dev/full", "w", encoding="utf-8") as full:
            process = subprocess.Popen([BINARY, "serve", "--data", self.folder(), "--listen", f"127.0.0.1:{port}"],
                                       stdout=full, stderr=subprocess.PIPE, text=True)
        wait_for(lambda: not refused(port), "it serves")
        process.terminate()
        self.assertNotIn("output", process.communicate(timeout=60)[1])
        self.assertEqual(process.returncode, 0)


class Slow:
    """A request sent in pieces. The server has read each piece before the next is sent: the first ends with a head that
    expects 100-continue, later ones are in a socket that the server reads before it closes."""

    def __init__(self, port, article):
        self.body = json.dumps({"id": article, "title": f"title {article}", "language": "en", "source": "paper"}).encode()
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.sendall(b"POST /v1/articles HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                            b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(self.body))
        assert self.read_head().startswith(b"HTTP/1.1 100 ")

    def read_head(self):
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            byte = self.socket.recv(1)
            assert byte, head
            head += byte
        return head

    def finish(self):
        """Byte by byte; the reply, up to the connection's end."""
        for i in range(len(self.body)):
            self.socket.sendall(self.body[i:i + 1])
        reply = b""
        while data := self.socket.recv(65536):
            reply += data
        self.socket.close()
        return reply


class Terminate(Folder):
    def test_requests_under_way_are_finished(self):
        server = Server()
        self.addCleanup(server.clean)
        slow = [Slow(server.port, f"slow{i}") for i in range(6)]
        idle = socket.create_connection(("127.0.0.1", server.port), timeout=60)
        idle.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        self.assertTrue(idle.recv(65536).startswith(b"HTTP/1.1 200 "))
        half = socket.create_connection(("127.0.0.1", server.port), timeout=60)
        half.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        self.assertTrue(half.recv(65536).startswith(b"HTTP/1.1 200 "))
        half.sendall(b"GET /healthz HTTP/1.1\r\nHo")
        server.process.send_signal(signal.SIGTERM)
        self.assertEqual(idle.recv(65536), b"")  # an idle connection is closed at once: the drain has begun
        idle.close()
        wait_for(lambda: refused(server.port), "new connections are refused")
        self.assertIsNone(server.process.poll())
        for request in slow:
            reply = request.finish()
            self.assertTrue(reply.startswith(b"HTTP/1.1 200 "), reply)
            self.assertIn(b"connection: close", reply.lower())
        for byte in b"st: x\r\n\r\n":
            half.sendall(bytes([byte]))
        self.assertTrue(half.recv(65536).startswith(b"HTTP/1.1 200 "))
        half.close()
        self.assertEqual(server.process.wait(60), 0)
        server.log.close()
        self.assertEqual(run("check", "--data", server.data)[0], 0)
        server.start()
        client = server.client()
        for i in range(6):
            self.assertEqual(client.get(f"/v1/articles/slow{i}")[0], 200)
        client.close()
        self.assertEqual(server.stop(), 0)

    def test_a_request_that_never_ends_does_not_hold_it(self):
        config = os.path.join(self.folder(), "config.json")
        with open(config, "w", encoding="utf-8") as file:
            json.dump({"drain_timeout_ms": 200}, file)
        server = Server("--config", config)
        self.addCleanup(server.clean)
        slow = Slow(server.port, "never")
        self.assertEqual(server.stop(), 0)  # within the default body_timeout_ms, which is 30 s
        self.assertEqual(slow.socket.recv(1), b"")
        slow.socket.close()

    def test_terminated_under_load(self):
        rng = seeded("test_process, terminate")
        writers = [Writer(str(n), random.Random(rng.random())) for n in range(4)]
        server = Server(*arguments())
        self.addCleanup(server.clean)
        for _ in range(5):
            load = Load(server, writers)
            load.start()
            load.wait_for(rng.randrange(1, 200))
            self.assertEqual(server.stop(), 0)
            load.join()
            self.assertEqual(run("check", "--data", server.data), (0, "nothing wrong\n", ""))
            restart(server, writers)
            settle(self, writers, Seen(server, writers))


KEY = "a-key-of-the-desk"


class Reload(Folder):
    def setUp(self):
        self.models, self.config = self.folder(), os.path.join(self.folder(), "config.json")
        self.put_model("default", "1")
        self.put_config()
        self.server = Server("--config", self.config, "--clock", arguments()[3])
        self.addCleanup(self.server.clean)
        self.n_reloads = 0

    def put_config(self, text=None, **settings):
        """Whole or not at all, as an editor who moves a finished file into place."""
        with open(self.config + ".new", "w", encoding="utf-8") as file:
            file.write(text if text is not None else json.dumps(dict({"models_dir": self.models}, **settings)))
        os.replace(self.config + ".new", self.config)

    def put_model(self, stem, version, text=None, name=None):
        path = os.path.join(self.models, stem + ".json")
        with open(path + ".new", "w", encoding="utf-8") as file:
            file.write(text if text is not None else json.dumps(
                {"name": name or stem, "version": version, "kind": "linear", "weights": {"fresh": 1.0}}))
        os.replace(path + ".new", path)

    def reload(self):
        self.n_reloads += 1
        self.server.process.send_signal(signal.SIGHUP)
        wait_for(lambda: self.server.log_text().count('"event":"reloaded"') == self.n_reloads,
                 "the reload is logged: " + self.server.log_text()[-500:])

    def refuse(self, word):
        """A reload that logs one line, says nothing else and changes nothing."""
        before = self.server.log_text()
        self.server.process.send_signal(signal.SIGHUP)

        def lines():
            """Those that have ended."""
            return [line for line in self.server.log_text()[len(before):].split("\n")[:-1] if '"event":"request"' not in line]

        wait_for(lines, "a line that says why")
        self.assertEqual(len(lines()), 1)
        line = json.loads(lines()[0])
        self.assertEqual((line["level"], line["event"]), ("warn", "reload_refused"))
        self.assertIn(word, line["reason"])
        self.assertEqual(self.server.log_text().count('"event":"reloaded"'), self.n_reloads)

    def version(self, headers=None):
        client = self.server.client()
        status, feed = client.ask("GET", "/v1/users/u/feed", headers=headers)
        client.close()
        return feed["model_version"] if status == 200 else status

    def test_an_unknown_model_is_told_the_known_ones(self):
        client = self.server.client()
        self.addCleanup(client.close)
        for names in (["default"], ["default", "a-fine-one", "z" * 64], ["default"] + [f"{i}" * 64 for i in range(7)]):
            for name in names:
                self.put_model(name[:9], "1", name=name)
            self.reload()
            known = "names no known model; known are: " + ", ".join(names)
            for answer in (client.get("/v1/users/u/feed?model=defualt"), client.get("/v1/users/u/explain/a?model=defualt"),
                           client.post("/v1/rank", {"user_id": "u", "articles": ["a"], "model": "defualt"})):
                self.assertEqual((answer[0], answer[1]["code"], answer[1]["errors"]),
                                 (422, "unknown_model", [{"pointer": "/model", "detail": known}]))
                self.assertEqual(answer[1]["detail"], "/model " + known)
            self.assertEqual(client.get(f"/v1/users/u/feed?model={names[-1]}")[1]["model"], names[-1])
            self.assertEqual(client.get("/v1/users/u/feed?model=")[1]["model"], "default")  # empty is absent
            for name in names[1:]:
                os.unlink(os.path.join(self.models, name[:9] + ".json"))

    def test_reload_under_load(self):
        rng = seeded("test_process, reload")
        writers = [Writer(str(n), random.Random(rng.random())) for n in range(4)]
        load = Load(self.server, writers)
        load.start()
        self.addCleanup(setattr, load, "stopping", True)
        for version in range(2, 22):
            self.put_model("default", str(version))
            self.put_config(access_log=version % 2 == 0, key_burst=version * 10)
            self.reload()
            self.assertEqual(self.version(), str(version))
            load.wait_for(load.n_acknowledged + 5)
        load.join()  # any answer but 2xx has raised
        self.assertEqual(load.n_refused, 0)
        settle(self, writers, Seen(self.server, writers))
        self.assertEqual(self.server.stop(), 0)

    def test_keys_come_and_go(self):
        entry = {"name": "desk", "sha256": hashlib.sha256(KEY.encode()).hexdigest(),
                 "scopes": ["read", "write"]}
        self.put_config(keys=[entry])
        self.reload()
        self.assertEqual(self.version(), 401)
        self.assertEqual(self.version({"Authorization": f"Bearer {KEY}"}), "1")
        other = dict(entry, sha256=hashlib.sha256(b"another").hexdigest())
        self.put_config(keys=[other])
        self.reload()
        self.assertEqual(self.version({"Authorization": f"Bearer {KEY}"}), 401)
        self.assertEqual(self.version({"Authorization": "Bearer another"}), "1")
        # A file that has lost its keys must not open what stands behind a proxy.
        self.put_config()
        self.refuse("the last key can't go")
        self.assertEqual(self.version(), 401)
        self.assertEqual(self.version({"Authorization": "Bearer another"}), "1")

    def test_what_waits_for_a_start_is_named(self):
        self.put_config(threads=3, live_days=9, access_log=False)
        self.reload()
        line = json.loads(next(line for line in self.server.log_text().splitlines() if '"event":"reloaded"' in line))
        self.assertEqual((line["level"], line["after_restart"]), ("warn", ["threads", "live_days"]))

    def test_the_program_says_its_version(self):
        with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../meson.build"), encoding="utf-8") as file:
            version = re.search(r"version: '([^']+)'", file.read())[1]
        self.assertEqual(run("--version"), (0, f"mynews {version}\n", ""))

    def test_check_says_what_serve_would(self):
        entry = {"name": "desk", "sha256": hashlib.sha256(KEY.encode()).hexdigest(), "scopes": ["read"]}
        self.assertEqual(run("config", "--check", self.config), (0, f"{self.config}: good\n", ""))
        self.put_config(listen="0.0.0.0:8080", keys=[entry])
        self.assertEqual(run("config", "--check", self.config)[0], 0)
        for settings, word in (({"listen": "0.0.0.0:8080"}, "/keys"), ({"default_model": "absent"}, "absent"),
                               ({"models_dir": self.models + "/nowhere"}, "nowhere"), ({"listen": "127.0.0.1"}, "/listen")):
            with self.subTest(settings=settings):
                self.put_config(**settings)
                status, out, error = run("config", "--check", self.config)
                self.assertEqual((status, out), (1, ""))
                self.assertRegex(error, r"\A[^\n]*" + word + r"[^\n]*\n\Z")
        self.put_model("broken", None, "{")
        self.put_config()
        status, out, error = run("config", "--check", self.config)
        self.assertEqual((status, out), (1, ""))
        self.assertIn("broken", error)

    def test_bad_settings_change_nothing(self):
        good = {"models_dir": self.models}
        for text, word in (("{", "config.json"), ("[]", "config.json"), (json.dumps(dict(good, threads=-1)), "threads"),
                           (json.dumps(dict(good, unheard_of=1)), "unheard_of"),
                           (json.dumps({"models_dir": self.models + "/nowhere"}), "nowhere"),
                           (json.dumps(dict(good, default_model="absent")), "absent")):
            with self.subTest(text=text):
                self.put_model("default", "2")  # good, and not to be taken along
                self.put_config(text)
                self.refuse(word)
                self.assertEqual(self.version(), "1")
        self.put_config('{"keys":[{"name":"desk","sha256" "' + KEY + '"}]}')
        self.refuse("is not JSON")
        self.assertNotIn(KEY, self.server.log_text())
        self.put_config()
        for text in ("{", '{"name":"default"}', '{"name":"default","version":"3","kind":"no such"}'):
            with self.subTest(model=text):
                self.put_model("default", None, text)
                self.refuse("default")
                self.assertEqual(self.version(), "1")
        os.unlink(os.path.join(self.models, "default.json"))
        self.refuse("default")
        self.assertEqual(self.version(), "1")
        self.put_model("default", "4")
        self.reload()
        self.assertEqual(self.version(), "4")

    def test_two_models_of_one_name(self):
        """Neither file wins: a reload is refused, and so are a check and a start."""
        words = "models other and zebra: both have the name twin;"
        self.put_model("zebra", "2", name="twin")
        self.reload()
        self.put_model("other", "3", name="twin")
        self.refuse(words)
        self.assertEqual(self.version(), "1")
        for command in (("config", "--check", self.config),
                        ("serve", "--config", self.config, "--data", self.folder(), "--listen", "127.0.0.1:0")):
            status, out, error = run(*command)
            self.assertEqual((status, out), (1, ""))
            self.assertIn(words, error)
        self.put_model("other", "3")
        self.reload()

    def test_a_model_is_a_regular_file(self):
        """A FIFO nobody writes into is not waited for: by no start, no reload and no check."""
        odd = os.path.join(self.models, "odd.json")

        def listen():
            with socket.socket(socket.AF_UNIX) as listener:
                listener.bind(odd)

        for make in (lambda: os.mkfifo(odd), lambda: os.mkdir(odd), lambda: os.symlink("/dev/zero", odd), listen):
            make()
            self.refuse("odd.json can't be read: it is no regular file")
            for command in (("config", "--check", self.config),
                            ("serve", "--config", self.config, "--data", self.folder(), "--listen", "127.0.0.1:0")):
                status, out, error = run(*command)
                self.assertEqual((status, out), (1, ""))
                self.assertRegex(error, r"\A[^\n]*odd\.json can't be read: it is no regular file\n\Z")
            os.rmdir(odd) if os.path.isdir(odd) else os.unlink(odd)
        # Names that are no UTF-8, or are cut within a letter: whichever of the two shapes the folder's length makes that of.
        folder = os.fsencode(self.models)
        for path, name in ((folder + b"/caf\xe9\n.json", "caf?\n.json"), (folder + b"/" + "é".encode() * 100 + b".json", ""),
                           (folder + b"/x" + "é".encode() * 100 + b".json", "")):
            os.mkfifo(path)
            self.refuse(name)
            os.unlink(path)
        os.mkfifo(odd)
        self.refuse("odd.json")
        self.assertEqual(self.version(), "1")
        self.assertEqual(self.server.stop(), 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
