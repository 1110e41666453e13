# SPDX-License-Identifier: LGPL-2.1-or-later
"""Tar archives written byte by byte: legal, awkward and hostile ones."""
import builtins
import bz2
import gzip
import lzma
import subprocess

BLOCK = 512
END = bytes(2 * BLOCK)


def octal(value, width):
    """A number field; bytes are taken as they are."""
    if isinstance(value, bytes):
        return value.ljust(width, b"\0")
    return b"%0*o\0" % (width - 1, value)


def base256(value, width):
    """A number field in GNU's binary form, negative ones too."""
    raw = (value % (1 << (8 * width))).to_bytes(width, "big")
    return bytes([raw[0] | 0x80]) + raw[1:]


def header(name, type=b"0", size=0, mode=0o644, uid=0, gid=0, mtime=1, link=b"",
           magic=b"ustar\x0000", dev=(0, 0), prefix=b"", tail=b"", sum=None):
    """One 512-byte header with a right check sum (or the one given)."""
    block = (name.ljust(100, b"\0")[:100] + octal(mode, 8) + octal(uid, 8) + octal(gid, 8) +
             octal(size, 12) + octal(mtime, 12) + b" " * 8 + type +
             link.ljust(100, b"\0")[:100] + magic + bytes(64) + octal(dev[0], 8) +
             octal(dev[1], 8) + (tail or prefix).ljust(155, b"\0"))
    block = block.ljust(BLOCK, b"\0")
    total = builtins.sum(block) if sum is None else sum
    return block[:148] + b"%06o\0 " % total + block[156:]


def pad(data):
    return data + bytes(-len(data) % BLOCK)


def member(name, data=b"", **more):
    more.setdefault("size", len(data))
    return header(name, **more) + pad(data)


def directory(name, **more):
    return member(name, type=b"5", mode=more.pop("mode", 0o755), **more)


def symlink(name, target, **more):
    return member(name, type=b"2", link=target, mode=0o777, **more)


def hardlink(name, target, **more):
    return member(name, type=b"1", link=target, **more)


def record(key, value):
    """One PAX record with its own length in front."""
    key = key if isinstance(key, bytes) else key.encode()
    value = value if isinstance(value, bytes) else value.encode()
    body = b" " + key + b"=" + value + b"\n"
    size = len(body) + 1
    while len(b"%d" % size) + len(body) != size:
        size = len(b"%d" % size) + len(body)
    return b"%d" % size + body


def pax(records, type=b"x"):
    """An extended header; records: a list of pairs, or raw bytes."""
    body = records if isinstance(records, bytes) else b"".join(record(k, v) for k, v in records)
    return header(b"PaxHeader", type=type, size=len(body)) + pad(body)


def long_name(name, type=b"L"):
    body = name + b"\0"
    return header(b"././@LongLink", type=type, size=len(body), magic=b"ustar  \0") + pad(body)


def tar(*members):
    return b"".join(members) + END


def external(program):
    def compress(data):
        return subprocess.run([program, "-c"], input=data, capture_output=True,
                              check=True).stdout
    return compress


COMPRESS = {
    "none": lambda data: data,
    "gzip": lambda data: gzip.compress(data, 6, mtime=0),
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": external("zstd"),
    "lz4": external("lz4"),
}
