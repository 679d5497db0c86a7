"""A mynews server of its own for a test: started on a free port of the loopback, its data in a temporary directory."""
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

BINARY = os.environ.get("MYNEWS", "build/mynews")
SAMPLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "sample")


class Client:
    """One keep-alive connection."""

    def __init__(self, port):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def ask(self, method, path, body=None, headers=None):
        """(status, decoded body or text)"""
        headers = dict(headers or {})
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
            headers.setdefault("Content-Type", "application/json")
        if isinstance(body, str):
            body = body.encode()
        self.connection.request(method, path, body, headers)
        reply = self.connection.getresponse()
        data = reply.read()
        self.headers = reply.headers
        kind = reply.headers.get("Content-Type", "")
        return reply.status, json.loads(data) if "json" in kind and data else data

    def get(self, path, **headers):
        return self.ask("GET", path, headers=headers)

    def post(self, path, body):
        return self.ask("POST", path, body)

    def close(self):
        self.connection.close()


class Server:
    def __init__(self, *arguments, data=None, env=None, threads=2):
        self.own_data = data is None
        self.data = data or tempfile.mkdtemp(prefix="mynews-test-")
        self.arguments = list(arguments) + ["--threads", str(threads)]
        self.env = dict(os.environ, **(env or {}))
        self.process = None
        self.start()

    def start(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.log = open(os.path.join(self.data, "server.log"), "ab")
        self.process = subprocess.Popen(
            [BINARY, "serve", "--data", self.data, "--listen", f"127.0.0.1:{self.port}", *self.arguments],
            stdout=self.log, stderr=self.log, env=self.env)
        deadline = time.monotonic() + 60
        while True:
            try:
                client = self.client()
                if client.get("/readyz")[0] == 200:
                    client.close()
                    return
            except OSError:
                pass
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the server did not start: " + self.log_text()[-2000:])
            select_wait(0.02)

    def log_text(self):
        with open(os.path.join(self.data, "server.log"), encoding="utf-8", errors="replace") as log:
            return log.read()

    def client(self):
        return Client(self.port)

    def kill(self):
        """As a crash would."""
        self.process.kill()
        self.process.wait()
        self.log.close()

    def stop(self):
        """As an operator would; returns the exit status."""
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(timeout=60)
        self.log.close()
        return status

    def clean(self):
        if self.process.poll() is None:
            self.kill()
        if self.own_data:
            shutil.rmtree(self.data, ignore_errors=True)


def select_wait(seconds):
    """Between two looks at a condition."""
    import select
    select.select([], [], [], seconds)


def run(*arguments, **options):
    """Runs a command of the binary: (status, stdout, stderr)."""
    done = subprocess.run([BINARY, *arguments], capture_output=True, text=True, timeout=300, **options)
    return done.returncode, done.stdout, done.stderr


def read_lines(name):
    with open(os.path.join(SAMPLE, name), encoding="utf-8") as file:
        return [json.loads(line) for line in file]
