# SPDX-License-Identifier: LGPL-2.1-or-later
"""A power cut in the middle of a batch: what is on the device is all that there is afterwards."""
import contextlib
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile

import pytest

import archives
from batch_world import documents, made
from filesystems import mounted
from world import World, ok, snapshot

# What differs between two containers of one template.
OWN = [r"etc", r"etc/hostname", r"etc/hosts", r"etc/resolv\.conf", r"etc/machine-id",
       r"etc/crontab", r"etc/shadow", r"etc/ssh(/.*)?", r"etc/passwd"]


def backing_file(where):
    device = subprocess.run(["findmnt", "-no", "SOURCE", where], capture_output=True, text=True,
                            check=True).stdout.strip().split("[")[0]
    return subprocess.run(["losetup", "-nO", "BACK-FILE", device], capture_output=True, text=True,
                          check=True).stdout.strip().split(" (deleted)")[0]


@contextlib.contextmanager
def mounted_copy(image, vzroot):
    """The world as the device had it: nothing of what was in memory only."""
    where = image.parent / "mnt"
    where.mkdir()
    subprocess.run(["mount", "-o", "loop", image, where], check=True)
    world = object.__new__(World)
    world.top, world.root, world.vzroot = image.parent, where / "root", vzroot
    try:
        yield world
    finally:
        subprocess.run(["umount", where], check=False, capture_output=True)


@pytest.fixture
def image():
    """Where the copy of the device goes."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    folder = pathlib.Path(tempfile.mkdtemp(prefix="vzroot-cut-", dir=memory))
    yield folder / "image"
    shutil.rmtree(folder, ignore_errors=True)


def family(pid):
    """The process and all below it."""
    out = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False)
    return [pid] + [p for child in out.stdout.split() for p in family(int(child))]


def stop_all(process):
    for pid in family(process.pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)


def kill_all(process):
    for pid in family(process.pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def wait_for(process, created):
    told = []
    for line in process.stdout:
        found = re.search(rb"container (\d+) created in", line)
        if found:
            told.append(int(found.group(1)))
        if len(told) == created:
            return told
    raise AssertionError(process.stderr.read())


def same_trees(world, ctids):
    trees = [snapshot(world.private(c), OWN) for c in ctids]
    assert all(tree == trees[0] for tree in trees)
    if trees:
        assert len(trees[0]) >= 15


def run_until_power_cut(world, where, image, created):
    """Stops a batch dead and copies the device; the ids that were told as created by then."""
    archives.write(world.templates)
    world.publish()
    world.add_source()
    ok(world.run("template", "pull", "small"))
    folder = documents(world, [f"ct-{n}" for n in range(40)])
    os.sync()
    process = world.start("batch", "-j", 3, folder)
    try:
        told = wait_for(process, created)
        stop_all(process)
        shutil.copyfile(backing_file(where), image)
    finally:
        kill_all(process)
        process.communicate(timeout=30)
    return told


@pytest.mark.parametrize("created", [1, 4, 11])
@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs"])
def test_power_cut(empty_world, image, kind, created):
    where = empty_world.top / "disk"
    with mounted(kind, where, 400):
        told = run_until_power_cut(World(where, empty_world.vzroot), where, image, created)
    with mounted_copy(image, empty_world.vzroot) as cut:
        ok(cut.run("recover"))
        there = made(cut)
        # Whatever was told as created is there; whatever is there is whole.
        assert set(told) <= set(there)
        same_trees(cut, there)
        ok(cut.run("batch", "--resume"))
        assert len(made(cut)) == 40
        same_trees(cut, made(cut))
