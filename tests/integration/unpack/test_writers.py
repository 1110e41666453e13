# SPDX-License-Identifier: LGPL-2.1-or-later
"""What several writers could get wrong: order, replacing, linking, and which error is told."""
import os
import subprocess

import pytest

import tarball as t

MANY = 3000


@pytest.fixture
def tiny_disk(tmp_path, as_root):
    """A file system with room for some files only."""
    top = tmp_path / "tiny"
    top.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "none", str(top)],
                      capture_output=True, check=False).returncode:
        pytest.skip("cannot mount a tmpfs")
    (top / "tree").mkdir()
    yield top / "tree"
    subprocess.run(["umount", "-l", str(top)], check=True)


def test_the_last_of_many_of_one_name_stays(unpack):
    """Each replaces one whose bytes may still be on their way."""
    members = [t.member(b"f", b"%d" % i * 5000, mtime=i, uid=i % 3) for i in range(300)]
    out = unpack(t.tar(*members)).works()
    assert (out.root / "f").read_bytes() == b"299" * 5000
    st = os.stat(out.root / "f")
    assert st.st_mtime == 299 and st.st_uid == 299 % 3
    assert out.result["inodes"] == 2 and out.result["bytes"] == 15000
    assert out.result["kib"] == 4 + 16


def test_a_link_keeps_what_was_there_when_it_came(unpack):
    members = []
    for i in range(200):
        members += [t.member(b"f", b"%d" % i * 4000), t.hardlink(b"h%d" % i, b"f")]
    out = unpack(t.tar(*members)).works()
    for i in range(200):
        assert (out.root / f"h{i}").read_bytes() == b"%d" % i * 4000
    assert os.stat(out.root / "h199").st_ino == os.stat(out.root / "f").st_ino
    assert os.stat(out.root / "h0").st_nlink == 1


def test_a_directory_in_place_of_a_file_under_way(unpack):
    members = []
    for i in range(100):
        name = b"n%d" % i
        members += [t.member(name, b"x" * 20000), t.directory(name, mtime=7),
                    t.member(name + b"/f", b"inside", mtime=9)]
    out = unpack(t.tar(*members)).works()
    for i in range(100):
        assert (out.root / f"n{i}/f").read_bytes() == b"inside"
        assert os.stat(out.root / f"n{i}").st_mtime == 7
    assert out.result["inodes"] == 201 and out.result["bytes"] == 600


def test_files_of_every_size_are_whole(unpack):
    """Around the size of a writer's buffer, one after the other and interleaved with small ones."""
    piece = 128 << 10
    sizes = [0, 1, 511, 512, 4096, piece - 1, piece, piece + 1, 3 * piece, 2000001]
    data = {b"%d-%d" % (round, size): os.urandom(size) for round in range(3) for size in sizes}
    out = unpack(t.tar(*(t.member(name, content) for name, content in data.items()))).works()
    for name, content in data.items():
        assert (out.root / name.decode()).read_bytes() == content


def test_the_first_error_of_the_archive_is_told(unpack):
    """Attributes that no file system takes: whichever thread meets one first, the first counts."""
    bad = t.pax([("SCHILY.xattr.security.capability", b"no capability")])
    for first in (0, 1, 40, 900):
        members = [t.member(b"ok%d" % i, b"x" * (200000 if i % 50 == 0 else 10))
                   for i in range(first)]
        for i in range(60):
            members += [bad, t.member(b"bad%d" % i, b"y")]
        out = unpack(t.tar(*members))
        assert out.code == 1
        assert out.result["error"].startswith("member 'bad0': its attribute security.capability")
        subprocess.run(["find", str(out.root), "-mindepth", "1", "-delete"], check=True)


def test_an_error_of_a_writer_comes_before_one_of_the_parser(unpack):
    bad = t.pax([("SCHILY.xattr.security.capability", b"no capability")])
    out = unpack(t.tar(bad, t.member(b"bad", b"y"), t.member(b"../out", b"z")))
    assert out.result["error"].startswith("member 'bad': its attribute")


def test_no_room_ends_it_soon(unpack, tiny_disk):
    """The rest of the archive is not worked through for nothing."""
    members = (t.member(b"f%d" % i, b"x" * 8000) for i in range(MANY))
    out = unpack(t.tar(*members), directory=tiny_disk)
    assert out.result["code"] == -28
    assert len(os.listdir(tiny_disk)) < MANY / 2


@pytest.mark.parametrize("unpack", [8], indirect=True)
def test_threads_are_confined_too(unpack, plain, tmp_path, data_dir):
    """Writers start after the filter: strace sees them, and every call of theirs is a known one."""
    log = tmp_path / "strace"
    unpack(data_dir / "templates" / "alpine-minirootfs-3.19.4-x86_64.tar.gz",
           prefix=("strace", "-f", "-o", str(log), "-e", "trace=clone,clone3,seccomp")).works()
    lines = log.read_text().splitlines()
    at = next(i for i, line in enumerate(lines) if "SECCOMP_SET_MODE_FILTER" in line)
    started = [i for i, line in enumerate(lines) if "clone" in line and "CLONE_THREAD" in line]
    assert len(started) >= 9 and min(started) > at, lines
