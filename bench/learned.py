#!/usr/bin/env python3
"""What the learning model costs: CPU time a feed with it and with the linear one, in turn, by a server with 10,000 articles.

    python3 bench/learned.py [--servers 3] [--rounds 9] [--seconds 1] [--slates 600] [--articles 10000] [--json FILE]
                             [--binary build/mynews]

Wants a release build in build/. First the model is taught: slates of as many readers, each seen whole and one of it opened,
are learnt all at once on a clock set by hand, which gives the cost of learning one. Then rounds of feeds of 20 by both
models take turns on one core, one worker, the load generator on another core. A round's CPU time is that of all threads,
until the last slate that it left waiting is closed (here after a second instead of ten minutes), so that nothing which a
feed leaves to be done later is forgotten. A difference is taken within each round; as where a process's memory comes to
lie makes a difference too, several servers are measured one after the other. The figure is the median of all rounds.
"""
import argparse
import json
import os
import random
import shutil
import signal
import statistics
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from serve import FEED, HISTORY, READERS, Bench  # noqa: E402
from servers import Mynews, Problem, cpu_ns  # noqa: E402

MODELS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "models")
PATHS = {"linear": FEED, "learned": FEED + "&model=learned"}


class LearnedBench(Bench):
    def models_folder(self, delay_s):
        """The models as they come, but for how long slates wait."""
        folder = os.path.join(self.dir, f"models-{delay_s}")
        os.mkdir(folder)
        for name in os.listdir(MODELS):
            if name.endswith(".json"):
                with open(os.path.join(MODELS, name), encoding="utf-8") as file:
                    model = json.load(file)
                model.setdefault("learn", {})["delay_s"] = delay_s
                with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                    json.dump(model, file)
        return folder

    def fill(self, data):
        os.mkdir(data)
        file = os.path.join(self.dir, "load.ndjson")
        self.generate(file, "articles", 0, self.n, self.now_s)
        self.load_file(data, "articles", file, self.n)
        self.generate(file, "events", READERS, READERS * HISTORY, self.n, self.now_s)
        self.load_file(data, "events", file, READERS * HISTORY)

    def teach(self, data):
        """Slates with one story opened, in three of four the first of the reader's sections; CPU us that learning one takes."""
        rng, n = random.Random(1), self.options.slates
        server = Mynews(self.options.binary, data, "--clock", "manual", models_dir=self.models_folder(600))
        try:
            for reader in range(n):
                user = f"bench-{reader}"
                feed = json.loads(server.get(PATHS["learned"].replace("{user}", user)))
                items = feed["items"]
                opened = items[0] if rng.random() < 0.75 else rng.choice(items)
                events = [{"user_id": user, "article_id": item["article"]["id"], "type": kind, "feed_id": feed["feed_id"],
                           "position": item["position"]}
                          for item in items for kind in ("impression", "click")[:2 if item is opened else 1]]
                if server.post("/v1/events", events)["rejected"]:
                    raise Problem("POST /v1/events: refused")
            before = cpu_ns(server.pids())
            server.post("/v1/admin/clock", {"advance_s": 601})
            server.wait_for("all slates learnt", lambda stats: stats["learning"]["learnt"] >= n)
            return (cpu_ns(server.pids()) - before) / 1000 / n
        finally:
            server.stop()

    def round(self, server, path):
        """CPU us a feed of all threads, until nothing of the round is left waiting."""
        before = cpu_ns(server.pids())
        done = self.load(server, rate=self.options.rate, connections=64, path=path)
        server.wait_for_slates()
        if done["failed"]:
            raise Problem("feeds failed")
        return (cpu_ns(server.pids()) - before) / 1000 / done["requests"], done["requests_per_s"]

    def rounds(self, server):
        for name in PATHS:  # readers come into memory
            self.load(server, rate="max", connections=64, path=PATHS[name])
        server.wait_for_slates()
        for i in range(self.options.rounds):
            one = {}
            for name in sorted(PATHS, reverse=i % 2 == 0):
                one[name], one[name + "_per_s"] = self.round(server, PATHS[name])
            one["more"] = one["learned"] - one["linear"]
            self.say(f"  linear {one['linear']:.1f}, learned {one['learned']:.1f}, {one['more']:+.1f} us")
            yield one

    def measure(self):
        out = {"articles": self.n, "rounds": [], "by_server": []}
        data = os.path.join(self.dir, "data")
        self.fill(data)
        out["learning_us"] = self.teach(data)
        models_dir = self.models_folder(1)
        for _ in range(self.options.servers):
            server = Mynews(self.options.binary, data, models_dir=models_dir)
            try:
                rounds = list(self.rounds(server))
                out["learnt"] = server.stats()["learning"]["learnt"]
            finally:
                server.stop()
            out["rounds"] += rounds
            out["by_server"].append(statistics.median(one["more"] for one in rounds))
        for name in ("linear", "learned", "more", "linear_per_s", "learned_per_s"):
            out[name] = statistics.median(one[name] for one in out["rounds"])
        return out


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--articles", type=int, default=10000)
    parser.add_argument("--slates", type=int, default=600, help="that the model is taught first")
    parser.add_argument("--servers", type=int, default=3, help="one after the other")
    parser.add_argument("--rounds", type=int, default=9, help="of each server")
    parser.add_argument("--seconds", type=float, default=1, help="of one round")
    parser.add_argument("--rate", default="max", help="feeds a second")
    parser.add_argument("--binary", default="build/mynews")
    parser.add_argument("--dir", default=None, help="where the data goes, a real disk (default: beside the binary)")
    parser.add_argument("--json", metavar="FILE", help="all figures too; - for standard output, instead of the table")
    options = parser.parse_args()
    options.dir = options.dir or os.path.dirname(os.path.abspath(options.binary))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    bench = LearnedBench(options)
    bench.n = options.articles
    load_before = os.getloadavg()[0]
    try:
        out = bench.measure()
    except Problem as problem:
        bench.say(f"bench/learned.py: {problem}")
        return 1
    finally:
        shutil.rmtree(bench.dir, ignore_errors=True)
    out["load_before"], out["load_after"] = load_before, os.getloadavg()[0]
    if options.json != "-":
        more = [one["more"] for one in out["rounds"]]
        print(f"{out['articles']} articles, {out['learnt']} slates learnt, CPU us a feed of 20, all threads, medians of "
              f"{len(more)} rounds")
        print(f"  linear   {out['linear']:7.1f}   ({out['linear_per_s']:.0f}/s)")
        print(f"  learned  {out['learned']:7.1f}   ({out['learned_per_s']:.0f}/s)")
        by_server = ", ".join(f"{x:.1f}" for x in out["by_server"])
        print(f"  more     {out['more']:7.1f}   (by server {by_server}; rounds {min(more):.1f} to {max(more):.1f})")
        print(f"  learning {out['learning_us']:7.1f}   each slate that something was opened of, once")
        print(f"load average {out['load_before']:.2f} before, {out['load_after']:.2f} after")
    if options.json:
        with open(options.json, "w", encoding="utf-8") if options.json != "-" else sys.stdout as file:
            json.dump(out, file, indent=1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
