# SPDX-License-Identifier: LGPL-2.1-or-later
"""Templates that the tests make themselves: small, with a member of every kind, and broken ones."""
import io
import subprocess
import tarfile

PASSWD = """root:x:0:0:root:/root:/bin/sh
daemon:x:1:1:daemon:/usr/sbin:/bin/false
bob:x:1000:1000:Bob:/home/bob:/bin/sh
"""
GROUP = """root:x:0:
daemon:x:1:
bob:x:1000:
staff:x:50:
"""
# VFS_CAP_REVISION_2, effective, cap_net_raw permitted
CAPABILITY = bytes.fromhex("0100000200200000000000000000000000000000")

COMPRESS = {
    "": None,
    ".gz": ["gzip", "-9nc"],
    ".bz2": ["bzip2", "-c"],
    ".xz": ["xz", "-c"],
    ".zst": ["zstd", "-qc"],
    ".lz4": ["lz4", "-qc"],
}


def member(name, kind=tarfile.REGTYPE, mode=0o644, owner=(0, 0), mtime=1700000000, **more):
    info = tarfile.TarInfo(name)
    info.type, info.mode, info.mtime = kind, mode, mtime
    info.uid, info.gid = owner
    for key, value in more.items():
        setattr(info, key, value)
    return info


def xattrs(values):
    """PAX records as GNU tar and star write them; the value's bytes survive as Latin-1."""
    return {f"SCHILY.xattr.{name}": value.decode("latin-1") for name, value in values.items()}


def small_members():
    """(TarInfo, content) of a root with one of everything, about twenty members."""
    folder, link = tarfile.DIRTYPE, tarfile.SYMTYPE
    return [
        (member("./", folder, 0o755), None),
        (member("./bin", folder, 0o755), None),
        (member("./bin/tool", mode=0o4755), b"#!/bin/sh\necho tool\n"),
        (member("./bin/hard", tarfile.LNKTYPE, linkname="./bin/tool"), None),
        (member("./bin/sh", link, 0o777, linkname="tool"), None),
        (member("./sbin", folder, 0o755), None),
        (member("./sbin/init", mode=0o755), b"init\n"),
        (member("./etc", folder, 0o755), None),
        (member("./etc/passwd"), PASSWD.encode()),
        (member("./etc/group"), GROUP.encode()),
        (member("./etc/hosts"), b"127.0.0.1 localhost\n"),
        (member("./dev", folder, 0o755), None),
        (member("./dev/null", tarfile.CHRTYPE, 0o666, devmajor=1, devminor=3), None),
        (member("./run", folder, 0o755), None),
        (member("./run/fifo", tarfile.FIFOTYPE, 0o600), None),
        (member("./home", folder, 0o755), None),
        (member("./home/bob", folder, 0o700, (1000, 1000)), None),
        (member("./home/bob/notes", mode=0o600, owner=(1000, 1000),
                pax_headers=xattrs({"user.note": b"kept"})), b"notes\n" * 2000),
        (member("./bin/ping", mode=0o755,
                pax_headers=xattrs({"security.capability": CAPABILITY})), b"ping\n"),
        (member("./tmp", folder, 0o1777), None),
    ]


def tar_bytes(members):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT,
                      encoding="utf-8", errors="surrogateescape") as tar:
        for info, content in members:
            info.size = len(content) if content is not None else 0
            tar.addfile(info, io.BytesIO(content) if content is not None else None)
    return out.getvalue()


def compress(data, suffix):
    command = COMPRESS[suffix]
    if command is None:
        return data
    return subprocess.run(command, input=data, capture_output=True, check=True).stdout


def write(folder, name="small", suffix=".gz", members=None):
    """Writes NAME.tar.SUFFIX into @folder and returns its path."""
    path = folder / f"{name}.tar{suffix}"
    path.write_bytes(compress(tar_bytes(members or small_members()), suffix))
    return path


def filler(megabytes, files=1):
    """Members that hold so much of what does not compress."""
    import random
    source = random.Random(7)
    size = megabytes * (1 << 20) // files
    return [(member(f"./fill{i}"), source.randbytes(size)) for i in range(files)]
