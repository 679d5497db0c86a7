#!/usr/bin/env python3
"""The whole server, measured: memory, start-up, ingest, durable events, feeds beside nginx serving a file of equal size.

    python3 bench/serve.py [--stories 10000,100000,1000000] [--seconds 3] [--rates 100,300] [--json FILE] [--binary build/mynews]

Wants a release build in build/ and, for the comparison, Debian's nginx-light. The servers run on one core, one worker
each, and the load generator (mynews bench) on another; without a second core it says so. Rounds of nginx and of mynews
take turns, so that both meet the same noise; what is compared is CPU time a request of all threads, read from the
scheduler. What feeds leave to be done later, checkpoints above all, falls partly between the rounds; with what comes by
itself each minute it is given as upkeep a feed and counted in the ratio. It ends by itself (a million stories: about ten
minutes) and leaves nothing behind.
"""
import argparse
import http.client
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from servers import Mynews, Nginx, Problem, cpu_ns, pinned, sync_rate  # noqa: E402

READERS, HISTORY = 20000, 20
FEED, LATEST = "/v1/users/{user}/feed?limit=20", "/v1/latest?limit=20"


class Bench:
    def __init__(self, options):
        self.options = options
        self.generator = os.path.join(os.path.dirname(os.path.realpath(options.binary)), "..", "bench", "gen_articles")
        self.dir = tempfile.mkdtemp(prefix="bench-", dir=options.dir)
        self.now_s = int(time.time())

    # ---- load ----

    def load(self, server, seconds=None, **what):
        """One run of the generator against a server: its figures, and the server's CPU time a request and an event."""
        arguments = [self.options.binary, "bench", "--url", f"http://127.0.0.1:{server.port}", "--json",
                     "--seconds", str(seconds or self.options.seconds), "--users", str(READERS), "--articles", str(self.n)]
        for name, value in what.items():
            arguments += [f"--{name}", str(value)]
        before = cpu_ns(server.pids())
        server.upkeep_ns += before - server.counted_ns
        done = subprocess.run(pinned(1, arguments), capture_output=True, text=True,
                              timeout=60 + 2 * (seconds or self.options.seconds))
        server.counted_ns = cpu_ns(server.pids())
        cpu = server.counted_ns - before
        if not done.stdout.startswith("{"):
            raise Problem("mynews bench: " + done.stderr.strip())
        out = json.loads(done.stdout)
        wrong = out["errors"] + out["status_4xx"] + out["status_5xx"] + out["events_not_accepted"]
        if wrong:
            self.say(f"  {wrong} of {out['requests']} requests or events failed")
        out["failed"] = wrong
        out["cpu_us"] = cpu / 1000 / max(out["requests"], 1)
        out["event_cpu_us"] = cpu / 1000 / max(out["events"], 1)
        return out

    def say(self, text):
        print(text, file=sys.stderr, flush=True)

    # ---- what is loaded ----

    def generate(self, path, *arguments):
        with open(path, "wb") as out:
            subprocess.run([self.generator, *map(str, arguments)], stdout=out, check=True, timeout=600)

    def load_file(self, data, kind, path, expected):
        start = time.monotonic()
        done = subprocess.run([self.options.binary, "import", "--data", data, f"--{kind}", path], capture_output=True, text=True,
                              timeout=3600)
        seconds = time.monotonic() - start
        if done.returncode != 0 or str(expected) not in done.stdout or " 0 rejected" not in done.stdout:
            raise Problem(f"mynews import: {done.stdout} {done.stderr}")
        return expected / seconds

    def post_articles(self, port, first, n, batch=200, n_clients=4):
        """New articles over HTTP, in batches from a few connections at once: articles a second."""
        path = os.path.join(self.dir, "more.ndjson")
        self.generate(path, "articles", first, n, self.now_s)
        with open(path, "rb") as lines:
            lines = lines.readlines()
        bodies = [b"".join(lines[i:i + batch]) for i in range(0, n, batch)]
        failures, lock = [], threading.Lock()

        def client():
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
            while True:
                with lock:
                    if not bodies or failures:
                        return
                    body = bodies.pop()
                connection.request("POST", "/v1/articles", body, {"Content-Type": "application/x-ndjson"})
                reply = connection.getresponse()
                answer = reply.read()
                if reply.status != 200 or json.loads(answer)["rejected"]:
                    failures.append(answer[:300])

        threads = [threading.Thread(target=client) for _ in range(n_clients)]
        start = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        os.unlink(path)
        if failures:
            raise Problem(f"POST /v1/articles: {failures[0]!r}")
        return n / (time.monotonic() - start)

    # ---- one size ----

    def memory(self, server, empty):
        stats = server.stats()
        n = max(stats["articles_live"], 1)
        return {"articles": stats["articles_live"], "stories": stats["stories_live"],
                "bytes_an_article": (server.anonymous_bytes() - empty) / n,
                "catalog_bytes_an_article": stats["catalog_bytes"] / n, "joining_bytes_an_article": stats["stories_bytes"] / n,
                "topics_bytes_an_article": stats["topics_bytes"] / n}

    def beside_nginx(self, server):
        """Alternating rounds; ratios are taken within a round, and the median over rounds is reported."""
        sizes = {path: round(statistics.mean(len(server.get(path.replace("{user}", f"bench-{i * 7}"))) for i in range(20)))
                 for path in (FEED, LATEST)}
        rows = {name: {"body_bytes": sizes[path], "rounds": []} for name, path in (("feed", FEED), ("latest", LATEST))}
        nginx = Nginx(self.dir, sizes) if Nginx.installed() else None
        server.begin_upkeep()
        try:
            for _ in range(self.options.rounds):
                for name, path in (("feed", FEED), ("latest", LATEST)):
                    one = {}
                    if nginx:
                        one["nginx"] = self.load(nginx, rate="max", connections=64, path=nginx.path_of(sizes[path]))
                    one["mynews"] = self.load(server, rate="max", connections=64, path=path, skew=self.options.skew)
                    rows[name]["rounds"].append(one)
            server.wait_for_checkpoint()
            n_feeds = sum(r["mynews"]["requests"] for r in rows["feed"]["rounds"])
            rows["feed"]["upkeep_us"] = server.end_upkeep() / 1000 / max(n_feeds, 1)
            rows["latest"]["upkeep_us"] = 0
            for row in rows.values():
                row["per_s"] = statistics.median(r["mynews"]["requests_per_s"] for r in row["rounds"])
                row["cpu_us"] = statistics.median(r["mynews"]["cpu_us"] for r in row["rounds"])
                if nginx:
                    row["nginx_per_s"] = statistics.median(r["nginx"]["requests_per_s"] for r in row["rounds"])
                    row["nginx_cpu_us"] = statistics.median(r["nginx"]["cpu_us"] for r in row["rounds"])
                    ratios = [r["nginx"]["cpu_us"] / (r["mynews"]["cpu_us"] + row["upkeep_us"]) for r in row["rounds"]]
                    row["ratio"], row["ratio_low"], row["ratio_high"] = statistics.median(ratios), min(ratios), max(ratios)
            half = rows["feed"]["per_s"] / 2
            fixed = [("feed at half of its most", half, {})]
            fixed += [(f"feed at {rate:g} a second", rate, {}) for rate in self.options.rates]
            fixed += [("feeds and events at half", half, {"what": "mixed"})]
            rows["fixed"] = []
            for name, rate, what in fixed:
                one = self.load(server, 2 * self.options.seconds, rate=f"{rate:.1f}", connections=64, path=FEED,
                                skew=self.options.skew, **what)
                rows["fixed"].append({"name": name, "rate": rate, **one})
            if nginx:
                one = self.load(nginx, 2 * self.options.seconds, rate=f"{half:.1f}", connections=64,
                                path=nginx.path_of(sizes[FEED]))
                rows["fixed"].append({"name": "nginx at the same rate", "rate": half, **one})
        finally:
            if nginx:
                nginx.stop()
        return rows

    def size(self, n):
        self.n = n
        out = {"stories": n}
        data, file = os.path.join(self.dir, f"data-{n}"), os.path.join(self.dir, "load.ndjson")
        os.mkdir(data)
        self.say(f"{n} articles: importing")
        empty = Mynews(self.options.binary, os.path.join(self.dir, "empty"))
        empty_bytes = empty.anonymous_bytes()
        empty.stop()
        self.generate(file, "articles", 0, n, self.now_s)
        out["import_articles_per_s"] = self.load_file(data, "articles", file, n)
        self.generate(file, "events", READERS, READERS * HISTORY, n, self.now_s)
        out["import_events_per_s"] = self.load_file(data, "events", file, READERS * HISTORY)
        os.unlink(file)
        server = Mynews(self.options.binary, data)
        try:
            out["start_s"] = server.start_s
            out["memory"] = self.memory(server, empty_bytes)
            self.say(f"{n} articles: feeds, beside nginx")
            out.update(self.beside_nginx(server))
            self.say(f"{n} articles: events and articles over HTTP")
            # Readers as Zipf has it, since a reader's first event of many costs the reading of a record.
            out["events_one"] = self.load(server, rate="max", what="events", connections=256, batch=1, skew=1)
            out["events_hundred"] = self.load(server, rate="max", what="events", connections=16, batch=100, skew=1)
            stats = server.stats()
            out["reader_bytes"] = stats["readers_bytes"] / max(stats["readers_cached"], 1)
            out["readers_cached"] = stats["readers_cached"]
            out["post_articles_per_s"] = self.post_articles(server.port, n, 10000)
            out["store_bytes"] = server.stats()["store_used_bytes"]
            server.kill()
            server = Mynews(self.options.binary, data)
            out["start_after_kill_s"] = server.start_s
        finally:
            server.stop()
        shutil.rmtree(data)
        return out

    def clean(self):
        shutil.rmtree(self.dir, ignore_errors=True)


# ---- reporting ----

def rows_of(r):
    m = r["memory"]
    yield "start, open to ready (after kill -9)", f"{r['start_s']:.2f} s ({r['start_after_kill_s']:.2f} s)"
    yield "memory an article", (f"{m['bytes_an_article']:.0f} B (catalogue {m['catalog_bytes_an_article']:.0f}, joining "
                                f"{m['joining_bytes_an_article']:.0f}, topics {m['topics_bytes_an_article']:.0f})")
    yield "memory a cached reader", f"{r['reader_bytes']:.0f} B"
    yield "store, with readers, events and feeds", f"{r['store_bytes'] / r['stories']:.0f} B an article"
    yield "import: articles; events", f"{r['import_articles_per_s']:.0f}/s; {r['import_events_per_s']:.0f}/s"
    yield "articles over HTTP, 200 a batch", f"{r['post_articles_per_s']:.0f}/s"
    for key, name in (("events_one", "durable events, 1 a request, 256 conns"),
                      ("events_hundred", "durable events, 100 a request, 16 conns")):
        e = r[key]
        yield name, f"{e['events_per_s']:.0f}/s, {e['event_cpu_us']:.1f} us CPU each, p99 {e['p99_ms']:.1f} ms"
    for name in ("feed", "latest"):
        f = r[name]
        upkeep = f" and {f['upkeep_us']:.1f} us of upkeep" if f["upkeep_us"] else ""
        yield f"{name}, {f['body_bytes']} B, most", f"{f['per_s']:.0f}/s, {f['cpu_us']:.1f} us CPU each{upkeep}"
        if "ratio" in f:
            yield "  nginx, equal bytes", f"{f['nginx_per_s']:.0f}/s, {f['nginx_cpu_us']:.1f} us CPU each"
            yield "  nginx's CPU over mynews's", f"{f['ratio']:.3f} ({f['ratio_low']:.3f} to {f['ratio_high']:.3f})"
    for f in r["fixed"]:
        yield f["name"], f"{f['requests_per_s']:.0f}/s: p50 {f['p50_ms']:.2f} ms, p99 {f['p99_ms']:.2f} ms, {f['cpu_us']:.1f} us CPU"


def numbers(kind):
    return lambda text: [kind(part) for part in text.split(",") if part]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--stories", type=numbers(int), default=[10000, 100000, 1000000], help="live articles, by commas")
    parser.add_argument("--seconds", type=float, default=3, help="of one round")
    parser.add_argument("--rounds", type=int, default=3, help="of nginx and mynews in turn")
    parser.add_argument("--rates", type=numbers(float), default=[], help="further fixed rates of feeds a second, by commas")
    parser.add_argument("--skew", type=float, default=0, help="of the readers asked for: 0 uniform, which flatters no cache; 1 Zipf")
    parser.add_argument("--binary", default="build/mynews")
    parser.add_argument("--dir", default=None, help="where the data goes, a real disk (default: beside the binary)")
    parser.add_argument("--json", metavar="FILE", help="all figures; - for standard output, instead of the table")
    options = parser.parse_args()
    if not os.access(options.binary, os.X_OK):
        parser.error(f"{options.binary} is not there: meson setup build --buildtype=release -Db_ndebug=true && ninja -C build")
    options.dir = options.dir or os.path.dirname(os.path.abspath(options.binary))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    bench = Bench(options)
    if not Nginx.installed():
        bench.say("nginx is not installed, so nothing stands beside mynews: apt-get install nginx-light")
    if len(os.sched_getaffinity(0)) < 2:
        bench.say("there is one core only: the load generator disturbs what it measures")
    out = {"cpus": os.cpu_count(), "load_before": os.getloadavg()[0], "sync_per_s": sync_rate(bench.dir), "sizes": []}
    try:
        for n in options.stories:
            result = bench.size(n)
            out["sizes"].append(result)
            if options.json != "-":
                print(f"\n{n} articles, {READERS} readers with {HISTORY} events each on average")
                for name, value in rows_of(result):
                    print(f"  {name:<42} {value}")
                sys.stdout.flush()
    except Problem as problem:
        bench.say(f"bench/serve.py: {problem}")
        return 1
    finally:
        bench.clean()
    out["load_after"] = os.getloadavg()[0]
    print(f"\nbare fdatasync of 4 KB: {out['sync_per_s']:.0f}/s; load average {out['load_before']:.2f} before, "
          f"{out['load_after']:.2f} after", file=sys.stderr if options.json == "-" else sys.stdout)
    if options.json == "-":
        json.dump(out, sys.stdout, indent=1)
    elif options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(out, file, indent=1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
