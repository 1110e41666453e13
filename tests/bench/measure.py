# SPDX-License-Identifier: LGPL-2.1-or-later
"""Timing whole commands in turn, and tables of what came of it."""
import os
import statistics
import subprocess
import sys
import tempfile
import time


def run(*command):
    """Runs a command that must succeed; its output."""
    out = subprocess.run([str(c) for c in command], capture_output=True, check=False)
    if out.returncode:
        sys.exit(f"{' '.join(map(str, command))}: exit {out.returncode}\n"
                 f"{out.stdout.decode(errors='replace')}{out.stderr.decode(errors='replace')}")
    return out.stdout.decode(errors="replace")


def timed(*command):
    """
    Seconds and peak KiB (of the largest process) of a command that must succeed. time(1), which
    is small, starts it: what is forked counts the memory of who forked it.
    """
    with tempfile.NamedTemporaryFile("r") as told:
        begun = time.monotonic()
        run("/usr/bin/time", "-f", "%M", "-o", told.name, *command)
        seconds = time.monotonic() - begun
        return seconds, int(told.read().split()[-1])


class Case:
    """One way to do a thing: commands that are timed together, others that take it back."""

    def __init__(self, name, commands, undo=(), before=()):
        self.name, self.commands, self.undo, self.before = name, commands, undo, before

    def once(self):
        for command in self.before:
            run(*command)
        os.sync()
        parts = [timed(*command) for command in self.commands]
        for command in self.undo:
            run(*command)
        return sum(p[0] for p in parts), max(p[1] for p in parts)


def in_turn(cases, runs, count=1):
    """
    Rows of figures: once without counting, then @runs times, A B C A B C ... Each case makes
    @count things.
    """
    found = {case.name: [] for case in cases}
    for case in cases:
        case.once()
    for _ in range(runs):
        for case in cases:
            found[case.name].append(case.once())
    return [figures(name, values, count) for name, values in found.items()]


def figures(name, values, count=1):
    seconds = [v[0] for v in values]
    return {"what": name, "median_s": statistics.median(seconds), "min_s": min(seconds),
            "max_s": max(seconds), "peak_kib": max(v[1] for v in values), "count": count}


def table(title, rows):
    """Prints rows with the ratio of each peer to ours, which is the first one."""
    print(f"\n{title}")
    print(f"  {'':28} {'median':>9} {'min':>9} {'max':>9} {'peak RSS':>10}   x")
    for row in rows:
        row["ratio"] = row["median_s"] / rows[0]["median_s"]
        rate = f"  {row['count'] / row['median_s']:.1f}/s" if row["count"] > 1 else ""
        print(f"  {row['what']:28} {row['median_s'] * 1000:7.1f}ms {row['min_s'] * 1000:7.1f}ms "
              f"{row['max_s'] * 1000:7.1f}ms {row['peak_kib'] / 1024:7.1f}MiB "
              f"{row['ratio']:5.2f}{rate}", flush=True)
    return rows
