# SPDX-License-Identifier: LGPL-2.1-or-later
"""Worlds that are broken: full, read-only, forbidden, damaged, or in the way."""
import os
import re
import shutil
import subprocess

import pytest

import archives
import filesystems
from scaffold import SCAFFOLD, clean, pulled
from world import difference, domain, ok, refused, snapshot

# ---- no room

def leave_free(where, megabytes):
    """Takes the room of a file system but for about so much."""
    room = os.statvfs(where)
    taken = room.f_bavail * room.f_frsize - (megabytes << 20)
    subprocess.run(["fallocate", "-l", str(taken), where / "hog"], check=True)


@pytest.mark.parametrize("kind,megabytes", [("tmpfs", 8), ("ext4", 16), ("xfs", 300),
                                            ("btrfs", 120)])
def test_full_private_area(world, kind, megabytes):
    """Planned: refused with both numbers, before anything is made."""
    archives.write(world.templates, "big",
                   members=archives.small_members() + archives.filler(6))
    world.publish()
    ok(world.run("template", "pull", "big"))
    with filesystems.mounted(kind, world.path("vz/private"), megabytes) as where:
        leave_free(where, 3)
        before = world.snapshot(SCAFFOLD)
        result = refused(world.run("create", world.document(template="big")), 5, "big")
        # What btrfs says of its room, and what it gives, are not the same.
        if kind != "btrfs":
            assert len(re.findall(r"\d+ (?:KiB|free)", result.err)) == 2, result.err
        clean(world, before)


@pytest.mark.parametrize("kind,megabytes", [("tmpfs", 24), ("ext4", 32)])
def test_fills_up_while_it_works(world, kind, megabytes):
    """Somebody else takes the room after the plan: ENOSPC in the middle of the work."""
    archives.write(world.templates, "big",
                   members=archives.small_members() + archives.filler(12, files=30))
    world.publish()
    ok(world.run("template", "pull", "big"))
    with filesystems.mounted(kind, world.path("vz/private"), megabytes) as where:
        before = world.snapshot(SCAFFOLD)
        # The plan sees the room; a fault takes it away at a write in the middle.
        result = world.run("create", world.document(template="big"),
                           prefix=["strace", "-f", "-qq", "-o", "/dev/null",
                                   "-e", "inject=pwrite64,write:error=ENOSPC:when=20+"])
        assert result.code == 5, str(result)
        assert "No space left" in result.err
        subprocess.run(["fallocate", "-l", f"{megabytes}M", where / "hog"], check=False,
                       capture_output=True)
        refused(world.run("create", world.document(template="big")), 5)
        (where / "hog").unlink(missing_ok=True)
        ok(world.run("recover"))
        clean(world, before)
        ok(world.run("create", world.document(template="big")))


def test_no_inodes(world):
    with filesystems.mounted("tmpfs", world.path("vz/private"), 64, "nr_inodes=12"):
        before = world.snapshot(SCAFFOLD)
        refused(world.run("create", world.document()), 5, "inode")
        clean(world, before)


def test_full_cache(world):
    with filesystems.mounted("tmpfs", world.path("var/cache"), 1):
        archives.write(world.templates, "big", members=archives.filler(4))
        world.publish()
        refused(world.run("template", "pull", "big"), 5)
        assert ok(world.run("template", "list")).out.find("big\n") < 0
        # What fits still works.
        ok(world.run("template", "pull", "small"))


def test_full_conf_directory(world):
    """The last step has no room: the container is taken back whole."""
    ok(world.run("template", "pull", "small"))
    saved = world.top / "conf"
    shutil.copytree(world.path("etc/vz/conf"), saved)
    with filesystems.mounted("tmpfs", world.path("etc/vz/conf"), 1) as where:
        shutil.copytree(saved, where, dirs_exist_ok=True)
        leave_free(where, 0)
        before = world.snapshot(SCAFFOLD)
        result = world.run("create", world.document())
        assert result.code == 5, str(result)
        clean(world, before)


# ---- no permission

def test_read_only_cache(world):
    ok(world.run("template", "pull", "small"))
    cache = world.path("var/cache")
    subprocess.run(["mount", "--bind", cache, cache], check=True)
    subprocess.run(["mount", "-o", "remount,ro,bind", cache], check=True)
    try:
        archives.write(world.templates, "other")
        world.publish()
        result = refused(world.run("template", "pull", "other"), 1)
        assert "Read-only file system" in result.err
        # A template that is in it can be used all the same.
        ok(world.run("create", world.document()))
    finally:
        subprocess.run(["umount", "-l", cache], check=True)


def test_not_root(world):
    """As somebody else: an early, clear refusal; and check, which needs no root, works."""
    ok(world.run("template", "pull", "small"))
    subprocess.run(["chmod", "-R", "go+rX", world.top], check=True)
    drop = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
    before = world.snapshot()
    result = world.run("create", world.document(), prefix=drop)
    assert result.code in (1, 7), str(result)
    assert "root" in result.err or "ermission denied" in result.err
    assert difference(before, world.snapshot()) == []
    ok(world.run("check", world.document(), prefix=drop))


@pytest.mark.parametrize("capability", ["chown", "mknod", "fowner"])
def test_missing_capability(world, capability):
    before = pulled(world)
    result = world.run("create", world.document(),
                       prefix=["setpriv", f"--bounding-set=-{capability}",
                               f"--inh-caps=-{capability}"])
    if result.code != 0:
        assert len(result.err.strip().splitlines()) >= 1
        clean(world, before)


def test_unsafe_parent(world):
    """Who may rename entries of the directory could put another tree in the container's place."""
    before = pulled(world)
    world.path("vz/private").mkdir(parents=True, exist_ok=True)
    world.path("vz/private").chmod(0o777)
    refused(world.run("create", world.document()), 8, "can be changed by others")
    world.path("vz/private").chmod(0o755)
    os.chown(world.path("vz/private"), 1000, 1000)
    refused(world.run("create", world.document()), 8, "can be changed by others")
    os.chown(world.path("vz/private"), 0, 0)
    clean(world, before)


# ---- damaged templates

@pytest.mark.parametrize("suffix", [".gz", ".bz2", ".xz", ".zst", ".lz4"])
@pytest.mark.parametrize("kept", [0.5, 0.95])
def test_truncated_archive(world, suffix, kept):
    """Truncated, with a checksum that says so is right: the format itself must tell."""
    path = archives.write(world.templates, "cut", suffix,
                          archives.small_members() + archives.filler(1))
    data = path.read_bytes()
    path.write_bytes(data[:int(len(data) * kept)])
    world.publish()
    before = world.snapshot(SCAFFOLD)
    result = refused(world.run("create", world.document(template="cut")), 8)
    assert "cut" in result.err
    clean(world, before)


def test_flipped_bit_in_gzip(world):
    """libarchive checks no CRC of gzip; we do."""
    path = archives.write(world.templates, "flip", ".gz",
                          archives.small_members() + archives.filler(1))
    data = bytearray(path.read_bytes())
    data[-6] ^= 1  # of the CRC in the trailer
    path.write_bytes(bytes(data))
    world.publish()
    before = world.snapshot(SCAFFOLD)
    refused(world.run("create", world.document(template="flip")), 8, "flip")
    clean(world, before)


@pytest.mark.parametrize("content", [b"", b"not an archive\n" * 100, bytes(10240)])
def test_no_archive(world, content):
    (world.templates / "none.tar.gz").write_bytes(content)
    world.publish()
    before = world.snapshot(SCAFFOLD)
    refused(world.run("create", world.document(template="none")), 8)
    clean(world, before)


def test_wrong_digest(world):
    sums = world.templates / "SHA256SUMS"
    sums.write_text("0" * 64 + "  small.tar.gz\n")
    before = world.snapshot(SCAFFOLD)
    result = refused(world.run("create", world.document()), 4)
    assert "small" in result.err
    clean(world, before)
    assert "small" not in ok(world.run("template", "list")).out.replace("small.tar", "") \
        or ok(world.run("--json", "template", "list"))


def test_cached_bytes_changed(world):
    """The cache is read again while it is unpacked: a changed byte is never a container."""
    pulled(world)
    (world.templates / "small.tar.gz").unlink()
    before = world.snapshot(SCAFFOLD)
    blobs = [p for p in world.path("var/cache/vzroot/blobs").rglob("*") if p.is_file()]
    blob = max(blobs, key=lambda p: p.stat().st_size)
    data = bytearray(blob.read_bytes())
    data[len(data) // 2] ^= 0x40
    blob.chmod(0o644)
    blob.write_bytes(bytes(data))
    result = world.run("create", world.document())
    assert result.code in (4, 8), str(result)
    clean(world, before)


# ---- what is in the way (E04 to E12)

def test_same_id_twice(world):
    ok(world.create())
    before = world.snapshot()
    refused(world.run("create", world.document()), 1, "101", "exists")
    assert difference(before, world.snapshot()) == []


OCCUPIED = {
    "not empty": lambda p: (p.mkdir(), (p / "x").write_text("precious")),
    "file": lambda p: p.write_text("precious"),
    "fifo": os.mkfifo,
    "dangling link": lambda p: p.symlink_to("nowhere"),
    "link to a directory": lambda p: p.symlink_to("/etc"),
}


@pytest.mark.parametrize("what", OCCUPIED)
def test_private_area_is_occupied(world, what):
    ok(world.run("template", "pull", "small"))
    world.path("vz/private").mkdir(parents=True, exist_ok=True)
    OCCUPIED[what](world.private(101))
    before = world.snapshot(SCAFFOLD)
    refused(world.run("create", world.document(), timeout=30), 1, "/vz/private/101")
    clean(world, before)


def test_private_area_is_a_mount_point(world):
    ok(world.run("template", "pull", "small"))
    with filesystems.mounted("tmpfs", world.private(101), 8):
        before = world.snapshot(SCAFFOLD)
        refused(world.run("create", world.document()), 1, "mount point")
        clean(world, before)


def test_empty_private_area_is_taken(world):
    """vzctl itself accepts an empty directory."""
    ok(world.run("template", "pull", "small"))
    world.private(101).mkdir(parents=True)
    ok(world.create())
    assert (world.private(101) / "etc/passwd").is_file()


def test_administrators_link(world):
    """/vz may be a link to another disk: that is the administrator's, and it is followed."""
    ok(world.run("template", "pull", "small"))
    world.path("srv/vz").mkdir(parents=True)
    shutil.rmtree(world.path("vz"), ignore_errors=True)
    world.path("vz").symlink_to("/srv/vz")
    ok(world.create())
    assert world.path("srv/vz/private/101/etc/passwd").is_file()
    ok(world.run("destroy", 101))
    assert not world.path("srv/vz/private/101").exists()


def test_link_out_of_the_root(world):
    """With --root, an absolute link leads inside, not to the host's directory of that name."""
    ok(world.run("template", "pull", "small"))
    shutil.rmtree(world.path("vz"), ignore_errors=True)
    target = world.top / "elsewhere"
    target.mkdir()
    world.path("vz").symlink_to(target)
    world.run("create", world.document())
    assert list(target.iterdir()) == []


@pytest.mark.parametrize("name", ["0", "-1", "2147483648", "4294967397", "101/../102", "..",
                                  "$(id)", "101\n102", "%s", "x" * 300])
def test_odd_ids(world, name):
    """4294967397 must never become 101."""
    ok(world.run("template", "pull", "small"))
    text = domain().replace("<name>101</name>", f"<name>{name}</name>")
    before = world.snapshot(SCAFFOLD)
    result = world.run("create", world.document(text=text))
    assert result.code in (2, 8), str(result)
    clean(world, before)
    refused(world.run("create", f"--ctid={name}", world.document()), 2)
    clean(world, before)


def test_different_file_systems(world):
    """Staging is on the private areas' file system, also when that is a mount of its own."""
    with filesystems.mounted("ext4", world.path("vz/private"), 32):
        ok(world.create())
        assert (world.private(101) / "etc/passwd").is_file()
        ok(world.run("destroy", 101))


@pytest.mark.parametrize("kind,megabytes", [("ext4", 32), ("xfs", 300), ("btrfs", 120),
                                            ("tmpfs", 32)])
def test_file_systems(world, kind, megabytes, tmp_path):
    with filesystems.mounted(kind, world.path("vz/private"), megabytes):
        result = world.run("create", world.document())
        if kind == "tmpfs" and result.code:
            # No user.* attributes on tmpfs before Linux 6.6: said, not dropped.
            assert "user.note" in result.err, str(result)
            return
        ok(result)
        archive = world.templates / "small.tar.gz"
        subprocess.run(["tar", "--numeric-owner", "--xattrs", "--xattrs-include=*", "-xpf",
                        archive, "-C", tmp_path], check=True)
        mine = snapshot(world.private(101), [r"etc(/.*)?"])
        assert difference(snapshot(tmp_path, [r"etc(/.*)?"]), mine) == []
