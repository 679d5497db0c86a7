"""Prints "N passed, N failed[, N skipped]" from the cases that meson's test runs really ran. Exit 1 when any failed."""
import json
import re
import sys

passed = failed = skipped = 0
for path in sys.argv[1:]:
    for line in open(path, encoding="utf-8"):
        run = json.loads(line)
        text = (run.get("stdout") or "") + (run.get("stderr") or "")
        ok = sum(int(n) for n in re.findall(r"\[  PASSED  \] (\d+) test", text))
        bad = sum(int(n) for n in re.findall(r"(\d+) FAILED TEST", text))
        left = sum(int(n) for n in re.findall(r"\[  SKIPPED \] (\d+) test", text))
        for ran, rest in re.findall(r"^Ran (\d+) tests? in .*\n\n(.*)$", text, re.M):
            numbers = {k: int(v) for k, v in re.findall(r"(failures|errors|skipped)=(\d+)", rest)}
            wrong = numbers.get("failures", 0) + numbers.get("errors", 0)
            ok += int(ran) - wrong - numbers.get("skipped", 0)
            bad += wrong
            left += numbers.get("skipped", 0)
        if run["result"] == "SKIP":
            left = max(left, 1)
        elif run["result"] == "OK":
            ok = max(ok, 1 - bool(left)) if ok or left else 1  # a check that is one case in itself
        else:
            bad = max(bad, 1)  # crashed or ran out of time before it could count
            print("failed:", run["name"])
        passed, failed, skipped = passed + ok, failed + bad, skipped + left
print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
sys.exit(failed > 0 or passed == 0)
