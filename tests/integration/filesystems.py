# SPDX-License-Identifier: LGPL-2.1-or-later
"""File systems of a size and kind of our own, on loop devices or as tmpfs."""
import contextlib
import os
import pathlib
import subprocess
import tempfile

import pytest

MKFS = {
    "ext4": ["mkfs.ext4", "-q", "-F", "-m", "0"],
    "xfs": ["mkfs.xfs", "-q", "-f"],
    "btrfs": ["mkfs.btrfs", "-q", "-f"],
}


def quiet(*command):
    return subprocess.run([str(c) for c in command], capture_output=True, text=True, check=False)


@contextlib.contextmanager
def mounted(kind, where, megabytes, options="", held=False):
    """
    Mounts a new file system at @where; taken away at the end, whatever happened. With @held the
    image has all its blocks from the start, so that the first writes cost what later ones do.
    """
    where = pathlib.Path(where)
    where.mkdir(parents=True, exist_ok=True)
    image = None
    if kind == "tmpfs":
        extra = f",{options}" if options else ""
        out = quiet("mount", "-t", "tmpfs", "-o", f"mode=755,size={megabytes}m{extra}", "tmpfs",
                    where)
    else:
        memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        handle, image = tempfile.mkstemp(prefix="vzroot-", suffix=".img", dir=memory)
        os.close(handle)
        os.truncate(image, megabytes << 20)
        out = quiet(*MKFS[kind], image)
        if held:
            with open(image, "r+b") as file:
                os.posix_fallocate(file.fileno(), 0, megabytes << 20)
        if out.returncode == 0:
            out = quiet("mount", "-t", kind, "-o", ",".join(filter(None, ["loop", options])),
                        image, where)
    if out.returncode != 0:
        if image:
            os.unlink(image)
        pytest.skip(f"cannot mount {kind} here: {out.stderr.strip()}")
    try:
        yield where
    finally:
        if quiet("umount", where).returncode != 0:
            quiet("umount", "-l", where)
        if image:
            os.unlink(image)
