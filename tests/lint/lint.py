#!/usr/bin/env python3
"""One case of the suite 'lint': reads every source file of the project with one tool. Exit 0 when there is nothing to say.

    tests/lint/lint.py TOOL BUILD_DIR      TOOL: clang-tidy, cppcheck, unused, shellcheck, python, size

clang-tidy is slow, so a file found clean leaves a stamp in BUILD_DIR/lint: the digest of all that was read, the file,
the headers it includes, the command that compiles it and the settings. While they are the same it is not read again.
"""
import concurrent.futures
import hashlib
import json
import os
import re
import shlex
import subprocess
import sys

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))
FOLDERS = ("engine", "api", "models", "bench", "tests")
MAX_LINES = 600
# Steps that clang's analyzer walks in one function. Its own limit, 225000, costs four times as much; of 17 findings that
# 75000 made here 30000 missed one.
MAX_NODES = 30000
JOBS = 2


def tracked(*patterns):
    """The project's files; where git is not there, what stands in the folders."""
    listed = subprocess.run(["git", "-C", ROOT, "ls-files", "-co", "--exclude-standard", "--", *patterns],
                            capture_output=True, text=True, check=False)
    if listed.returncode == 0:
        return sorted({f for f in listed.stdout.splitlines() if os.path.exists(os.path.join(ROOT, f))})
    ends = tuple(p.lstrip("*") for p in patterns)
    return sorted(os.path.relpath(os.path.join(folder, name), ROOT)
                  for top in FOLDERS for folder, _, names in os.walk(os.path.join(ROOT, top))
                  for name in names if name.endswith(ends))


def read(path):
    with open(path, "rb") as f:
        return f.read()


class Digests:
    """The digest of a file and of every file of the project that it includes."""

    def __init__(self, extra):
        self.extra = extra
        self.includes = {}

    def direct(self, path):
        if path not in self.includes:
            text = read(path)
            near = [os.path.join(base, name.decode()) for name in re.findall(rb'^\s*#\s*include\s+"([^"]+)"', text, re.M)
                    for base in (os.path.dirname(path), ROOT)]
            self.includes[path] = hashlib.sha256(text).digest(), [os.path.realpath(f) for f in near if os.path.isfile(f)]
        return self.includes[path]

    def of(self, path, command):
        seen, todo = {}, [path]
        while todo:
            f = todo.pop()
            if f not in seen:
                seen[f], below = self.direct(f)
                todo += below
        h = hashlib.sha256(self.extra + command.encode())
        for f in sorted(seen):
            h.update(f.encode() + b"\0" + seen[f])
        return h.hexdigest()


def clang_tidy(build):
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as f:
        listed = json.load(f)
    version = subprocess.run(["clang-tidy", "--version"], capture_output=True, check=True).stdout
    digests = Digests(version + read(os.path.join(ROOT, ".clang-tidy")) + read(__file__))
    stamps = os.path.join(build, "lint", "clang-tidy")
    os.makedirs(stamps, exist_ok=True)
    work, commands = {}, {}
    for c in listed:
        path = os.path.realpath(os.path.join(c["directory"], c["file"]))
        if path in commands:
            continue  # part of a second program, where only folders searched for headers differ
        if path.startswith(build + os.sep) or not path.startswith(ROOT + os.sep):
            continue  # written by the build
        commands[path] = c
        stamp = os.path.join(stamps, os.path.relpath(path, ROOT).replace(os.sep, "_"))
        digest = digests.of(path, c["command"])
        if not os.path.exists(stamp) or read(stamp).decode() != digest:
            work[path] = stamp, digest
    with open(os.path.join(stamps, "compile_commands.json"), "w", encoding="utf-8") as f:
        json.dump(list(commands.values()), f)

    def check(path):
        stamp, digest = work[path]
        limit = [a for word in ("-Xclang", "-analyzer-config", "-Xclang", f"max-nodes={MAX_NODES}")
                 for a in ("--extra-arg", word)]
        run = subprocess.run(["clang-tidy", "--quiet", "-p", stamps, *limit, path], cwd=ROOT, text=True,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        if run.returncode == 0:
            with open(stamp, "w", encoding="utf-8") as f:
                f.write(digest)
            return ""
        return run.stdout

    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        found = [text for text in pool.map(check, sorted(work)) if text]
    print("".join(found), f"{len(work)} files read anew, {len(found)} with findings", sep="")
    return 1 if found else 0


def cppcheck_args():
    return ["cppcheck", "--quiet", "--std=c11", "--inline-suppr", "--error-exitcode=1", "-I", ".", "-D_GNU_SOURCE",
            "--library=posix", "--suppressions-list=tests/lint/cppcheck.suppressions",
            # jansson's and cmocka's macros that look like statements
            "-Djson_object_foreach(o,k,v)=for(k=0;(v=json_object_get(o,k));)",
            "-Djson_array_foreach(a,i,v)=for(i=0;(v=json_array_get(a,i));i++)",
            "--template={file}:{line}: {severity}: {message} [{id}]"]


def cppcheck(build):
    kept = os.path.join(build, "lint", "cppcheck")
    os.makedirs(kept, exist_ok=True)
    return subprocess.run([*cppcheck_args(), f"-j{JOBS}", "--enable=warning,performance,portability",
                           f"--cppcheck-build-dir={kept}", *FOLDERS], cwd=ROOT, check=False).returncode


def unused(build):
    """No function that nothing calls; the whole project is read at once, which -j does not allow."""
    return subprocess.run([*cppcheck_args(), "--enable=unusedFunction", *FOLDERS], cwd=ROOT, check=False).returncode


def shellcheck(build):
    scripts = ["run", "check", ".ci/run", ".ci/packages", *tracked("*.sh")]
    return subprocess.run(["shellcheck", "--external-sources", *scripts], cwd=ROOT, check=False).returncode


def python(build):
    failed = 0
    for path in tracked("*.py"):
        try:
            compile(read(os.path.join(ROOT, path)), path, "exec")
        except SyntaxError as error:
            print(f"{path}:{error.lineno}: {error.msg}")
            failed = 1
    return failed


def size(build):
    """Files of code stay under MAX_LINES lines."""
    failed = 0
    for path in tracked("*.c", "*.h", "*.py"):
        lines = read(os.path.join(ROOT, path)).decode().splitlines()
        if len(lines) >= MAX_LINES:
            print(f"{path}: {len(lines)} lines")
            failed = 1
    return failed


if __name__ == "__main__":
    tools = {"clang-tidy": clang_tidy, "cppcheck": cppcheck, "unused": unused, "shellcheck": shellcheck,
             "python": python, "size": size}
    if len(sys.argv) != 3 or sys.argv[1] not in tools:
        sys.exit(__doc__)
    sys.exit(tools[sys.argv[1]](os.path.realpath(sys.argv[2])))
