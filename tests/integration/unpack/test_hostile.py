# SPDX-License-Identifier: LGPL-2.1-or-later
"""Hostile archives: nothing outside the tree changes, and the message says what was refused."""
import gzip
import hashlib
import io
import os
import random
import struct
import subprocess
import tarfile
import time

import pytest

import tarball as t

REFUSED, ARCHIVE, LIMIT, QUOTA = "refused-member", "bad-archive", "limit-exceeded", "over-quota"

PATHS = {
    "absolute": ([t.member(b"/etc/shadow", b"x")], REFUSED, "'/etc/shadow'", "absolute"),
    "absolute-link": ([t.symlink(b"/link", b"x")], REFUSED, "'/link'", "absolute"),
    "double-slash": ([t.member(b"//etc/shadow", b"x")], REFUSED, "'//etc/shadow'"),
    "dotdot": ([t.member(b"../victim", b"x")], REFUSED, "'../victim'", "'..'"),
    "dotdot-inside": ([t.directory(b"a"), t.member(b"a/../../victim", b"x")], REFUSED,
                      "'a/../../victim'"),
    "dotdot-end": ([t.directory(b"a/.."),], REFUSED, "'a/..'"),
    "dotdot-pax": ([t.pax([("path", "../victim")]), t.member(b"ok", b"x")], REFUSED,
                   "'../victim'"),
    "dotdot-gnu": ([t.long_name(b"../victim"), t.member(b"ok", b"x")], REFUSED, "'../victim'"),
    "dotdot-prefix": ([t.member(b"victim", b"x", prefix=b"..")], REFUSED, "'../victim'"),
    "dotdot-sparse": ([t.pax([("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0"),
                              ("GNU.sparse.name", "../victim"), ("GNU.sparse.realsize", "1")]),
                       t.member(b"ok", b"1\n0\n1\n".ljust(512, b"\0") + b"x")], REFUSED,
                      "'../victim'"),
    "empty": ([t.member(b"", b"x")], REFUSED, "name"),
    "empty-pax": ([t.pax([("path", "")]), t.member(b"ok", b"x")], REFUSED, "empty name"),
    "root-symlink": ([t.symlink(b".", b"/etc")], REFUSED, "'.'", "directory"),
    "root-file": ([t.member(b"./", b"x", type=b"0", magic=b"ustar\x0000")], ARCHIVE, "'./'",
                  "only a file has data"),
    "symlink-parent": ([t.symlink(b"a", b".."), t.member(b"a/victim", b"x")], REFUSED,
                       "'a/victim'", "'a' is a link"),
    "symlink-absolute-parent": ([t.symlink(b"a", b"/etc"), t.member(b"a/vzroot-test", b"x")],
                                REFUSED, "'a/vzroot-test'", "'a' is a link"),
    "symlink-chain": ([t.symlink(b"a", b"b"), t.symlink(b"b", b".."), t.member(b"a/victim", b"")],
                      REFUSED, "'a/victim'"),
    "symlink-dir-member": ([t.symlink(b"a", b".."), t.directory(b"a/etc/", mode=0o777)], REFUSED,
                           "'a/etc/'"),
    "symlink-deep": ([t.directory(b"d"), t.symlink(b"d/s", b"../.."),
                      t.member(b"d/s/new/victim", b"")], REFUSED, "'d/s/new/victim'"),
    "symlink-inside": ([t.directory(b"real"), t.symlink(b"l", b"real"), t.member(b"l/f", b"x")],
                       REFUSED, "'l/f'"),
    "parent-swapped": ([t.directory(b"a"), t.member(b"x", b""), t.symlink(b"a", b".."),
                        t.member(b"a/victim", b"x")], REFUSED, "'a/victim'"),
    "parent-is-file": ([t.member(b"f", b"x"), t.member(b"f/x", b"y")], REFUSED, "'f/x'",
                       "not a directory"),
    "parent-is-fifo": ([t.member(b"p", type=b"6"), t.member(b"p/x", b"y")], REFUSED, "'p/x'"),
    "link-to-proc": ([t.symlink(b"a", b"/proc/self/fd/4"), t.member(b"a/x", b"")], REFUSED,
                     "'a/x'"),
    "hardlink-outside": ([t.hardlink(b"h", b"../victim")], REFUSED, "'h'", "'..'"),
    "hardlink-absolute": ([t.hardlink(b"h", b"/etc/passwd")], REFUSED, "'h'", "absolute"),
    "hardlink-through-symlink": ([t.symlink(b"s", b".."), t.hardlink(b"h", b"s/victim")],
                                 REFUSED, "'h'", "link"),
    "hardlink-missing": ([t.hardlink(b"h", b"nothing")], REFUSED, "'h'", "'nothing'"),
    "hardlink-directory": ([t.directory(b"d"), t.hardlink(b"h", b"d")], REFUSED, "'h'",
                           "directory"),
    "hardlink-root": ([t.directory(b"./"), t.hardlink(b"h", b".")], REFUSED, "'h'"),
    "hardlink-empty": ([t.hardlink(b"h", b"")], REFUSED, "'h'"),
    "symlink-empty": ([t.symlink(b"s", b"")], REFUSED, "'s'", "target"),
    "over-full-directory": ([t.directory(b"d"), t.member(b"d/x", b""), t.member(b"d", b"")],
                            REFUSED, "'d'", "not empty"),
    "symlink-over-full-directory": ([t.member(b"d/x", b""), t.symlink(b"d", b"..")], REFUSED,
                                    "'d'", "not empty"),
    "name-too-long": ([t.long_name(b"n" * 256), t.member(b"n", b"")], LIMIT, "256 bytes"),
    "path-too-long": ([t.long_name(b"/".join([b"p" * 200] * 21)), t.member(b"n", b"")], LIMIT,
                      "4095"),
    "target-too-long": ([t.long_name(b"t" * 4096, b"K"), t.symlink(b"s", b"t")], LIMIT, "'s'",
                        "4096"),
    "too-deep": ([t.long_name(b"/".join([b"d"] * 129)), t.member(b"d", b"")], LIMIT, "128"),
    "control-characters": ([t.member(b"../\x1b[2J\n", b"")], REFUSED, r"'../\x1b[2J\x0a'"),
}


@pytest.mark.parametrize("case", PATHS)
def test_path(unpack, case):
    members, name, *texts = PATHS[case]
    unpack(t.tar(*members)).fails(name, *texts)


# What only a tree can tell: whether a directory was empty by then.
NEEDS_A_TREE = {"over-full-directory", "symlink-over-full-directory"}


@pytest.mark.parametrize("case", sorted(set(PATHS) - NEEDS_A_TREE))
def test_path_without_a_tree(unpack, case):
    """A template is refused when it is pulled, not when the first container is made of it."""
    members, name, *texts = PATHS[case]
    unpack(t.tar(*members), directory=None).fails(name, texts[0])


TYPES = {
    "uid-minus-one": ([t.member(b"f", b"", uid=t.base256(0xffffffff, 8), mode=0o6755)],),
    "uid-2-32": ([t.member(b"f", b"", uid=t.base256(1 << 32, 8), mode=0o6755)],),
    "uid-negative": ([t.member(b"f", b"", uid=t.base256(-1, 8))],),
    "gid-negative": ([t.member(b"f", b"", gid=t.base256(-2, 8))],),
    "uid-pax": ([t.pax([("uid", "4294967295")]), t.member(b"f", b"", mode=0o4755)],),
    "gid-pax-huge": ([t.pax([("gid", "99999999999999999999")]), t.member(b"f", b"")],),
    "multi-volume": ([t.member(b"f", b"x", type=b"M")],),
    "volume-label": ([t.member(b"f", type=b"V")],),
    "dump-directory": ([t.member(b"f", b"Yx\0\0", type=b"D")],),
    "solaris-acl": ([t.member(b"f", b"x", type=b"A"), t.member(b"f", b"")],),
    "unknown-type": ([t.member(b"f", type=b"Z")],),
    "type-8": ([t.member(b"f", type=b"8")],),
}


@pytest.mark.parametrize("case", TYPES)
def test_member(unpack, case):
    members, = TYPES[case]
    out = unpack(t.tar(*members)).fails(REFUSED, "'f'")
    assert os.listdir(out.root) == []


STRUCTURE = {
    "empty-file": (b"", "empty"),
    "one-byte": (b"x", "not a tar"),
    "only-the-mark": (t.END, "no members"),
    "zeros": (bytes(10240), "no members"),
    "no-mark": (t.member(b"f", b"x"), "end-of-archive mark is missing"),
    "half-a-mark": (t.member(b"f", b"x") + bytes(512), "end-of-archive mark is missing"),
    "lone-zero-block": (t.member(b"f", b"x") + bytes(512) + t.tar(t.member(b"g", b"y")),
                        "lone zero block"),
    "data-after-mark": (t.tar(t.member(b"f", b"x")) + t.tar(t.member(b"g", b"y")),
                        "data follows the end"),
    "text-after-mark": (t.tar(t.member(b"f", b"x")) + bytes(3000) + b"x", "data follows the end"),
    "truncated-data": (t.member(b"f", bytes(5000))[:3000], "truncated inside a member"),
    "truncated-header": (t.member(b"f", b"x") + t.member(b"g", b"y")[:300], "truncated"),
    "truncated-pax": (t.pax([("path", "long" * 300)])[:700], "truncated"),
    "wrong-sum": (t.tar(t.member(b"f", b"x"), t.header(b"g", sum=1)), "no member header at byte"),
    "ends-after-pax": (t.pax([("path", "x")]) + t.END, "ends after an extended header"),
    "pax-no-newline": (t.tar(t.pax(b"9 path=xy"), t.member(b"f", b"")), "extended header"),
    "pax-long-record": (t.tar(t.pax(b"99 path=x\n"), t.member(b"f", b"")), "extended header"),
    "pax-no-key": (t.tar(t.pax(b"7 =xyz\n"), t.member(b"f", b"")), "extended header"),
    "pax-no-equals": (t.tar(t.pax(b"7 path\n"), t.member(b"f", b"")), "extended header"),
    "pax-no-number": (t.tar(t.pax(b"x path=y\n"), t.member(b"f", b"")), "extended header"),
    "pax-nul": (t.tar(t.pax([("path", b"a\0b")]), t.member(b"f", b"")), "NUL byte"),
    "pax-duplicate": (t.tar(t.pax([("path", "a"), ("path", "b")]), t.member(b"f", b"")),
                      "twice the key 'path'"),
    "pax-twice": (t.tar(t.pax([("path", "a")]), t.pax([("path", "b")]), t.member(b"f", b"")),
                  "two extended headers"),
    "pax-and-gnu": (t.tar(t.long_name(b"a"), t.pax([("path", "b")]), t.member(b"f", b"")),
                    "both a GNU and a PAX header"),
    "gnu-and-pax": (t.tar(t.pax([("path", "b")]), t.long_name(b"a"), t.member(b"f", b"")),
                    "both a GNU and a PAX header"),
    "gnu-twice": (t.tar(t.long_name(b"a"), t.long_name(b"b"), t.member(b"f", b"")),
                  "two extended headers"),
    "gnu-nul": (t.tar(t.long_name(b"a\0b"), t.member(b"f", b"")), "NUL byte"),
    "pax-size-conflict": (t.tar(t.pax([("size", "1024")]), t.member(b"f", bytes(512)),
                                bytes(512)), "says 512 bytes, its extended header 1024"),
    "pax-size-text": (t.tar(t.pax([("size", "1k")]), t.member(b"f", b"")), "no number"),
    "pax-size-huge": (t.tar(t.pax([("size", "9" * 30)]), t.member(b"f", b"")), "no number"),
    "pax-time-text": (t.tar(t.pax([("mtime", "now")]), t.member(b"f", b"")), "a time"),
    "pax-time-huge": (t.tar(t.pax([("mtime", "9" * 30)]), t.member(b"f", b"")), "too large"),
    "size-negative": (t.tar(t.member(b"f", b"", size=t.base256(-1, 12))), "out of range"),
    "size-2-63": (t.tar(t.member(b"f", b"", size=t.base256((1 << 63) - 1, 12))), "'f'"),
    "size-text": (t.tar(t.member(b"f", b"", size=b"12x")), "no number"),
    "data-on-directory": (t.tar(t.member(b"d", b"x", type=b"5")), "only a file has data"),
    "data-on-symlink": (t.tar(t.member(b"d", b"x", type=b"2", link=b"x")), "only a file"),
    "data-on-hardlink": (t.tar(t.member(b"f", b"y"), t.member(b"d", b"x", type=b"1", link=b"f")),
                         "only a file"),
    "data-on-fifo": (t.tar(t.member(b"d", b"x", type=b"6")), "only a file has data"),
    "capability-of-two-bytes": (t.tar(t.pax([("SCHILY.xattr.security.capability", "xx")]),
                                      t.member(b"f", b"")), "no valid value"),
    "binary-acl-size": (t.tar(t.pax([("SCHILY.xattr.system.posix_acl_access", "xx")]),
                              t.member(b"f", b"")), "ACL"),
    "sparse-outside": (t.tar(t.pax([("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0"),
                                    ("GNU.sparse.name", "f"), ("GNU.sparse.realsize", "10")]),
                             t.member(b"f", b"1\n100\n512\n".ljust(512, b"\0") + bytes(512))),
                       None),
    "sparse-map-garbage": (t.tar(t.pax([("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0"),
                                        ("GNU.sparse.name", "f"),
                                        ("GNU.sparse.realsize", "10")]),
                                 t.member(b"f", b"x\ny\n".ljust(512, b"\0"))), None),
}


@pytest.mark.parametrize("case", STRUCTURE)
def test_structure(unpack, case):
    data, text = STRUCTURE[case]
    out = unpack(data)
    if text:
        out.fails(ARCHIVE, text)
    else:
        assert out.code == 1 and "'f'" in out.result["error"], out.result


@pytest.mark.parametrize("key", ["path", "size", "uid", "SCHILY.xattr.user.x"])
def test_global_header(unpack, key):
    unpack(t.tar(t.pax([(key, "1")], b"g"), t.member(b"f", b""))).fails(REFUSED, key, "global")


def test_name_is_named(unpack):
    """The extended name, not the one in the header, stands in messages of the structure."""
    unpack(t.tar(t.pax([("path", "real/name")]), t.member(b"x", b"d", type=b"5"))).fails(
        ARCHIVE, "'real/name'")


FORMATS = {
    "zip": (b"PK\3\4", "zip"), "7z": (b"7z\xbc\xaf\x27\x1c", "7-Zip"),
    "rar": (b"Rar!\x1a\7", "RAR"),
    "squashfs": (b"hsqs", "squashfs"), "qcow2": (b"QFI\xfb", "qcow2"), "cpio": (b"070701", "cpio"),
    "deb": (b"!<arch>\n", "Debian package"), "rpm": (b"\xed\xab\xee\xdb", "RPM"),
    "lrzip": (b"LRZI", "lrzip"), "lzop": (b"\x89LZO\0\r\n\x1a\n", "lzop"),
    "lzip": (b"LZIP", "lzip"),
    "grzip": (b"GRZipII\0\2\4:)", "grzip"), "compress": (b"\x1f\x9d\x90", "compress"),
    "mtree": (b"#mtree\n/set type=file\n", "mtree"), "warc": (b"WARC/1.0\r\n", "WARC"),
    "html": (b"<!DOCTYPE html>", "web page"), "elf": (b"\x7fELF\2", "ELF"),
    "iso": (bytes([1]) + bytes(32768) + b"CD001", "ISO 9660"),
    "ext4": (bytes([1]) + bytes(1079) + b"\x53\xef", "ext4"),
    "text": (b"hello " * 300, "not a tar"),
}


@pytest.mark.parametrize("case", FORMATS)
def test_format(unpack, case):
    magic, text = FORMATS[case]
    unpack(magic + bytes([1]) * 2000).fails(ARCHIVE, "not a tar archive", text)


@pytest.mark.parametrize("outer", ["gzip", "bzip2", "xz", "zstd", "lz4"])
@pytest.mark.parametrize("inner", ["gzip", "xz"])
def test_compressed_twice(unpack, outer, inner):
    data = t.COMPRESS[outer](t.COMPRESS[inner](t.tar(t.member(b"f", b"x"))))
    unpack(data).fails(ARCHIVE, "not a tar archive", "compressed twice")


@pytest.mark.parametrize("outer", ["gzip", "bzip2", "xz", "zstd", "lz4"])
def test_zip_inside(unpack, outer):
    unpack(t.COMPRESS[outer](b"PK\3\4" + bytes(3000))).fails(ARCHIVE, "zip",
                                                             "inside the compression")


SAMPLE = t.tar(t.member(b"a", random.Random(1).randbytes(200000)),
               t.member(b"b", bytes(300000)), t.directory(b"d"))


@pytest.mark.parametrize("compression", ["gzip", "bzip2", "xz", "zstd", "lz4"])
def test_truncated(unpack, compression, world):
    data = t.COMPRESS[compression](SAMPLE)
    for cut in (len(data) - 1, len(data) - 4, len(data) - 9, len(data) // 2, 100, 12):
        clean(world)
        unpack(data[:cut]).fails(ARCHIVE)
    clean(world)
    unpack(data[:len(data) // 2]).fails(ARCHIVE, "truncated")


def clean(world):
    subprocess.run(["rm", "-rf", str(world / "tree")], check=True)
    (world / "tree").mkdir(mode=0o700)


@pytest.mark.parametrize("compression", ["gzip", "bzip2", "xz", "zstd", "lz4"])
def test_trailing_bytes(unpack, compression):
    unpack(t.COMPRESS[compression](SAMPLE) + b"trailing garbage").fails(ARCHIVE)


@pytest.mark.parametrize("compression", ["gzip", "bzip2", "xz", "zstd"])
@pytest.mark.parametrize("unpack", [8], indirect=True)
def test_bit_flips(unpack, compression, world):
    """Whatever bit is wrong: an error, or (bits that mean nothing) the right tree."""
    data = bytearray(t.COMPRESS[compression](SAMPLE))
    pick = random.Random(7)
    refused = 0
    for at in [pick.randrange(len(data)) for _ in range(25)] + [len(data) - 1, len(data) - 5]:
        clean(world)
        data[at] ^= 1 << pick.randrange(8)
        out = unpack(bytes(data))
        data[:] = t.COMPRESS[compression](SAMPLE)
        if out.code == 0:
            assert (out.root / "a").read_bytes() == SAMPLE[512:200512]
            assert (out.root / "b").read_bytes() == bytes(300000)
        else:
            refused += 1
    assert refused >= 20


@pytest.mark.parametrize("what", ["crc", "length"])
def test_gzip_trailer(unpack, what):
    data = bytearray(gzip.compress(SAMPLE))
    data[-8 if what == "crc" else -4] ^= 1
    unpack(bytes(data)).fails(ARCHIVE, "gzip", "CRC" if what == "crc" else "length")


def test_stored_gzip_block(unpack):
    """A flipped bit in a stored block changes no structure: only the CRC sees it."""
    data = bytearray(gzip.compress(SAMPLE, 0))
    data[1000] ^= 1
    unpack(bytes(data)).fails(ARCHIVE, "gzip")


@pytest.mark.parametrize("compression", ["bzip2", "xz", "zstd"])
@pytest.mark.parametrize("unpack", [1], indirect=True)
def test_bomb_by_ratio(unpack, compression):
    """Zeros at thousands to one, stopped shortly after the free 64 MiB."""
    big = 256 << 20
    data = t.COMPRESS[compression](t.header(b"zeros", size=big) + bytes(big) + t.END)
    began = time.monotonic()
    unpack(data).fails(LIMIT, "bomb")
    assert time.monotonic() - began < 30


def test_bomb_by_bytes(unpack):
    big = 100 << 20
    data = gzip.compress(t.header(b"zeros", size=big) + bytes(big) + t.END, 1)
    out = unpack(data, "--bytes", 1 << 20).fails(LIMIT, "'zeros'", "1048576")
    assert os.listdir(out.root) == []


def test_xz_dictionary_over_the_memory_limit(unpack, tmp_path):
    (tmp_path / "a.tar").write_bytes(SAMPLE)
    data = subprocess.run(["xz", "-c", "--lzma2=dict=64MiB", str(tmp_path / "a.tar")], check=True,
                          capture_output=True).stdout
    unpack(data).fails(LIMIT, "xz", "MiB", "xz -8")


def test_zstd_window_over_the_memory_limit(unpack):
    data = subprocess.run(["zstd", "-c", "--long=27"], input=SAMPLE + bytes(140 << 20), check=True,
                          capture_output=True).stdout
    unpack(data).fails(LIMIT, "zstd", "window")


@pytest.mark.parametrize("option, value, name, text", [
    ("--inodes", 3, QUOTA, "3 inodes"), ("--kib", 100, QUOTA, "100 KiB"),
    ("--depth", 2, LIMIT, "2 components"), ("--bytes", 1000, LIMIT, "1000 bytes")])
@pytest.mark.parametrize("measure", [False, True])
def test_limit(unpack, world, option, value, name, text, measure):
    data = t.tar(t.directory(b"d/e/f"), t.member(b"g", bytes(300000)), t.member(b"h", b""))
    unpack(data, option, value, **({"directory": None} if measure else {})).fails(name, text,
                                                                                  "member '")


def test_limits_are_exact(unpack, world):
    data = t.tar(t.directory(b"./"), t.directory(b"d"), t.member(b"f", bytes(4096)),
                 t.member(b"f", bytes(4096)))
    for option, enough in (("--inodes", 3), ("--kib", 12), ("--bytes", 8192)):
        clean(world)
        unpack(data, option, enough).works()
        clean(world)
        unpack(data, option, enough - 1 if option != "--bytes" else 4095).fails(
            LIMIT if option == "--bytes" else QUOTA)


def sparse_pax(name, size, *regions, data=b""):
    text = "\n".join(str(n) for n in (len(regions), *(v for r in regions for v in r))) + "\n"
    body = t.pad(text.encode()) + data
    return (t.pax([("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0"),
                   ("GNU.sparse.name", name), ("GNU.sparse.realsize", str(size))]) +
            t.member(b"GNUSparseFile.1/x", body))


def test_sparse_four_exbibytes(unpack):
    out = unpack(t.tar(sparse_pax("huge", 1 << 62, (0, 0)))).fails(LIMIT, "'huge'", "bytes")
    assert os.listdir(out.root) == []


def test_sparse_room_counts_against_the_quota(unpack):
    data = sparse_pax("s", 1 << 30, *((i << 20, 512) for i in range(100)), data=bytes(51200))
    unpack(t.tar(data), "--kib", 200).fails(QUOTA, "'s'", "200 KiB")


def test_sparse_regions(unpack):
    count = 200000
    body = t.pad((f"{count}\n" + "0\n0\n" * count).encode())
    data = (t.pax([("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0"),
                   ("GNU.sparse.name", "many"), ("GNU.sparse.realsize", "10")]) +
            t.member(b"GNUSparseFile.1/x", body))
    unpack(t.tar(data)).fails(LIMIT, "sparse regions")


@pytest.mark.parametrize("size", [(1 << 20) + 1, 1 << 33])
@pytest.mark.parametrize("type", [b"x", b"L", b"K", b"g"])
def test_extended_header_size(unpack, size, type):
    unpack(t.header(b"PaxHeader", type=type, size=t.base256(size, 12)) + bytes(4096)).fails(
        LIMIT, "extended header", "1048576")


def test_xattr_limits(unpack):
    unpack(t.tar(t.pax([("SCHILY.xattr.user.big", b"x" * 65537)]), t.member(b"f", b""))).fails(
        LIMIT, "'f'", "user.big", "65537")
    unpack(t.tar(t.pax([(f"SCHILY.xattr.user.{i}", b"x") for i in range(65)]),
                 t.member(b"f", b""))).fails(LIMIT, "'f'", "64 extended attributes")


def test_pax_keys(unpack):
    unpack(t.tar(t.pax([(f"VENDOR.{i}", b"x") for i in range(600)]), t.member(b"f", b""))).fails(
        LIMIT, "512 keys")


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_digest(unpack, world, algorithm):
    data = gzip.compress(SAMPLE)
    right = hashlib.new(algorithm, data).hexdigest()
    unpack(data, "--digest", f"{algorithm}:{right}").works()
    clean(world)
    wrong = right[:-1] + ("0" if right[-1] != "0" else "1")
    unpack(data, "--digest", f"{algorithm}:{wrong}").fails("wrong-digest", wrong, right)


def test_wrong_bytes_are_called_so(unpack):
    """With a digest known, damage is a wrong digest, wherever the parser stumbles first."""
    data = gzip.compress(SAMPLE)
    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    unpack(data[:5000], "--digest", digest).fails("wrong-digest")
    unpack(b"<html>" + bytes(2000), "--digest", digest).fails("wrong-digest")


def test_published_damage_is_called_so(unpack):
    data = gzip.compress(SAMPLE)[:5000]
    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    unpack(data, "--digest", digest).fails(ARCHIVE, "truncated")


def test_quine_like_nesting_of_pythons_tarfile(unpack):
    """An archive in the archive is a file like any other."""
    inner = io.BytesIO()
    with tarfile.open(fileobj=inner, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("../x"))
    out = unpack(t.tar(t.member(b"inner.tar", inner.getvalue()))).works()
    assert (out.root / "inner.tar").read_bytes() == inner.getvalue()


def test_random_headers(unpack, world):
    """Damaged headers with right check sums: an error or a tree, never a crash."""
    pick = random.Random(3)
    base = t.member(b"name", b"data", uid=5) + t.symlink(b"l", b"name") + t.directory(b"d")
    for _ in range(60):
        clean(world)
        data = bytearray(base)
        for _ in range(pick.randrange(1, 4)):
            data[pick.choice((0, 1024, 1536)) + pick.randrange(512)] = pick.randrange(256)
        for at in (0, 1024, 1536):
            block = data[at:at + 512]
            block[148:156] = b" " * 8
            data[at + 148:at + 156] = b"%06o\0 " % sum(block)
        out = unpack(bytes(data) + t.END)
        if out.code:
            assert "'" in out.result["error"] or "byte" in out.result["error"], out.result
            assert "killed" not in out.result["error"], out.result


def test_member_of_a_bigger_device_number(unpack):
    """Numbers that only look like null's when they are cut to 32 or 8 bits."""
    out = unpack(t.tar(t.member(b"a", type=b"3", dev=(t.base256((1 << 32) + 1, 8), 3)),
                       t.member(b"b", type=b"3", dev=(1, t.base256(256 + 3, 8))),
                       t.pax([("SCHILY.devmajor", str((1 << 32) + 1))]),
                       t.member(b"c", type=b"3", dev=(1, 3)))).works()
    assert "a" not in os.listdir(out.root) and "b" not in os.listdir(out.root)
    for name in os.listdir(out.root):
        rdev = os.stat(out.root / name).st_rdev
        assert (os.major(rdev), os.minor(rdev)) == (1, 3)


def test_setuid_never_goes_to_another_owner(unpack):
    out = unpack(t.tar(t.member(b"su", b"x", uid=1000, gid=1000, mode=0o6755))).works()
    st = os.stat(out.root / "su")
    assert (st.st_uid, st.st_gid, st.st_mode & 0o7777) == (1000, 1000, 0o6755)


def test_capability_of_another_version(unpack):
    value = struct.pack("<6I", 0x03000001, 1 << 10, 0, 0, 0, 100000)
    out = unpack(t.tar(t.pax([("SCHILY.xattr.security.capability", value)]),
                       t.member(b"f", b"x"))).works()
    assert os.getxattr(out.root / "f", "security.capability") == value
