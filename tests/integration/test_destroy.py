# SPDX-License-Identifier: LGPL-2.1-or-later
"""destroy, list, show: a container and nothing else goes away."""
import subprocess

from world import difference, ok, owner, refused

# What a first creation may leave: directories, the cache, the staging area, empty lock files.
KEPT = [r"var/cache/vzroot(/.*)?", r"vz/private/\.vzroot(/.*)?"]


def test_destroy_takes_everything(world):
    limited = owner("user", "bob", 5)
    ok(world.create("--ctid=200", name="first", metadata=limited))
    ok(world.run("destroy", 200))
    before = world.snapshot(KEPT)
    ok(world.create(name="web", metadata=limited))
    ok(world.create(name="102"))
    assert [c["ctid"] for c in listed(world)] == [101, 102]
    ok(world.run("destroy", 101))
    assert [c["ctid"] for c in listed(world)] == [102]
    assert world.private(102).is_dir()
    ok(world.run("destroy", 102))
    assert listed(world) == []
    assert difference(before, world.snapshot(KEPT)) == []


def listed(world):
    return ok(world.run("--json", "list")).last


def test_unknown(world):
    refused(world.run("destroy", 555), 3, "555")
    refused(world.run("show", 555), 3, "555")


def test_not_ours(world):
    """A container that OpenVZ's own tools made is not ours to destroy."""
    world.private(101).mkdir(parents=True)
    world.conf(101).write_text('VE_PRIVATE="/vz/private/101"\n')
    before = world.snapshot()
    refused(world.run("destroy", 101), 3, "101")
    assert difference(before, world.snapshot()) == []


def test_hostile_tree(world):
    """What a guest did to its files does not keep them, and does not lead outside."""
    ok(world.create())
    root = world.private(101)
    outside = world.top / "precious"
    outside.mkdir()
    (outside / "file").write_text("stays")
    (root / "link").symlink_to(outside)
    deep = root
    for _ in range(300):
        deep = deep / "deep"
    subprocess.run(["mkdir", "-p", deep], check=True)
    (root / "locked/inner").mkdir(parents=True)
    (root / "locked/inner").chmod(0)
    (root / "locked").chmod(0)
    (root / "frozen").mkdir()
    (root / "frozen/file").write_text("x")
    subprocess.run(["chattr", "+i", root / "frozen/file", root / "frozen"], check=False,
                   capture_output=True)
    ok(world.run("destroy", 101))
    assert not root.exists()
    assert (outside / "file").read_text() == "stays"


def test_running(world):
    """vzctl holds the lock of a container it works on, and mounts the root of one that runs."""
    ok(world.create())
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", mount_point(world)], check=True)
    try:
        refused(world.run("destroy", 101), 6, "101")
    finally:
        subprocess.run(["umount", mount_point(world)], check=True)
    sleeper = subprocess.Popen(["sleep", "60"])
    lock = world.path("vz/lock/101.lck")
    try:
        lock.write_text(f"{sleeper.pid}\nstarting\n")
        refused(world.run("destroy", 101), 6, "101")
        assert lock.exists()
    finally:
        sleeper.kill()
        sleeper.wait()
    ok(world.run("destroy", 101))
    assert not lock.exists()


def mount_point(world):
    path = world.path("vz/root/101")
    path.mkdir(parents=True, exist_ok=True)
    return path


def test_mount_inside_is_kept(world):
    """Something that the administrator mounted into the private area is not emptied."""
    ok(world.create())
    outside = world.top / "precious"
    outside.mkdir()
    (outside / "file").write_text("stays")
    inside = world.private(101) / "home"
    subprocess.run(["mount", "--bind", outside, inside], check=True)
    try:
        refused(world.run("destroy", 101), 6, "mounted", "private/101/home")
        assert (outside / "file").read_text() == "stays"
        assert world.conf(101).exists()
    finally:
        subprocess.run(["umount", "-l", inside], check=True)
    ok(world.run("destroy", 101))
    assert (outside / "file").read_text() == "stays"
    assert not world.private(101).exists()
