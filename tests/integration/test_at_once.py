# SPDX-License-Identifier: LGPL-2.1-or-later
"""Two commands at once, one of them held back at the worst moment."""
import os
import time

from world import ok


def test_destroy_twice(world):
    """One waits before the lock until the other has ended: then nothing is left for it."""
    ok(world.create())
    slow = world.start("destroy", 101, prefix=["strace", "-f", "-qq", "-o", "/dev/null", "-e",
                                               "trace=flock", "-e",
                                               "inject=flock:delay_enter=3000000:when=1"],
                       env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"})
    time.sleep(1)
    ok(world.run("destroy", 101))
    _, err = slow.communicate(timeout=60)
    assert slow.returncode == 3, err
    assert b"no container 101" in err
