#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Checks who includes whom, and that each third-party library has one home.

usage: check-layers.py [SOURCE-ROOT]
"""
import os
import re
import sys

# A layer: the folder or files that belong to it (first match wins), and the layers it may include.
# engine/vzroot.h may be included by all and includes nothing of ours.
LAYERS = [
    ("vzroot.h", r"engine/vzroot\.h$", set()),
    ("base", r"engine/base/", set()),
    ("cache", r"cache/", {"base"}),
    ("templates", r"templates/", {"cache", "base"}),
    ("shared", r"engine/(settings|undo|undo_mkdirs|journal|limits|staging|vz_value)\.[ch]$",
     {"base"}),
    ("domain", r"engine/domain/", {"shared", "base"}),
    ("unpack", r"engine/unpack/", {"shared", "base"}),
    ("area", r"engine/area/", {"unpack", "shared", "templates", "cache", "base"}),
    ("quota", r"engine/quota/", {"shared", "base"}),
    ("guest", r"engine/guest/", {"shared", "base"}),
    ("handoff", r"engine/handoff/", {"shared", "base"}),
    ("engine", r"engine/[^/]+\.[ch]$", {"domain", "unpack", "area", "quota", "guest", "handoff",
                                        "shared", "templates", "cache", "base"}),
    ("cli", r"cli/", set()),
]

# Headers of a library, and the only places that may include them.
HOMES = [
    (r"libxml/", r"engine/domain/"),
    (r"archive(_entry)?\.h$", r"engine/unpack/"),
    (r"(zlib|zstd|lzma|bzlib|lz4frame|lz4|isa-l|igzip_lib|isa-l/igzip_lib)\.h$",
     r"(engine/unpack/|templates/gunzip\.c$)"),
    (r"curl/", r"cache/"),
    (r"jansson\.h$", r"(templates/|cli/|engine/container[^/]*\.[ch]$)"),
    (r"openssl/", r"(engine/base/digest\.c|templates/signature[^/]*\.c)$"),
    (r"seccomp\.h$", r"engine/unpack/"),
    (r"linux/landlock\.h$", r"engine/unpack/"),
]

GENERATED = {"config.h", "backends.h"}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def layer_of(path):
    for name, pattern, allowed in LAYERS:
        if re.match(pattern, path):
            return name, allowed
    return None, set()


def check_ours(root, path, target):
    """Why @path may not include "@target", or None."""
    if target in GENERATED or target.endswith("-table.h"):
        return None
    if not os.path.exists(os.path.join(root, target)):
        return f'"{target}" is no path from the source root'
    name, allowed = layer_of(path)
    wanted, _ = layer_of(target)
    if name == "vzroot.h":
        return f'the public header includes "{target}" of ours'
    if wanted in (name, "vzroot.h") or wanted in allowed:
        return None
    return f'layer {name} includes "{target}" of layer {wanted or "nothing known"}'


def check_file(root, path):
    with open(os.path.join(root, path), encoding="utf-8", errors="replace") as f:
        for number, line in enumerate(f, 1):
            match = INCLUDE.match(line)
            if not match:
                continue
            kind, target = match.groups()
            why = check_ours(root, path, target) if kind == '"' else None
            for header, home in HOMES:
                if re.match(header, target) and not re.match(home, path):
                    why = f"<{target}> has another home: {home}"
            if why:
                yield number, why


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else "."
    bad = 0
    for top in ("engine", "cache", "templates", "cli"):
        for folder, _, names in sorted(os.walk(os.path.join(root, top))):
            for name in sorted(names):
                if not name.endswith((".c", ".h")):
                    continue
                path = os.path.relpath(os.path.join(folder, name), root)
                if layer_of(path)[0] is None:
                    print(f"{path}:1: belongs to no layer")
                    bad += 1
                for number, why in check_file(root, path):
                    print(f"{path}:{number}: {why}")
                    bad += 1
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
