"""The two servers of the benchmarks as children on free loopback ports, and the CPU time they used."""
import glob
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import time


class Problem(Exception):
    """Said in one line."""


def pinned(core, command):
    """The command on one of this process's cores: 0 for servers, 1 for the load. On a single core both share it."""
    cores = sorted(os.sched_getaffinity(0))
    return ["taskset", "-c", str(cores[min(core, len(cores) - 1)])] + command


def cpu_ns(pids):
    """CPU time of all threads, user and kernel, as the scheduler counts it."""
    total = 0
    for pid in pids:
        for path in glob.glob(f"/proc/{pid}/task/*/schedstat"):
            with open(path, encoding="ascii") as file:
                total += int(file.read().split()[0])
    return total


def sync_rate(directory, n=200):
    """How often a second the disk under a directory takes 4 KB and says that it is there."""
    path = os.path.join(directory, "sync")
    fd = os.open(path, os.O_CREAT | os.O_WRONLY)
    start = time.monotonic()
    for i in range(n):
        os.pwrite(fd, bytes(4096), i * 4096)
        os.fdatasync(fd)
    seconds = time.monotonic() - start
    os.close(fd)
    os.unlink(path)
    return n / seconds


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def get(port, path):
    return ask(port, "GET", path)


def ask(port, method, path, body=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request(method, path, body and json.dumps(body), {"Content-Type": "application/json"} if body else {})
        reply = connection.getresponse()
        answer = reply.read()
        if reply.status != 200:
            raise Problem(f"{method} {path}: {reply.status}")
        return answer
    finally:
        connection.close()


def wait_ready(process, port, path, seconds, what):
    deadline = time.monotonic() + seconds
    while True:
        try:
            get(port, path)
            return
        except (OSError, http.client.HTTPException, Problem):
            pass
        if process.poll() is not None or time.monotonic() > deadline:
            raise Problem(f"{what} did not start")
        time.sleep(0.01)


def end(process, sign=signal.SIGTERM):
    if process.poll() is None:
        process.send_signal(sign)
        try:
            process.wait(timeout=120)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class Server:
    """upkeep_ns: CPU time that passed outside the loads since begin_upkeep."""
    counted_ns = upkeep_ns = 0

    def begin_upkeep(self):
        self.counted_ns, self.upkeep_ns = cpu_ns(self.pids()), 0

    def end_upkeep(self):
        return self.upkeep_ns + cpu_ns(self.pids()) - self.counted_ns


class Mynews(Server):
    """One worker thread (beside it the writer), no access log, as nginx has none."""

    def __init__(self, binary, data, *arguments, **settings):
        os.makedirs(data, exist_ok=True)
        config = data + ".config.json"
        with open(config, "w", encoding="utf-8") as file:
            json.dump({"access_log": False, "readers_cached": 200000, **settings}, file)
        self.port = free_port()
        start = time.monotonic()
        self.process = subprocess.Popen(
            pinned(0, [binary, "serve", "--data", data, "--listen", f"127.0.0.1:{self.port}", "--threads", "1",
                       "--config", config, *arguments]), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_ready(self.process, self.port, "/readyz", 600, "mynews")
        except BaseException:
            end(self.process, signal.SIGKILL)
            raise
        self.start_s = time.monotonic() - start

    def pids(self):
        return [self.process.pid]

    def get(self, path):
        return get(self.port, path)

    def post(self, path, body):
        return json.loads(ask(self.port, "POST", path, body))

    def stats(self):
        return json.loads(self.get("/v1/stats"))

    def wait_for(self, what, reached, seconds=120):
        """Until /v1/stats is as it should be; looked at seldom, since each look costs the server CPU time too."""
        deadline = time.monotonic() + seconds
        while not reached(self.stats()):
            if time.monotonic() > deadline:
                raise Problem(f"{what}: not within {seconds} s")
            time.sleep(0.5)

    def wait_for_checkpoint(self):
        """Until every reader that was touched has been written out."""
        self.wait_for("a checkpoint's end", lambda stats: stats["readers_dirty"] == 0)

    def wait_for_slates(self):
        """Until none waits for its reader's events."""
        self.wait_for("slates' end", lambda stats: stats["learning"]["pending"] + stats["learning"]["watched"] == 0)

    def anonymous_bytes(self):
        """Memory of its own: what is mapped from the store is the kernel's to drop."""
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as file:
            return next(int(line.split()[1]) * 1024 for line in file if line.startswith("RssAnon"))

    def stop(self):
        end(self.process)

    def kill(self):
        end(self.process, signal.SIGKILL)


class Nginx(Server):
    """Static files of given sizes at nginx's best for small ones: open files cached, no sendfile, no log, keep-alive."""
    BINARY = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")

    @classmethod
    def installed(cls):
        return cls.BINARY is not None

    def __init__(self, directory, sizes):
        self.prefix = os.path.join(directory, "nginx")
        os.makedirs(os.path.join(self.prefix, "files"))
        for size in set(sizes.values()):
            with open(os.path.join(self.prefix, "files", f"{size}.json"), "wb") as file:
                file.write(b"x" * size)
        self.port = free_port()
        config = os.path.join(self.prefix, "nginx.conf")
        user = "user root;\n" if os.geteuid() == 0 else ""
        temporary = "".join(f"  {name}_temp_path {self.prefix}/{name};\n"
                            for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        with open(config, "w", encoding="utf-8") as file:
            file.write(f"""{user}daemon off;
worker_processes 1;
pid {self.prefix}/pid;
error_log stderr crit;
events {{ worker_connections 4096; multi_accept on; }}
http {{
{temporary}  access_log off;
  sendfile off;
  output_buffers 1 64k;
  tcp_nodelay on;
  keepalive_requests 1000000000;
  keepalive_timeout 600;
  open_file_cache max=100 inactive=600s;
  open_file_cache_valid 600s;
  types {{ application/json json; }}
  server {{ listen 127.0.0.1:{self.port} backlog=4096; root {self.prefix}/files; }}
}}
""")
        self.process = subprocess.Popen(pinned(0, [self.BINARY, "-p", self.prefix, "-c", config, "-e", "stderr"]),
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_ready(self.process, self.port, self.path_of(next(iter(sizes.values()))), 10, "nginx")
        except BaseException:
            end(self.process, signal.SIGKILL)
            raise

    @staticmethod
    def path_of(size):
        return f"/{size}.json"

    def pids(self):
        """The workers: what the master does is nobody's request."""
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children", encoding="ascii") as file:
            return [int(pid) for pid in file.read().split()]

    def stop(self):
        end(self.process)
        shutil.rmtree(self.prefix, ignore_errors=True)
