# SPDX-License-Identifier: LGPL-2.1-or-later
"""Two commands at once, one of them held back at the worst moment."""
import os
import time

from world import difference, ok, refused


def test_destroy_twice(world):
    """One waits at its journal until the other has ended: then nothing is left for it."""
    ok(world.create())
    slow = world.start("destroy", 101, prefix=["strace", "-f", "-qq", "-o", "/dev/null", "-e",
                                               "trace=flock", "-e",
                                               "inject=flock:delay_enter=3000000:when=2"],
                       env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"})
    time.sleep(1)
    ok(world.run("destroy", 101))
    _, err = slow.communicate(timeout=60)
    assert slow.returncode == 3, err
    assert b"no container 101" in err


def test_same_name_twice(world):
    """One is held back just before it makes the link of its name; the other comes meanwhile."""
    # Without -f: the unpacking child makes links too.
    slow = world.start("create", world.document(name="web"),
                       prefix=["strace", "-qq", "-o", "/dev/null", "-e", "trace=symlinkat", "-e",
                               "inject=symlinkat:delay_enter=4000000:when=1"],
                       env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"})
    deadline = time.monotonic() + 30
    while not world.private(101).exists():
        assert time.monotonic() < deadline and slow.poll() is None
        time.sleep(0.05)
    refused(world.create(name="web"), 8, "the name 'web' is taken by container 101")
    out, err = slow.communicate(timeout=60)
    assert slow.returncode == 0, (out, err)
    assert os.readlink(world.path("etc/vz/names/web")).endswith("/101.conf")
    assert not world.private(102).exists()


def test_configuration_of_somebody_else(world):
    """OpenVZ gets a container of the id just before ours is announced: ours goes, theirs stays."""
    before = world.snapshot([r"var/cache/vzroot(/.*)?", r"vz/private/\.vzroot(/.*)?"])
    slow = world.start("create", world.document(name="web"), "--ctid", 150,
                       prefix=["strace", "-qq", "-o", "/dev/null", "-e", "trace=symlinkat", "-e",
                               "inject=symlinkat:delay_enter=3000000:when=1"],
                       env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"})
    deadline = time.monotonic() + 30
    while not world.private(150).exists():
        assert time.monotonic() < deadline and slow.poll() is None
        time.sleep(0.05)
    world.conf(150).write_text('ONBOOT="no"\n')
    _, err = slow.communicate(timeout=60)
    assert slow.returncode == 1, err
    assert b"has got a container 150 in the meantime" in err
    assert world.conf(150).read_text() == 'ONBOOT="no"\n'
    world.conf(150).unlink()
    left = difference(before, world.snapshot([r"var/cache/vzroot(/.*)?",
                                              r"vz/private/\.vzroot(/.*)?"]))
    assert [line for line in left if "150" in line or "web" in line] == []
