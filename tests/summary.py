#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Adds up the results of all suites: meson's testlog.json and pytest's JUnit files.

usage: summary.py [--broken=N] [--skips=FILE] RESULTS-DIRECTORY

Prints what failed and what was skipped, and alone on its last line the counts. The exit status is
1 if anything failed or, where CI=true, if something was skipped for a reason not in FILE.
"""
import argparse
import json
import os
import pathlib
import re
import sys
import xml.etree.ElementTree as ET


def from_meson(path):
    """(name, state, reason) of each test; state is passed, failed or skipped."""
    with open(path, encoding="utf-8") as f:
        for line in f:
            test = json.loads(line)
            result = test["result"]
            state = {"OK": "passed", "EXPECTEDFAIL": "passed", "SKIP": "skipped"}.get(result,
                                                                                     "failed")
            said = (test.get("stderr") or test.get("stdout") or "").strip().splitlines()
            yield test["name"], state, said[-1] if state == "skipped" and said else result


def from_pytest(path):
    for case in ET.parse(path).getroot().iter("testcase"):
        name = f'{case.get("classname")}::{case.get("name")}'
        state, reason = "passed", ""
        for child in case:
            if child.tag in ("failure", "error"):
                state, reason = "failed", (child.get("message") or "").split("\n")[0]
            elif child.tag == "skipped" and state == "passed":
                state, reason = "skipped", child.get("message") or ""
        yield name, state, reason


def collect(folder):
    for path in sorted(folder.iterdir()):
        if path.suffix == ".json":
            yield from from_meson(path)
        elif path.suffix == ".xml":
            try:
                yield from from_pytest(path)
            except ET.ParseError as error:
                yield path.name, "failed", f"no result: {error}"


def allowed(path):
    if not path:
        return []
    lines = pathlib.Path(path).read_text(encoding="utf-8").splitlines()
    return [re.compile(line) for line in lines if line and not line.startswith("#")]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--broken", type=int, default=0)
    parser.add_argument("--skips")
    parser.add_argument("folder", type=pathlib.Path)
    args = parser.parse_args()
    counts = {"passed": 0, "failed": args.broken, "skipped": 0}
    refused = 0
    for name, state, reason in collect(args.folder):
        counts[state] += 1
        if state == "failed":
            print(f"FAILED {name}: {reason}")
        elif state == "skipped":
            known = any(pattern.search(reason) for pattern in allowed(args.skips))
            refused += not known
            print(f"SKIPPED {name}: {reason}{'' if known else ' (not in the list of skips)'}")
    ci = os.environ.get("CI") == "true"
    if ci and refused:
        print(f"{refused} tests were skipped that must run here")
    sys.stdout.flush()
    print(f'{counts["passed"]} passed, {counts["failed"]} failed, {counts["skipped"]} skipped')
    return 1 if counts["failed"] or (ci and refused) or not counts["passed"] else 0


if __name__ == "__main__":
    sys.exit(main())
