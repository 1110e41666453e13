# SPDX-License-Identifier: LGPL-2.1-or-later
"""Unpacking: the tree is what GNU tar makes, for real templates and awkward archives."""
import hashlib
import os
import socket
import stat
import struct
import subprocess

import pytest

import tarball
import tree

TAR_X = ["tar", "--numeric-owner", "--xattrs", "--xattrs-include=*", "--acls", "-xpf"]
ACL = struct.Struct("<HHI")


def acl(*entries):
    """A binary ACL of (tag, permissions, id)."""
    return struct.pack("<I", 2) + b"".join(ACL.pack(tag, perm, who & 0xffffffff)
                                           for tag, perm, who in entries)


ACCESS = acl((1, 7, -1), (2, 6, 61234), (4, 5, -1), (8, 4, 61235), (16, 7, -1), (32, 0, -1))
DEFAULT = acl((1, 7, -1), (2, 7, 61236), (4, 5, -1), (16, 5, -1), (32, 5, -1))
CAPABILITY = struct.pack("<5I", 0x02000001, 1 << 10, 0, 0, 0)


def same_as_tar(archive, outcome, tmp_path, implicit=()):
    """Compares with what tar makes; @implicit: directories that no member names."""
    other = tmp_path / "by-tar"
    other.mkdir(mode=0o700)
    subprocess.run([*TAR_X, str(archive), "-C", str(other)], check=True)
    os.sync()

    def timed(path):
        return path not in implicit
    theirs, ours = tree.listing(other, timed), tree.listing(outcome.root, timed)
    assert tree.difference(theirs, ours) == []
    return ours


@pytest.mark.parametrize("name", [
    "alpine-minirootfs-3.10.3-x86_64.tar.gz", "alpine-minirootfs-3.10.9-x86_64.tar.gz",
    "alpine-minirootfs-3.19.4-x86.tar.gz", "alpine-minirootfs-3.19.4-x86_64.tar.gz",
    "debian-12-x86_64-minbase.tar.gz"])
def test_templates(unpack, data_dir, tmp_path, name):
    archive = data_dir / "templates" / name
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    out = unpack(archive, "--digest", "sha256:" + digest).works()
    ours = same_as_tar(archive, out, tmp_path)
    assert out.result["sha256"] == "sha256:" + digest
    assert out.result["compression"] == "gzip"
    assert out.result["archive_bytes"] == archive.stat().st_size
    assert out.result["left_out"] == 0 and out.warnings == []
    inodes = len({entry.get("group", path) for path, entry in ours.items()})
    assert out.result["inodes"] == inodes
    used = sum(e.get("blocks", 8 if e["type"] == stat.S_IFDIR else 0)
               for path, e in ours.items() if e.get("group", path) == path) // 2
    assert abs(out.result["kib"] - used) <= used // 50 + 8
    measured = unpack(archive, directory=None).works().result
    for key in ("sha256", "entries", "inodes", "bytes", "kib", "left_out"):
        assert measured[key] == out.result[key], key


def sparse(path, *pieces, size):
    with open(path, "wb") as f:
        f.truncate(size)
        for offset, data in pieces:
            f.seek(offset)
            f.write(data)


def rich_tree(top):
    """Everything that a root file system may have."""
    top = os.fsencode(top)

    def at(name):
        return os.path.join(top, name)

    def write(name, data=b"x", mode=0o644):
        with open(at(name), "wb") as f:
            f.write(data)
        os.chmod(at(name), mode)

    for name, mode in ((b"closed", 0o700), (b"closed/deep", 0o700), (b"sticky", 0o1777),
                       (b"setgid", 0o2775), (b"acl", 0o755), (b"times", 0o755),
                       (b"dev", 0o755)):
        os.mkdir(at(name))
        os.chmod(at(name), mode)
    write(b"closed/deep/file", b"hidden")
    write(b"setgid/in", b"1")
    write(b"empty", b"", 0)
    write(b"su", b"#!", 0o4755)
    write(b"sg", b"#!", 0o6711)
    os.chown(at(b"su"), 7, 8)
    os.chmod(at(b"su"), 0o4755)
    write(b"owner", b"o")
    os.chown(at(b"owner"), 4294967294, 3000000)
    os.symlink(b"../../nowhere", at(b"dangling"))
    os.chown(at(b"dangling"), 5, 6, follow_symlinks=False)
    os.symlink(b"t" * 3000, at(b"far"))
    os.link(at(b"dangling"), at(b"hard-to-symlink"), follow_symlinks=False)
    os.link(at(b"owner"), at(b"sticky/hard"))
    os.mkfifo(at(b"fifo"), 0o640)
    for name, major, minor in ((b"null", 1, 3), (b"tty", 5, 0), (b"ptmx", 5, 2)):
        os.mknod(at(b"dev/" + name), stat.S_IFCHR | 0o600, os.makedev(major, minor))
        os.chmod(at(b"dev/" + name), 0o666)
    for name in (b"gr\xc3\xbc\xc3\x9fe", b"e\xcc\x81", b"latin\xe9", b"new\nline", b"a\\b", b" ",
                 b"-rf", b"n" * 255, b"esc\x1b[31m"):
        write(name, name)
    os.symlink(b"latin\xe9", at(b"to-latin"))
    deep = b"d" * 200
    for _ in range(8):
        os.mkdir(at(deep))
        deep += b"/" + b"d" * 200
    sparse(at(b"hole-head"), (1 << 20, b"end"), size=(1 << 20) + 3)
    sparse(at(b"hole-tail"), (0, b"begin"), size=5 << 20)
    sparse(at(b"all-hole"), size=3 << 20)
    sparse(at(b"many-holes"), *((i << 16, b"data%d" % i) for i in range(60)), size=4 << 20)
    write(b"zeros", bytes(100000))
    write(b"big", os.urandom(1 << 20) * 3)
    os.setxattr(at(b"big"), "user.comment", b"\0binary\xff=\n")
    os.setxattr(at(b"acl"), "user.dir", b"")
    write(b"ping", b"ELF", 0o755)
    os.chown(at(b"ping"), 0, 12)
    os.setxattr(at(b"ping"), "security.capability", CAPABILITY)
    write(b"acl/file", b"acl", 0o640)
    os.setxattr(at(b"acl/file"), "system.posix_acl_access", ACCESS)
    os.setxattr(at(b"acl"), "system.posix_acl_access", ACCESS)
    os.setxattr(at(b"acl"), "system.posix_acl_default", DEFAULT)
    write(b"acl/later", b"no acl of its own", 0o600)
    os.removexattr(at(b"acl/later"), "system.posix_acl_access")
    os.chmod(at(b"acl/later"), 0o600)
    for name, ns in ((b"negative", -1250000000), (b"exact", -3000000000), (b"ns", 123456789),
                     (b"late", 4102444800 * 10**9 + 1), (b"zero", 0)):
        write(b"times/" + name)
        os.utime(at(b"times/" + name), ns=(0, ns))
    os.utime(at(b"dangling"), ns=(0, 77 * 10**9 + 5), follow_symlinks=False)
    os.chmod(at(b"closed/deep"), 0)
    os.chmod(at(b"closed"), 0)
    for name in (b"times", b"acl", b"setgid", b""):
        os.utime(at(name), ns=(0, 10**18 + len(name) * 7))


@pytest.fixture(scope="module")
def rich(tmp_path_factory, as_root):
    top = tmp_path_factory.mktemp("rich")
    rich_tree(top)
    return top


def pack(source, archive, *options, rooted=True):
    names = ["."] if rooted else sorted(os.listdir(os.fsencode(source)))
    subprocess.run(["tar", "-C", str(source), "--numeric-owner", "--no-unquote", *options, "-cf",
                    str(archive),
                    "--", *names], check=True)
    return archive


@pytest.mark.parametrize("options", [
    ["--format=posix", "--xattrs", "--xattrs-include=*", "--acls", "--sparse"],
    ["--format=posix", "--xattrs", "--xattrs-include=*", "--acls"],
    ["--format=posix", "--sparse", "--sparse-version=0.0"],
    ["--format=posix", "--sparse", "--sparse-version=0.1"],
    ["--format=gnu", "--sparse"],
    ["--format=gnu"],
], ids=lambda options: "-".join(o.strip("-") for o in options if "xattrs-" not in o))
@pytest.mark.parametrize("rooted", [True, False], ids=["dot", "bare"])
def test_rich(unpack, rich, tmp_path, options, rooted):
    archive = pack(rich, tmp_path / "rich.tar", *options, rooted=rooted)
    out = unpack(archive).works()
    ours = same_as_tar(archive, out, tmp_path, implicit=() if rooted else (b"",))
    assert ours[b"hole-tail"]["blocks"] <= (16 if "--sparse" in options else 5 << 12)
    if "--acls" in options:
        assert ours[b"acl"]["xattrs"]["system.posix_acl_default"] == DEFAULT
        assert ours[b"acl/file"]["xattrs"]["system.posix_acl_access"] == ACCESS
        assert ours[b"ping"]["xattrs"]["security.capability"] == CAPABILITY
        assert ours[b"acl/later"]["xattrs"] == {}
        assert ours[b"times/negative"]["mtime"] == -1250000000
    assert ours[b"su"]["mode"] == 0o4755 and ours[b"su"]["uid"] == 7
    assert out.warnings == []


def test_acls_stored_as_attributes(unpack, rich, tmp_path):
    """tar stores them so without --acls, and then loses them; they are in the archive, though."""
    archive = pack(rich, tmp_path / "rich.tar", "--format=posix", "--xattrs", "--xattrs-include=*",
                   "--sparse")
    out = unpack(archive).works()
    os.sync()
    assert tree.difference(tree.listing(rich), tree.listing(out.root)) == []


def test_by_bsdtar(unpack, rich, tmp_path):
    archive = tmp_path / "rich.tar"
    subprocess.run(["bsdtar", "-C", str(rich), "--format=pax", "--numeric-owner", "--xattrs",
                    "--acls", "-cf", str(archive), "."], check=True,
                   env={**os.environ, "LC_ALL": "C.UTF-8"})
    out = unpack(archive).works()
    os.sync()
    ours, source = tree.listing(out.root), tree.listing(rich)
    # bsdtar itself stores a quarter of a second before 1970 as one after it, and no fifo mode.
    for listing in (ours, source):
        for name in (b"times/negative",):
            listing.pop(name)
        for entry in listing.values():
            entry.pop("blocks", None)
    assert tree.difference(source, ours) == []


@pytest.mark.parametrize("locale", ["C", "C.UTF-8", "tr_TR.UTF-8"])
@pytest.mark.parametrize("umask", [0, 0o77, 0o777])
def test_locale_and_umask_do_not_matter(unpack, rich, tmp_path, locale, umask):
    archive = pack(rich, tmp_path / "rich.tar", "--format=posix", "--xattrs",
                   "--xattrs-include=*", "--acls")
    before = os.umask(umask)
    try:
        out = unpack(archive, env={**os.environ, "LC_ALL": locale}).works()
    finally:
        os.umask(before)
    same_as_tar(archive, out, tmp_path)


@pytest.mark.parametrize("compression", tarball.COMPRESS)
def test_compressions(unpack, compression):
    big = os.urandom(700000)
    data = tarball.tar(tarball.directory(b"./"), tarball.member(b"./a", big),
                       tarball.member(b"./b", bytes(3000000)))
    out = unpack(tarball.COMPRESS[compression](data)).works()
    assert out.result["compression"] == compression
    assert (out.root / "a").read_bytes() == big
    assert (out.root / "b").stat().st_size == 3000000


@pytest.mark.parametrize("compression", ["gzip", "bzip2", "xz", "zstd", "lz4"])
def test_concatenated_members(unpack, compression):
    data = tarball.tar(tarball.member(b"a", os.urandom(300000)), tarball.member(b"b", b"b"))
    pack_one = tarball.COMPRESS[compression]
    cut = 123456
    out = unpack(pack_one(data[:cut]) + pack_one(data[cut:])).works()
    assert (out.root / "b").read_bytes() == b"b"


def raw(unpack, tmp_path, *members, implicit=()):
    archive = tmp_path / "raw.tar"
    archive.write_bytes(tarball.tar(*members))
    out = unpack(archive).works()
    return out, same_as_tar(archive, out, tmp_path, (b"", *implicit))


def test_files_before_parents(unpack, tmp_path):
    _, ours = raw(unpack, tmp_path, tarball.member(b"a/b/c", b"1"),
                  tarball.directory(b"a/b/", mode=0o700, mtime=5, uid=3),
                  tarball.directory(b"a", mode=0o1777, mtime=9), tarball.member(b"x/y", b"2"),
                  implicit=(b"x",))
    assert ours[b"a/b"]["mtime"] == 5 * 10**9 and ours[b"a"]["mode"] == 0o1777
    assert ours[b"x"]["mode"] == 0o755


def test_parent_made_under_setgid_directory(unpack):
    out = unpack(tarball.tar(tarball.directory(b"d", mode=0o2777, gid=50),
                             tarball.member(b"d/new/file", b"1"))).works()
    made = (out.root / "d" / "new").stat()
    assert (made.st_mode & 0o7777, made.st_uid, made.st_gid) == (0o755, 0, 0)


@pytest.mark.parametrize("members", [
    [tarball.member(b"f", b"old"), tarball.member(b"f", b"new!")],
    [tarball.member(b"f", b"old"), tarball.hardlink(b"g", b"f"), tarball.member(b"f", b"new!")],
    [tarball.symlink(b"f", b"over/there"), tarball.member(b"f", b"new!")],
    [tarball.member(b"f", b"old"), tarball.symlink(b"f", b"x")],
    [tarball.directory(b"f"), tarball.member(b"f", b"in place of a directory")],
    [tarball.directory(b"f"), tarball.symlink(b"f", b"x"), tarball.member(b"g", b"")],
    [tarball.directory(b"d", mode=0o700, mtime=5), tarball.member(b"d/x", b""),
     tarball.directory(b"d", mode=0o755, mtime=1234, uid=5)],
    [tarball.member(b"f", b"1"), tarball.hardlink(b"f", b"f")],
    [tarball.member(b"f", b"1"), tarball.member(b"g", b"2"), tarball.hardlink(b"g", b"f")],
    [tarball.symlink(b"s", b"/nowhere"), tarball.hardlink(b"t", b"s")],
    [tarball.directory(b"./"), tarball.member(b"./a", b"1"), tarball.directory(b"./", mtime=99)],
    [tarball.member(b"f", b"old", magic=bytes(8)), tarball.member(b"d/", magic=bytes(8))],
    [tarball.member(b"f", b"contiguous", type=b"7"), tarball.member(b"o", b"nul", type=b"\0")],
    [tarball.member(b"f" * 90, b"", prefix=b"p" * 150)],
    [tarball.long_name(b"q" * 200), tarball.member(b"q" * 100, b"1")],
    [tarball.long_name(b"t" * 300, b"K"), tarball.symlink(b"l", b"t" * 100)],
    [tarball.pax([("comment", "hi")], b"g"), tarball.member(b"f", b"1")],
    [tarball.pax([("mtime", "1.123456789"), ("uid", "4000000000"), ("size", "3")]),
     tarball.member(b"f", b"abc")],
    [tarball.member(b"big", b"", uid=tarball.base256(3000000000, 8))],
    [tarball.member(b"neg", b"", mtime=tarball.base256(-5, 12))],
], ids=lambda members: str(len(members)))
def test_awkward(unpack, tmp_path, members):
    raw(unpack, tmp_path, *members, implicit=(b"p" * 150,))


def test_default_acl_is_not_inherited(unpack):
    text = "user::rwx,user:1000:rwx,group::r-x,mask::rwx,other::---"
    out = unpack(tarball.tar(
        tarball.pax([("SCHILY.acl.default", text)]), tarball.directory(b"d"),
        tarball.member(b"d/f", b"", mode=0o600), tarball.directory(b"d/s"))).works()
    ours = tree.listing(out.root)
    assert ours[b"d/f"]["xattrs"] == {} and ours[b"d/f"]["mode"] == 0o600
    assert ours[b"d/s"]["xattrs"] == {}
    assert "system.posix_acl_default" in ours[b"d"]["xattrs"]


def test_acl_of_the_staging_directory_is_dropped(unpack, world):
    os.setxattr(world / "tree", "system.posix_acl_default", DEFAULT)
    out = unpack(tarball.tar(tarball.directory(b"d"), tarball.member(b"f", b""))).works()
    assert all(entry["xattrs"] == {} for entry in tree.listing(out.root).values())


def test_acl_without_numbers_shrinks_the_mode(unpack):
    text = "user::rw-,user:lisa:rw-,group::r--,mask::rw-,other::---"
    out = unpack(tarball.tar(tarball.pax([("SCHILY.acl.access", text)]),
                             tarball.member(b"f", b"", mode=0o660))).works()
    assert (out.root / "f").stat().st_mode & 0o777 == 0o640
    assert out.result["left_out"] == 1
    assert "ACL of 'f'" in out.warnings[0] and "without a number" in out.warnings[0]


def test_left_out_by_policy(unpack):
    records = [("SCHILY.xattr.trusted.overlay.opaque", "y"), ("SCHILY.xattr.user.overlay.x", "y"),
               ("SCHILY.xattr.security.selinux", "system_u:object_r:etc_t:s0"),
               ("SCHILY.xattr.security.ima", "x"), ("SCHILY.xattr.trusted.x", "y"),
               ("SCHILY.xattr.system.nfs4_acl", "y"), ("SCHILY.xattr.weird", "y"),
               ("SCHILY.xattr.user.kept", "z")]
    out = unpack(tarball.tar(
        tarball.pax(records), tarball.member(b"f", b""),
        tarball.pax([("SCHILY.xattr.security.selinux", "label")]), tarball.member(b"g", b""),
        tarball.pax([("SCHILY.xattr.user.x", "y")]), tarball.symlink(b"s", b"f"),
        tarball.member(b"sda", type=b"4", dev=(8, 0)),
        tarball.member(b"mem", type=b"3", dev=(1, 1)),
        tarball.member(b"null", type=b"3", dev=(1, 3), mode=0o666))).works()
    assert os.listxattr(out.root / "f") == ["user.kept"]
    assert sorted(os.listdir(out.root)) == ["f", "g", "null", "s"]
    assert out.result["left_out"] == 11
    text = "\n".join(out.warnings)
    for part in ("block device 'sda' (8:0)", "device 'mem' (1:1)", "security label of 'f' and 1",
                 "overlay attribute of 'f' and 1 more", "trusted.* attribute of 'f'",
                 "system.* attribute of 'f'", "security.* attribute of 'f'", "of 's'"):
        assert part in text, text
    assert len(out.warnings) == 9


def test_many_devices_are_summarised(unpack):
    out = unpack(tarball.tar(*(tarball.member(b"%d" % i, type=b"4", dev=(8, i))
                               for i in range(100)))).works()
    assert out.result["left_out"] == 100 and len(out.warnings) == 17
    assert "84 more" in out.warnings[-1]


def test_time_that_the_file_system_cannot_hold(unpack):
    out = unpack(tarball.tar(tarball.pax([("mtime", "99999999999999")]),
                             tarball.member(b"f", b""))).works()
    assert out.result["left_out"] == 1 and "modification time of 'f'" in out.warnings[0]


def test_many_directories_spill(unpack):
    members = b"".join(tarball.directory(b"d%05d/%s" % (i, b"n" * 80), mtime=i + 1)
                       for i in range(12000))
    out = unpack(members + tarball.END).works()
    for i in (0, 1, 9000, 9001, 11999):
        assert (out.root / f"d{i:05}" / ("n" * 80)).stat().st_mtime == i + 1
    assert out.result["inodes"] == 24001
    assert all(name.startswith("d") for name in os.listdir(out.root))


def test_not_empty_directory(unpack, world):
    (world / "tree" / "there").touch()
    unpack(tarball.tar(tarball.member(b"f", b""))).fails("exists", "not empty", "there")


def test_socket_of_a_tree_is_no_member(unpack, rich, tmp_path):
    top = tmp_path / "with-socket"
    top.mkdir()
    (top / "f").write_text("1")
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(str(top / "sock"))
        archive = pack(top, tmp_path / "s.tar")
    assert os.listdir(unpack(archive).works().root) == ["f"]
