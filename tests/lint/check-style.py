#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Checks what a reader sees: licence line, columns, tabs, leftovers, forbidden constructs.

usage: check-style.py [SOURCE-ROOT]
"""
import os
import re
import subprocess
import sys

MAX_COLUMNS = 100
C_LINE = "/* SPDX-License-Identifier: LGPL-2.1-or-later */"
HASH_LINE = "# SPDX-License-Identifier: LGPL-2.1-or-later"
SKIP = re.compile(r"(^LICENSE$|^tests/(fuzz/corpus|(\w+/)?data)/|\.(rng|xml|png|gpg|asc)$)")
# Joined here so that this file does not find itself.
LEFT_OPEN = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X|HA" + r"CK)\b")
PRIVATE_PATH = re.compile(r"(?<![\w.$}/-])/wo" + r"rk/")
FORBIDDEN = [
    (re.compile(r"\balloca\s*\("), "alloca()"),
    (re.compile(r"\?\s*:(?!:)"), "'?:' without its middle"),
    (re.compile(r"\bcase\s+[^:\"']+\s\.\.\.\s"), "a range in case"),
    (re.compile(r"\b(strcpy|strcat|sprintf|gets|strtok|atoi|atol|system|popen|mktemp)\s*\("),
     "a function that is not used here"),
]


def files(root):
    # Also where the clone belongs to somebody else, as in a container.
    out = subprocess.run(["git", "-c", "safe.directory=*", "ls-files", "-co",
                          "--exclude-standard"], cwd=root, text=True, capture_output=True,
                         check=False)
    if out.returncode == 0 and out.stdout:
        return sorted(p for p in out.stdout.splitlines()
                      if os.path.isfile(os.path.join(root, p)))
    found = []
    for folder, _, names in os.walk(root):
        found += [os.path.relpath(os.path.join(folder, n), root) for n in names]
    return sorted(found)


def without_literals(text):
    """The text with comments blanked and literals filled, lines and columns kept."""
    pattern = r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\''

    def blank(match):
        fill = " " if match.group().startswith("/") else "_"
        return re.sub(r"[^\n]", fill, match.group())
    return re.sub(pattern, blank, text, flags=re.S)


def check_c(path, text):
    first = text.split("\n", 1)[0]
    if first != C_LINE:
        yield 1, "the first line is not " + C_LINE
    elif not re.match(r".*\n/\*.*?\*/", text, re.S) or not text.split("\n")[1].startswith("/*"):
        yield 2, "the second line is no sentence about the file"
    code = without_literals(text).split("\n")
    for number, line in enumerate(code, 1):
        if path.startswith("tests/"):
            continue
        for pattern, what in FORBIDDEN:
            if pattern.search(line):
                yield number, what + ": " + line.strip()
    for number, line in enumerate(text.split("\n"), 1):
        if line.startswith(" " * 8):
            yield number, "spaces where tabs belong"
        columns = len(line.expandtabs(8))
        if columns > MAX_COLUMNS:
            yield number, f"{columns} columns, at most {MAX_COLUMNS}"


def is_script(text):
    return text.startswith("#!")


def check_any(path, text):
    for number, line in enumerate(text.split("\n"), 1):
        if line != line.rstrip() and not path.endswith(".scd"):
            yield number, "blanks at the end of the line"
        if LEFT_OPEN.search(line):
            yield number, "left open: " + line.strip()
        if PRIVATE_PATH.search(line):
            yield number, "a path of one machine: " + line.strip()
    if text and not text.endswith("\n"):
        yield text.count("\n") + 1, "no newline at the end of the file"


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else "."
    bad = 0
    for path in files(root):
        if SKIP.search(path):
            continue
        with open(os.path.join(root, path), "rb") as f:
            data = f.read()
        if b"\0" in data:
            continue
        text = data.decode("utf-8", errors="replace")
        found = list(check_any(path, text))
        if path.endswith((".c", ".h")):
            found += check_c(path, text)
        elif path.endswith((".py", ".sh")) or is_script(text):
            if HASH_LINE not in text.split("\n")[:3]:
                found.append((1, "no licence line: " + HASH_LINE))
            found += [(n, f"{len(line.expandtabs(8))} columns, at most {MAX_COLUMNS}")
                      for n, line in enumerate(text.split("\n"), 1)
                      if len(line.expandtabs(8)) > MAX_COLUMNS]
        for number, why in found:
            print(f"{path}:{number}: {why}")
            bad += 1
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
