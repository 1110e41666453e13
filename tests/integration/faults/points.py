# SPDX-License-Identifier: LGPL-2.1-or-later
"""Where a command changes the state of the world, and runs of it with a fault at one such place."""
import collections
import dataclasses
import os
import random
import re
import subprocess

# Every call that changes files, or makes what was changed last. Those that a kernel of the machine
# or its strace does not know are marked with '?': strace then leaves them out.
CALLS = ["write", "pwrite64", "writev", "pwritev", "sendfile", "copy_file_range", "splice",
         "openat", "openat2", "mkdir", "mkdirat", "link", "linkat", "symlink", "symlinkat",
         "rename", "renameat", "renameat2", "unlink", "unlinkat", "rmdir", "chown", "fchown",
         "lchown", "fchownat", "chmod", "fchmod", "fchmodat", "utimensat", "setxattr",
         "fsetxattr", "lsetxattr", "removexattr", "fremovexattr", "fsync", "fdatasync", "syncfs",
         "truncate", "ftruncate", "fallocate", "mknod", "mknodat", "flock", "ioctl", "close_range",
         "fork", "vfork", "clone", "clone3", "pipe2", "socketpair"]
# A fault in these says nothing about files: only a kill at them is of interest.
KILL_ONLY = {"ioctl", "close_range", "fork", "vfork", "clone", "clone3", "pipe2", "socketpair"}


ROOM = {"error=ENOSPC", "error=EDQUOT"}


@dataclasses.dataclass(frozen=True)
class Point:
    """The @nth call of @call, in the process that was started or in any (@role)."""
    role: str
    call: str
    nth: int
    takes_room: bool = True  # opening for reading and writing to a pipe do not

    def prefix(self, fault):
        follow = ["-f"] if self.role == "any" else []
        return ["strace", *follow, "-qq", "-o", "/dev/null", "-e", f"trace=?{self.call}", "-e",
                f"inject=?{self.call}:{fault}:when={self.nth}"]

    def __str__(self):
        return f"{self.role} {self.call} #{self.nth}"


def takes_room(line):
    if re.search(r" openat2?\(", line):
        return "O_CREAT" in line or "O_TMPFILE" in line
    return not re.search(r"^\d+ +\w+\(\d+<(pipe|socket|TCP|UDP|UNIX)", line)


def record(world, arguments, mark):
    """
    Runs the command and notes its calls: the list of all Points. Of the calls that open files,
    those of the dynamic loader (before the first one that names @mark) are left out.
    """
    log = world.top / "trace"
    calls = ",".join("?" + c for c in CALLS)
    result = world.run(*arguments, prefix=["strace", "-f", "-y", "-qq", "-o", log, "-e",
                                           f"trace={calls}"])
    assert result.code == 0, str(result)
    counts = collections.defaultdict(collections.Counter)
    points, room = {}, set()
    main, started = None, False
    for line in log.read_text(errors="replace").splitlines():
        match = re.match(r"(\d+)\s+(\w+)\(", line)
        if not match:
            continue
        process, call = match.groups()
        main = main or process
        counts[process][call] += 1
        started = started or mark in line
        if started:
            key = ("main" if process == main else "any", call, counts[process][call])
            points[key] = None
            if takes_room(line):
                room.add(key)
    log.unlink()
    return [Point(*key, key in room) for key in points]


def choose(points, role, fault, most, seed):
    """The points of @role, all of them or @most by chance, but always the same for a @seed."""
    found = [p for p in points
             if p.role == role and not (p.call in KILL_ONLY and fault != "signal=KILL")
             and not (fault in ROOM and not p.takes_room)]
    if most and len(found) > most:
        found = random.Random(f"{seed} {role} {fault}").sample(found, most)
    return found


def copy_tree(source, target):
    """The same world again: with owners, links, attributes and times."""
    subprocess.run(["cp", "-a", "--reflink=auto", str(source), str(target)], check=True)


def remove_tree(path):
    if os.path.lexists(path):
        subprocess.run(["rm", "-rf", str(path)], check=True)
