# SPDX-License-Identifier: LGPL-2.1-or-later
"""What OpenVZ 6 expects on disk, written down a second time: quota files of version 3, readers."""
import functools
import operator
import struct

MAGIC_V3 = 0xFEDCBC27
DIRTY, UGID_ON = 2, 4
KIB = 1024
USER, GROUP = 0, 1

# struct formats, little endian without implicit padding: dq_stat and dq_info of each ABI
ABIS = {
    "x86_64": {"stat": "<QQqQIIqI4x", "info": "<qqI4x", "size_t": "<Q", "object": "<II56sI4x"},
    "i386": {"stat": "<QQiQIIiI", "info": "<iiI", "size_t": "<I", "object": "<II44sI"},
}


def dq_stat(abi, block_soft_kib=0, block_hard_kib=0, inode_soft=0, inode_hard=0):
    """Limits in bytes and inodes; no usage and no grace time running."""
    return struct.pack(ABIS[abi]["stat"], block_hard_kib * KIB, block_soft_kib * KIB, 0, 0,
                       inode_hard, inode_soft, 0, 0)


def dq_info(abi, grace_s):
    return struct.pack(ABIS[abi]["info"], grace_s, grace_s, 0)


def checksum(data):
    """XOR of the 64-bit little endian words, the last one padded with zeros."""
    data += bytes(-len(data) % 8)
    words = struct.unpack(f"<{len(data) // 8}Q", data)
    return struct.pack("<Q", functools.reduce(operator.xor, words, 0))


def quota_file(abi, path, vm, vm_grace, ugid_limit, records, user_grace, group_grace):
    """
    The file's bytes. @vm: keys of dq_stat(); @records: (id, USER or GROUP, keys of dq_stat()) in
    the order of the file.
    """
    form = ABIS[abi]
    path = path.encode()
    parts = [
        struct.pack("<II", MAGIC_V3, DIRTY | UGID_ON),
        dq_stat(abi, **vm), dq_info(abi, vm_grace),
        struct.pack(form["size_t"], len(path)), path,
        struct.pack("<IIII", ugid_limit, 0, 0, len(records)),
        dq_info(abi, user_grace), dq_info(abi, group_grace),
    ]
    for number, kind, limits in records:
        parts.append(struct.pack(form["object"], number, kind, dq_stat(abi, **limits), 0))
    data = b"".join(parts)
    return data + checksum(data)


def read_quota_file(abi, data):
    """The fields of a file, for messages and partial checks."""
    form = ABIS[abi]
    assert checksum(data[:-8]) == data[-8:], "the checksum is wrong"
    magic, flags = struct.unpack_from("<II", data)
    at = 8
    stat_size, info_size = struct.calcsize(form["stat"]), struct.calcsize(form["info"])
    hard, soft, _, used, ihard, isoft, _, iused = struct.unpack_from(form["stat"], data, at)
    bexpire, iexpire, _ = struct.unpack_from(form["info"], data, at + stat_size)
    at += stat_size + info_size
    length, = struct.unpack_from(form["size_t"], data, at)
    at += struct.calcsize(form["size_t"])
    path = data[at:at + length].decode()
    at += length
    limit, count, ugid_flags, size = struct.unpack_from("<IIII", data, at)
    graces = [struct.unpack_from(form["info"], data, at + 16 + i * info_size)[:2]
              for i in range(2)]
    at += 16 + 2 * info_size
    records = []
    for _ in range(size):
        number, kind, stat, state = struct.unpack_from(form["object"], data, at)
        bhard, bsoft, _, _, rihard, risoft, _, _ = struct.unpack(form["stat"], stat)
        records.append((number, kind, bsoft // KIB, bhard // KIB, risoft, rihard, state))
        at += struct.calcsize(form["object"])
    assert at + 8 == len(data), "bytes are left over"
    return {"magic": magic, "flags": flags, "soft_kib": soft // KIB, "hard_kib": hard // KIB,
            "isoft": isoft, "ihard": ihard, "used": used, "iused": iused, "bexpire": bexpire,
            "iexpire": iexpire, "path": path, "ugid_limit": limit, "ugid_count": count,
            "ugid_flags": ugid_flags, "user_grace": graces[0], "group_grace": graces[1],
            "records": records}


def libvirt_value(text, key):
    """As libvirt's driver reads a key: at column 0, up to a quote or tab; the last one."""
    value = None
    for line in text.splitlines():
        if line.startswith(key + "="):
            tokens = [t for t in line[len(key) + 1:].replace("\t", '"').split('"') if t]
            if tokens:
                value = tokens[0]
    return value
