"""Read your writes: after an event's 200 a feed asked for on another connection knows of it. Always.

5,000 trials; MYNEWS_LONG=1 makes them 100,000."""
import multiprocessing
import os
import unittest

from server import Client, Server

CLIENTS, ARTICLES = 8, 50
TRIALS = 100_000 if os.environ.get("MYNEWS_LONG") else 5_000


def words(number):
    return " ".join(f"w{number}x{k}" for k in range(6))


def trial(writer, reader, user, number):
    """What went wrong, or None."""
    status, answer = writer.post("/v1/events", {"user_id": user, "article_id": f"a{number}", "type": "click"})
    if status != 200 or answer["accepted"] != 1:
        return f"event: {status} {answer}"
    status, answer = reader.get(f"/v1/users/{user}/interests")
    if not any(t["topic"] == f"topic:t{number}" and t["weight"] > 0 for t in answer["topics"]):
        return f"{user}: the weight of t{number} is not raised: {answer}"
    status, answer = reader.get(f"/v1/users/{user}/feed?limit={ARTICLES}")
    if status != 200 or len(answer["items"]) != ARTICLES - 1 - number:
        return f"{user}: {len(answer['items'])} items after reading {number + 1}"
    if any(item["article"]["id"] == f"a{number}" for item in answer["items"]):
        return f"{user}: a{number} is still there"
    return None


def client(port, name, trials, results):
    writer, reader = Client(port), Client(port)
    wrong, done = [], 0
    while done < trials and len(wrong) < 5:
        user = f"reader-{name}-{done}"
        for number in range(min(ARTICLES, trials - done)):
            problem = trial(writer, reader, user, number)
            done += 1
            if problem:
                wrong.append(problem)
                break
    writer.close()
    reader.close()
    results.put((done, wrong))


class ReadYourWrites(unittest.TestCase):
    def test_always(self):
        server = Server(threads=4)
        self.addCleanup(server.clean)
        editor = server.client()
        status, answer = editor.post("/v1/articles", [
            {"id": f"a{n}", "title": words(n), "language": "en", "source": f"s{n}", "topics": [f"t{n}"]}
            for n in range(ARTICLES)])
        self.assertEqual((status, answer["accepted"]), (200, ARTICLES), answer)
        editor.close()
        results = multiprocessing.Queue()
        clients = [multiprocessing.Process(target=client, args=(server.port, n, TRIALS // CLIENTS, results))
                   for n in range(CLIENTS)]
        for process in clients:
            process.start()
        outcomes = [results.get(timeout=3000) for _ in clients]
        for process in clients:
            process.join()
        self.assertEqual([wrong for _, wrong in outcomes if wrong], [])
        self.assertEqual(sum(done for done, _ in outcomes), TRIALS)
        print(f"{TRIALS} trials")
        self.assertEqual(server.stop(), 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
