"""Served against replayed: four workers serve a learning model while it learns and stories and events come in; afterwards
`mynews check --scores` learns everything again from the stored examples and computes each served score again."""
import json
import os
import random
import re
import shutil
import tempfile
import threading
import time

from server import Server, read_lines, run, select_wait

CLIENTS, SLATES = 4, int(os.environ.get("REPLAY_SLATES", "60"))  # slates a client
MODELS = ("learned", "units")
HERE = os.path.dirname(os.path.abspath(__file__))


def write_model(folder, model):
    with open(os.path.join(folder, model["name"] + ".json"), "w", encoding="utf-8") as file:
        json.dump(model, file)


def models_folder():
    """The shipped models, the learning one without its delay and with every cross, by itself and with a hidden layer."""
    folder = tempfile.mkdtemp(prefix="mynews-models-")
    source = os.path.join(HERE, "..", "..", "models")
    for name in os.listdir(source):
        if name.endswith(".json"):
            with open(os.path.join(source, name), encoding="utf-8") as file:
                model = json.load(file)
            if "learn" in model:
                model["learn"]["delay_s"] = 0
                del model["learn"]["crosses"]["without"]
                units = dict(model, name="units", kind="mlp",
                             learn=dict(model["learn"], hidden=8, hidden_rate=0.01, replays=2, memory=5000))
                write_model(folder, units)
            write_model(folder, model)
    return folder


def play(server, number, stories, failures):
    rng = random.Random(number)
    client = server.client()
    try:
        for i in range(SLATES):
            user = f"reader-{rng.randrange(20)}"
            status, feed = client.get(f"/v1/users/{user}/feed?limit=10&model={MODELS[i % 2]}")
            assert status == 200, (status, feed)
            seen = feed["items"][:rng.randrange(3, 10)]
            events = [{"user_id": user, "article_id": item["article"]["id"], "type": "impression",
                       "feed_id": feed["feed_id"], "position": item["position"]} for item in seen]
            if seen:
                clicked = next((s for s in seen if s["article"].get("section") == "sport"), rng.choice(seen))
                events.append({"user_id": user, "article_id": clicked["article"]["id"], "type": "click",
                               "feed_id": feed["feed_id"], "position": clicked["position"]})
            status, answer = client.post("/v1/events", events)
            assert status == 200 and answer["rejected"] == 0, (status, answer)
            if i % 5 == 0:  # a second passes: slates are closed and learnt
                status, _ = client.post("/v1/admin/clock", {"advance_s": 1})
                assert status == 200
            if i % 10 == 0:
                story = dict(rng.choice(stories), id=f"new-{number}-{i}")
                story.pop("url", None)
                story.pop("published_at", None)
                status, answer = client.post("/v1/articles", story)
                assert status == 200 and answer["accepted"] == 1, (status, answer)
    except AssertionError as error:
        failures.append(error)
    client.close()


def play_all(server, stories, first=0):
    failures = []
    threads = [threading.Thread(target=play, args=(server, first + n, stories, failures)) for n in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures[0]
    client = server.client()
    deadline = time.monotonic() + 30
    while client.get("/v1/stats")[1]["learning"]["pending"] > 0:
        assert client.post("/v1/admin/clock", {"advance_s": 1})[0] == 200
        assert time.monotonic() < deadline, "slates stay pending"
        select_wait(0.05)
    client.close()


def check_scores(data, folder):
    status, out, error = run("check", "--data", data, "--scores", "--models", folder)
    assert status == 0, out + error
    return int(re.search(r"of (\d+) slates", out)[1]), int(re.search(r"(\d+) slates left out", out)[1]), out.strip().splitlines()[-1]


def history_that_is_gone(config, folder, data, stories, n_stored):
    """What was served after an erased reader's slates had been learnt, or by a model that began later, can't be computed again,
    and the check says so: of what is stored all is either computed again or left out, and nothing differs."""
    with open(os.path.join(folder, "learned.json"), encoding="utf-8") as file:
        late = dict(json.load(file), name="late")
    write_model(folder, late)
    server = Server("--config", config, "--clock", "manual", data=data, threads=4)
    client = server.client()
    for number in range(3):
        feed = client.get(f"/v1/users/late-{number}/feed?limit=5&model=late")[1]
        events = [{"user_id": f"late-{number}", "article_id": item["article"]["id"], "type": kind, "feed_id": feed["feed_id"],
                   "position": item["position"]} for item in feed["items"]
                  for kind in ("impression", "click")[:1 + (item is feed["items"][2])]]
        assert client.post("/v1/events", events)[1]["rejected"] == 0
    assert client.post("/v1/admin/clock", {"advance_s": 1})[0] == 200
    play_all(server, stories, CLIENTS)
    assert server.stop() == 0
    slates, left_out, line = check_scores(data, folder)
    assert left_out >= 3 and slates + left_out > n_stored, line
    server = Server("--config", config, "--clock", "manual", data=data, threads=4)
    client = server.client()
    assert client.ask("DELETE", "/v1/users/reader-3")[0] in (200, 202, 204)
    play_all(server, stories, 2 * CLIENTS)
    assert server.stop() == 0
    fewer, more_left_out, line = check_scores(data, folder)
    assert 0 < fewer < slates and more_left_out > left_out, line
    print(line)


def main():
    stories = read_lines("stories.ndjson")
    folder = models_folder()
    data = tempfile.mkdtemp(prefix="mynews-test-")
    config = os.path.join(folder, "settings")
    with open(config, "w", encoding="utf-8") as file:
        json.dump({"models_dir": folder}, file)
    try:
        status, _, error = run("import", "--data", data, "--articles",
                               os.path.join(HERE, "..", "sample", "stories.ndjson"), "--rebase", "now")
        assert status == 0, error
        server = Server("--config", config, "--clock", "manual", data=data, threads=4)
        play_all(server, stories)
        assert server.stop() == 0
        slates, left_out, line = check_scores(data, folder)
        assert slates >= CLIENTS * SLATES * 0.6, line  # a feed of one story teaches nothing
        assert left_out <= slates / 5, line
        print(line)
        history_that_is_gone(config, folder, data, stories, slates + left_out)
        # The check can fail: against a model that learns at another rate the scores are others.
        path = os.path.join(folder, "learned.json")
        with open(path, encoding="utf-8") as file:
            model = json.load(file)
        model["learn"]["rate"] *= 2
        write_model(folder, model)
        status, out, _ = run("check", "--data", data, "--scores", "--models", folder)
        assert status == 1 and "largest difference" in out, out
    finally:
        shutil.rmtree(data, ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
    print("OK")
