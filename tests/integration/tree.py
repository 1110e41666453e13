# SPDX-License-Identifier: LGPL-2.1-or-later
"""A tree as data: everything that two trees can differ in, for comparison."""
import hashlib
import os
import stat


def _digest(path):
    digest = hashlib.sha256()
    with open(path, "rb") as f:
        while block := f.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _xattrs(path):
    return {name: os.getxattr(path, name, follow_symlinks=False)
            for name in sorted(os.listxattr(path, follow_symlinks=False))}


def listing(root, mtime_of=lambda path: True):
    """Maps each path (bytes, relative) to a tuple of all it has; hard links by their group."""
    root = os.fsencode(root)
    out, groups = {}, {}

    def add(path):
        full = os.path.join(root, path) if path else root
        st = os.lstat(full)
        fmt = stat.S_IFMT(st.st_mode)
        entry = {
            "type": fmt, "mode": stat.S_IMODE(st.st_mode), "uid": st.st_uid, "gid": st.st_gid,
            "mtime": st.st_mtime_ns if mtime_of(path) else None,
            "xattrs": _xattrs(full),
        }
        if fmt == stat.S_IFLNK:
            entry["link"] = os.readlink(full)
        elif fmt == stat.S_IFREG:
            entry.update(size=st.st_size, blocks=st.st_blocks, digest=_digest(full))
        elif fmt in (stat.S_IFCHR, stat.S_IFBLK):
            entry["rdev"] = st.st_rdev
        if fmt != stat.S_IFDIR:
            entry["group"] = groups.setdefault(st.st_ino, path)
        out[path] = entry
        return fmt

    def walk(path):
        if add(path) == stat.S_IFDIR:
            for name in sorted(os.listdir(os.path.join(root, path) if path else root)):
                walk(os.path.join(path, name) if path else name)

    walk(b"")
    return out


def difference(a, b, limit=20):
    """Lines that say in what two listings differ; empty if in nothing."""
    lines = []
    for path in sorted(set(a) | set(b)):
        if path not in a or path not in b:
            lines.append(f"{path!r} only in the {'first' if path in a else 'second'}")
            continue
        for key in sorted(set(a[path]) | set(b[path])):
            if a[path].get(key) != b[path].get(key):
                lines.append(f"{path!r} {key}: {a[path].get(key)!r} != {b[path].get(key)!r}")
    return lines[:limit]
