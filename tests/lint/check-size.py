#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Checks the size of files and functions, the number of parameters and the depth of nesting.

usage: check-size.py [SOURCE-ROOT]

Exceptions, each with its reason, are in size-exceptions beside this file.
"""
import os
import re
import subprocess
import sys

MAX_FILE, MAX_FUNCTION, MAX_PARAMETERS, MAX_NESTING = 600, 100, 6, 4
TOPS = ("engine", "cache", "templates", "cli", "tests")


def exceptions(root):
    """{(path, what): True} of lines "PATH WHAT  # reason"; a line without a reason is refused."""
    found = {}
    path = os.path.join(root, "tests/lint/size-exceptions")
    if not os.path.exists(path):
        return found
    with open(path, encoding="utf-8") as f:
        for number, line in enumerate(f, 1):
            if not line.strip() or line.startswith("#"):
                continue
            match = re.match(r"(\S+)\s+(\S+)\s+#\s*\S", line)
            if not match:
                sys.exit(f"{path}:{number}: not 'PATH WHAT # reason'")
            found[match.groups()] = True
    return found


def sources(root):
    for top in TOPS:
        for folder, dirs, names in os.walk(os.path.join(root, top)):
            dirs[:] = sorted(d for d in dirs if d not in ("corpus", "data", "__pycache__"))
            for name in sorted(names):
                if name.endswith((".c", ".h", ".py")):
                    yield os.path.relpath(os.path.join(folder, name), root)


def functions(root, paths):
    """(path, name, first line, last line, parameters) of every function."""
    out = subprocess.run(
        ["ctags", "-x", "--languages=C", "--langmap=C:.c.h", "--kinds-C=f", "--fields=+eS",
         "--_xformat=%N\t%F\t%{line}\t%{end}\t%{signature}", "-L", "-"],
        input="\n".join(paths), cwd=root, text=True, capture_output=True, check=True).stdout
    for line in out.splitlines():
        name, path, first, last, signature = line.split("\t")
        inner = re.sub(r"\([^()]*\)", "", signature.strip()[1:-1])
        count = 0 if inner.strip() in ("", "void") else inner.count(",") + 1
        yield path, name, int(first), int(last), count


def strip(text):
    """The text without comments and literals, lines kept."""
    pattern = r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\''
    return re.sub(pattern, lambda m: re.sub(r"[^\n]", " ", m.group()), text, flags=re.S)


def nesting(lines, first, last):
    """Deepest nesting of control flow between the lines, and where: by indentation."""
    deepest, where = 0, first
    control = re.compile(r"^(\t*)(?:\} )?(?:if|else|for|while|do|switch)\b")
    for number in range(first, min(last, len(lines)) + 1):
        match = control.match(lines[number - 1])
        if match and len(match.group(1)) > deepest:
            deepest, where = len(match.group(1)), number
    return deepest, where


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else "."
    allowed, used, bad = exceptions(root), set(), 0

    def report(path, line, what, text):
        nonlocal bad
        used.add((path, what))
        if (path, what) not in allowed:
            print(f"{path}:{line}: {text}")
            bad += 1

    paths = list(sources(root))
    code = {}
    for path in paths:
        with open(os.path.join(root, path), encoding="utf-8", errors="replace") as f:
            text = f.read()
        code[path] = strip(text).split("\n")
        count = text.count("\n")
        if count > MAX_FILE:
            report(path, count, "file", f"{count} lines, at most {MAX_FILE}")
    for path, name, first, last, parameters in functions(root, paths):
        if path.endswith(".py"):
            continue
        if last - first + 1 > MAX_FUNCTION:
            report(path, first, name, f"{name}() has {last - first + 1} lines, "
                                      f"at most {MAX_FUNCTION}")
        if parameters > MAX_PARAMETERS:
            report(path, first, name, f"{name}() has {parameters} parameters, "
                                      f"at most {MAX_PARAMETERS}")
        depth, where = nesting(code[path], first, last)
        if depth > MAX_NESTING:
            report(path, where, name, f"{name}() nests {depth} deep, at most {MAX_NESTING}")
    for path, what in sorted(set(allowed) - used):
        print(f"tests/lint/size-exceptions:1: {path} {what} is no exception any more: remove it")
        bad += 1
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
