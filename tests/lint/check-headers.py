#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Checks our headers: each compiles alone, has #pragma once, and says what everything in it is.

usage: check-headers.py [--no-compile] [SOURCE-ROOT [BUILD-DIR]]
"""
import os
import re
import subprocess
import sys

COMPILERS = ("gcc", "clang")
FLAGS = ["-std=gnu17", "-D_GNU_SOURCE", "-D_FILE_OFFSET_BITS=64", "-Wall", "-Wextra", "-Werror",
         "-Wno-unused-function", "-fsyntax-only", "-x", "c"]


def headers(root):
    for top in ("engine", "cache", "templates", "cli"):
        for folder, _, names in sorted(os.walk(os.path.join(root, top))):
            for name in sorted(names):
                if name.endswith(".h"):
                    yield os.path.relpath(os.path.join(folder, name), root)


def pkg_flags():
    packages = ["libarchive", "libxml-2.0", "libcurl", "jansson", "libcrypto"]
    out = subprocess.run(["pkg-config", "--cflags", *packages], capture_output=True, text=True,
                         check=False)
    return out.stdout.split()


def compile_alone(root, path, includes):
    """First diagnostic of a compiler that the header alone gets, or None."""
    for compiler in COMPILERS:
        out = subprocess.run([compiler, *FLAGS, *includes, "-"], cwd=root, text=True,
                             input=f'#include "{path}"\n', capture_output=True, check=False)
        if out.returncode:
            line = next((x for x in out.stderr.splitlines() if "error:" in x), out.stderr[:200])
            return f"does not compile alone with {compiler}: {line.strip()}"
    return None


def depth_one_lines(text):
    """(line number, line) of members of structs and unions that are defined in the header."""
    inside, depth = False, 0
    for number, line in enumerate(text.split("\n"), 1):
        code = re.sub(r"/\*.*?(\*/|$)", "", line)
        if not inside and re.match(r"(static\s+)?(const\s+)?(struct|union)\s+\w+\s*\{", code):
            inside, depth = True, 0
        if inside:
            if depth >= 1 and code.strip().endswith(";") and not code.strip().startswith("}"):
                yield number, line
            depth += code.count("{") - code.count("}")
            if depth <= 0:
                inside = False


def undocumented_members(text):
    lines = text.split("\n")
    for number, line in depth_one_lines(text):
        if "/**<" in line or "/*" in line:
            continue
        # Its first line, then a comment before it or before the run of members it belongs to.
        above = number - 2
        while lines[above].rstrip().endswith((",", "(")):
            above -= 1
        while above >= 0 and lines[above].strip().endswith(";") and "*/" not in lines[above]:
            above -= 1
        if above >= 0 and "*/" in lines[above]:
            continue
        # Plain members of a struct whose comment says it all ("Zero it, ...") are its business:
        # the comment right above the struct must then exist.
        while above >= 0 and "{" not in lines[above]:
            above -= 1
        if above > 0 and lines[above - 1].strip().endswith("*/"):
            continue
        yield number, "a struct member without a comment: " + line.strip()


def undocumented_prototypes(text):
    code = re.sub(r"^\s*#(.*\\\n)*.*", lambda m: "\n" * m.group().count("\n"), text, flags=re.M)
    for match in re.finditer(r"^(?!static|typedef|struct \w+ \{|enum|union|extern \"C\")"
                             r"[A-Za-z_][\w\s\*]*?\b(vzr_\w+|cli_\w+)\s*\([^;{}]*\)[^;{}]*;",
                             code, re.M):
        before = code[:match.start()].rstrip("\n \t")
        if match.group(1).endswith(("_done", "_free", "_freep", "_unref", "_close")):
            continue
        # The comment may stand before a run of prototypes without a blank line between them.
        block = code[:match.start()]
        cut = block.rfind("\n\n")
        if before.endswith("*/") or "*/" in block[cut + 1:]:
            continue
        yield code.count("\n", 0, match.start()) + 1, \
            f"a prototype without a comment: {match.group(1)}()"


def main():
    arguments = [a for a in sys.argv[1:] if a != "--no-compile"]
    root = arguments[0] if arguments else "."
    build = arguments[1] if len(arguments) > 1 else None
    includes = [f"-I{os.path.abspath(p)}" for p in (root, build) if p] + pkg_flags()
    bad = 0
    for path in headers(root):
        with open(os.path.join(root, path), encoding="utf-8") as f:
            text = f.read()
        found = [*undocumented_members(text), *undocumented_prototypes(text)]
        if not re.search(r"^#pragma once$", text, re.M):
            found.append((1, "no #pragma once"))
        why = None if "--no-compile" in sys.argv else compile_alone(root, path, includes)
        if why:
            found.append((1, why))
        for number, text in sorted(found):
            print(f"{path}:{number}: {text}")
            bad += 1
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
