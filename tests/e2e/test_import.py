"""mynews import on files as people have them: what it says of each, and what it counts."""
import gzip
import json
import os
import shutil
import tempfile
import unittest

from server import run

GOOD = [{"id": f"a{i}", "title": f"Title {i}"} for i in range(3)]


class Import(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="mynews-import-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.data = os.path.join(self.folder, "data")

    def read_in(self, text, kind="--articles", name="file.ndjson"):
        path = os.path.join(self.folder, name)
        with open(path, "wb") as file:
            file.write(text if isinstance(text, bytes) else text.encode())
        status, out, error = run("import", "--data", self.data, kind, path)
        return status, out, error.replace(path, "FILE")

    def lines(self, elements):
        return "".join(json.dumps(element) + "\n" for element in elements)

    def test_a_byte_order_mark_is_no_part_of_the_text(self):
        status, out, error = self.read_in("\ufeff" + self.lines(GOOD))
        self.assertEqual((status, error), (0, ""))
        self.assertIn("3 created", out)
        status, _, error = self.read_in("\ufeff" + json.dumps([{"key": "here"}]), "--editions", "editions.json")
        self.assertEqual((status, error), (0, ""))

    def test_a_refused_line_names_its_file(self):
        status, out, error = self.read_in(self.lines([GOOD[0], {"id": "b", "title": 5}]))
        self.assertEqual((status, error), (0, "FILE: line 2: /title is not a string\n"))
        self.assertIn("1 created, 0 updated, 0 unchanged, 0 stale, 1 rejected", out)

    def test_blank_lines_count_for_nothing(self):
        self.read_in(self.lines(GOOD))
        status, out, error = self.read_in('{"user_id":"u"}\n\n\n{"user_id":"u"}\n', "--events")
        self.assertEqual((status, out), (1, "events: 0 taken, 2 rejected\n"), error)

    def test_a_list_is_told_how_it_should_be_written(self):
        status, out, error = self.read_in(json.dumps(GOOD))
        self.assertEqual((status, out), (1, "articles: 0 taken, 1 rejected\n"))
        self.assertEqual(error, "FILE: line 1: is a list; write one object a line\n")

    def test_gzip_that_ends_early(self):
        whole = gzip.compress(self.lines([{"id": f"c{i}", "title": "T", "body": os.urandom(40).hex()} for i in range(900)]).encode())
        status, out, error = self.read_in(whole[:len(whole) // 2], name="file.gz")
        self.assertEqual(status, 1)
        self.assertEqual(error, "mynews import: FILE: the gzip data is damaged or cut short; what was committed before stays\n")
        self.assertEqual(out, "articles: 0 taken, 0 rejected\n")


if __name__ == "__main__":
    unittest.main()
