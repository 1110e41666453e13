# SPDX-License-Identifier: LGPL-2.1-or-later
"""Ways to fill a private area, and the prepared forms behind them, on real file systems."""
import concurrent.futures
import fcntl
import os
import random
import re
import shutil
import subprocess
import tarfile
import threading

import pytest

import archives
import filesystems
import tree
from world import domain, ok, refused

KINDS = ["ext4", "xfs", "btrfs"]
BEST = {"ext4": "copy", "xfs": "reflink", "btrfs": "snapshot"}
SIZE = {"ext4": 300, "xfs": 400, "btrfs": 400}


def rich_members():
    """One of everything, more names than one thread takes at a time, links across directories."""
    source = random.Random(5)
    made = archives.small_members()
    folder, member = tarfile.DIRTYPE, archives.member
    acl = "user::rwx,user:1000:rwx,group::r-x,mask::rwx,other::---"
    made += [(member("./srv", folder, 0o2755, (0, 50), pax_headers={
        "SCHILY.acl.access": acl, "SCHILY.acl.default": acl,
        "mtime": "1700000000.123456789"}), None)]
    for i in range(700):
        made.append((member(f"./srv/{i:04}", mode=0o600 + i % 8, owner=(i, 2 * i),
                            mtime=1600000000 + i), source.randbytes(i * 3)))
    deep = "./opt"
    for i in range(60):
        made.append((member(deep, folder, 0o700 + i % 8), None))
        made.append((member(f"{deep}/first", tarfile.LNKTYPE, linkname="./srv/0007"), None))
        deep += f"/d{i}"
    made += [
        (member("./srv/big", mode=0o4711, owner=(7, 8)), source.randbytes(3 << 20)),
        (member("./srv/other", tarfile.LNKTYPE, linkname="./srv/big"), None),
        (member("./srv/empty", mode=0o200), b""),
        (member("./srv/name with \udcff\n", mode=0o444), b"odd\n"),
        (member("./srv/link", tarfile.SYMTYPE, 0o777, (3, 4), linkname="x" * 500,
                pax_headers={"mtime": "1650000000.000000001"}), None),
        (member("./srv/noted", folder, 0o311,
                pax_headers=archives.xattrs({"user.a": b"1", "user.b": b"\x01" * 900})), None),
    ]
    return made


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.fixture
def hosted(world, kind):
    """A world whose private areas are on a file system of this kind."""
    with filesystems.mounted(kind, world.path("vz"), SIZE[kind]):
        yield world


@pytest.fixture
def ext4(world):
    with filesystems.mounted("ext4", world.path("vz"), SIZE["ext4"]):
        yield world


@pytest.fixture
def btrfs(world):
    with filesystems.mounted("btrfs", world.path("vz"), SIZE["btrfs"]):
        yield world


def add(world, name, members):
    archives.write(world.templates, name, members=members)
    world.publish()
    ok(world.run("template", "pull", name))


def create(world, ctid, *args, template="small", **keys):
    document = world.document(domain(name=str(ctid), template=template, **keys), f"{ctid}.xml")
    return world.run("--json", "create", document, *args)


def prepared(result):
    """How often a run made a prepared form."""
    return sum(e.get("event") == "stage-end" and e.get("stage") == "prepare" and not e["error"]
               for e in result.events)


def choices(result, what="area"):
    return [e for e in result.events if e.get("event") == "choice" and e["what"] == what]


def bases(world):
    folder = world.path("vz/private/.vzroot/base")
    return sorted(p for p in folder.iterdir() if p.is_dir()) if folder.is_dir() else []


def staged(world):
    folder = world.path("vz/private/.vzroot/staging")
    return list(folder.iterdir()) if folder.is_dir() else []


def without_blocks(listing):
    """File systems allocate ahead, each time differently."""
    return {path: {k: v for k, v in entry.items() if k != "blocks"}
            for path, entry in listing.items()}


def unlike(world, one, other):
    """In what two containers differ, less what each has of its own."""
    own = re.compile(rb"etc(/.*)?")

    def listing(ctid):
        found = tree.listing(world.private(ctid), lambda path: not own.fullmatch(path))
        for path in (b"etc/hostname", b"etc/hosts", b"etc/machine-id"):
            found.pop(path, None)
        return without_blocks(found)

    return tree.difference(listing(one), listing(other))


# ---- the same tree, whatever the way

@pytest.mark.parametrize("how", ["copy", "share"])
def test_clone_is_identical(hosted, vzroot_path, how):
    tool = vzroot_path.parent.parent / "tests/clone"
    if not tool.exists():
        pytest.skip("the clone tool is not built")
    add(hosted, "rich", rich_members())
    ok(hosted.run("template", "prepare", "rich"))
    base = bases(hosted)[0] / "root"
    # What the archive format cannot say: holes.
    holes = hosted.path("vz/holes")
    shutil.rmtree(holes, ignore_errors=True)
    subprocess.run(["cp", "-a", "--reflink=never", base, holes], check=True)
    with open(holes / "srv/holes", "wb") as f:
        for at in (0, 1 << 20, 5 << 20):
            f.seek(at)
            f.write(b"data" * 2000)
        f.truncate(8 << 20)
    with open(holes / "srv/only-hole", "wb") as f:
        f.truncate(123456)
    os.sync()
    for source in (base, holes):
        wanted = without_blocks(tree.listing(source))
        for writers in (1, 2, 8):
            target = hosted.path("vz/target")
            target.mkdir()
            os.chmod(target, 0o2777)
            subprocess.run(["setfacl", "-d", "-m", "u:99:rwx", target], check=True)
            mask = os.umask(0o077)
            try:
                subprocess.run([tool, source, target, how, str(writers)], check=True,
                               capture_output=True)
            finally:
                os.umask(mask)
            os.sync()
            assert tree.difference(wanted, without_blocks(tree.listing(target))) == []
            if source == holes:
                assert (target / "srv/holes").stat().st_blocks * 512 <= 1 << 20
                assert (target / "srv/only-hole").stat().st_blocks <= 8
            shutil.rmtree(target)


def test_best_way(hosted, kind):
    """By itself: each file system's own way, and the tree is the one that stream makes."""
    first, second = ok(create(hosted, 101)), ok(create(hosted, 102))
    third = ok(create(hosted, 103))
    ok(create(hosted, 104, "--area", "stream"))
    assert first.last["area"] == ("stream" if kind == "ext4" else BEST[kind])
    assert second.last["area"] == third.last["area"] == BEST[kind]
    assert [prepared(r) for r in (first, second, third)] == \
        ([0, 1, 0] if kind == "ext4" else [1, 0, 0])
    if kind == "ext4":
        assert "first container of a template" in choices(first)[0]["reason"]
    for ctid in (101, 102, 103):
        assert unlike(hosted, 104, ctid) == []
    assert staged(hosted) == []


@pytest.mark.parametrize("writers", [1, 2, 8])
@pytest.mark.parametrize("area", ["snapshot", "reflink", "copy"])
def test_forced_ways_make_the_same_tree(btrfs, area, writers):
    add(btrfs, "rich", rich_members())
    ok(create(btrfs, 101, "--area", "stream", template="rich"))
    one = btrfs.run("--set", f"WRITERS={writers}", "--json", "create", btrfs.document(
        domain(name="102", template="rich")), "--area", area)
    assert ok(one).last["area"] == area
    assert choices(one)[0]["chosen"] == area
    assert unlike(btrfs, 101, 102) == []


def test_clones_are_independent(hosted):
    """What a container writes is neither in the next one nor in the form."""
    ok(hosted.run("template", "prepare", "small"))
    ok(create(hosted, 101))
    notes = "home/bob/notes"
    (hosted.private(101) / notes).write_text("changed")
    (hosted.private(101) / "home/bob/more").write_text("more")
    ok(create(hosted, 102))
    assert (hosted.private(102) / notes).read_text() == "notes\n" * 2000
    assert not (hosted.private(102) / "home/bob/more").exists()


# ---- what is refused

def test_refused_ways(ext4):
    refused(create(ext4, 101, "--area", "snapshot"), 7, "area strategy snapshot is not possible",
            "not btrfs")
    refused(create(ext4, 101, "--area", "reflink"), 7, "area strategy reflink is not possible",
            "cannot share content")
    refused(create(ext4, 101, "--area", "magic"), 7, "there is no area strategy 'magic'")
    assert ok(create(ext4, 101, "--area", "copy")).last["area"] == "copy"


def test_own_directories(ext4):
    """Nothing can be kept beside areas that have no common directory."""
    ext4.path("etc/vz/vz.conf").write_text("VE_PRIVATE=/vz/ct/$VEID/private\n")
    result = ok(create(ext4, 101))
    assert result.last["area"] == "stream"
    refused(create(ext4, 102, "--area", "copy"), 7, "a directory of its own")
    refused(ext4.run("template", "prepare", "small"), 7, "a directory of its own")
    refused(ext4.run("template", "prune"), 7, "a directory of its own")


def test_limits_hold_for_clones(hosted):
    ok(hosted.run("template", "prepare", "small"))
    refused(create(hosted, 101, limits="<space_hard_limit unit='KiB'>8</space_hard_limit>"), 5,
            "KiB", "the document's limit for the VM is 8")
    refused(create(hosted, 101, metadata="<v:vm><v:inodes hard='5'/></v:vm>"), 5, "inodes",
            "the document's limit for the VM is 5")
    assert staged(hosted) == [] and not hosted.private(101).exists()


# ---- many at once

def run_all(world, commands):
    with concurrent.futures.ThreadPoolExecutor(len(commands)) as pool:
        return list(pool.map(lambda c: world.run(*c), commands))


def test_fresh_template_twenty_at_once(hosted, kind):
    ok(hosted.run("template", "pull", "small"))
    documents = [hosted.document(domain(name=str(101 + i)), f"{i}.xml") for i in range(20)]
    results = run_all(hosted, [("--json", "create", d, "--area", BEST[kind]) for d in documents])
    assert [r.code for r in results] == [0] * 20, [str(r) for r in results if r.code]
    assert sum(prepared(r) for r in results) == 1
    assert {r.last["area"] for r in results} == {BEST[kind]}
    assert staged(hosted) == [] and len(bases(hosted)) == 1
    for i in range(1, 20):
        assert unlike(hosted, 101, 101 + i) == []


def test_prune_while_cloning(hosted, kind):
    """Forms are taken away all the time: every container is whole all the same."""
    end = threading.Event()
    pruned = []

    def prune():
        while not end.is_set():
            pruned.append(hosted.run("template", "prune"))

    thread = threading.Thread(target=prune)
    thread.start()
    try:
        documents = [hosted.document(domain(name=str(101 + i)), f"{i}.xml") for i in range(8)]
        results = run_all(hosted, [("--json", "create", d, "--area", BEST[kind])
                                   for d in documents])
    finally:
        end.set()
        thread.join()
    assert [r.code for r in results] == [0] * 8, [str(r) for r in results if r.code]
    assert {r.code for r in pruned} == {0}, [str(r) for r in pruned if r.code]
    ok(create(hosted, 120, "--area", "stream"))
    for i in range(8):
        assert unlike(hosted, 120, 101 + i) == []
    assert staged(hosted) == []


def test_prune(ext4):
    ok(ext4.run("template", "prepare", "small"))
    assert ok(ext4.run("--json", "template", "prepare", "small")).last["result"] == "present"
    name = bases(ext4)[0].name
    said = ok(ext4.run("--json", "template", "prune", "--dry-run")).last
    assert said["result"] == "would-remove" and said["digest"] == f"sha256:{name}"
    assert said["unpacked_inodes"] > 10 and len(bases(ext4)) == 1
    assert "unused" not in ok(ext4.run("--json", "template", "prune", "--unused", "1")).out
    assert len(bases(ext4)) == 1
    lock = ext4.path("vz/private/.vzroot/base", f"{name}.lock")
    with open(lock, "rb") as held:
        fcntl.flock(held, fcntl.LOCK_SH)
        assert ok(ext4.run("--json", "template", "prune")).last["result"] == "in-use"
    os.utime(lock, (1, 1))
    assert ok(ext4.run("--json", "template", "prune", "--unused", "1")).last["result"] == "removed"
    assert bases(ext4) == [] and staged(ext4) == [] and not lock.exists()
    refused(ext4.run("template", "prune", "--unused", "soon"), 2, "a number of days")


# ---- crashes

def set_state(base, key, value):
    path = base / "state"
    text = path.read_text()
    assert f'{key}="' in text
    path.write_text(re.sub(rf'^{key}=".*"$', f'{key}="{value}"', text, flags=re.M))


def test_another_boot(hosted):
    ok(hosted.run("template", "prepare", "small"))
    base = bases(hosted)[0]
    set_state(base, "BOOT", "another")
    result = ok(create(hosted, 101))
    assert prepared(result) == 0 and 'BOOT="another"' not in (base / "state").read_text()


@pytest.mark.parametrize("damage", ["truncated", "missing", "mode", "state", "no-state"])
def test_damaged_form(ext4, damage):
    """After another boot what a crash may have done is found, and the form is made again."""
    ok(ext4.run("template", "prepare", "small"))
    base = bases(ext4)[0]
    if damage == "truncated":
        os.truncate(base / "root/home/bob/notes", 5)
    elif damage == "missing":
        os.unlink(base / "root/home/bob/notes")
    elif damage == "mode":
        os.chmod(base / "root/bin", 0o777)
    set_state(base, "BOOT", "another")
    if damage == "state":
        set_state(base, "INODES", "many")
    elif damage == "no-state":
        (base / "state").unlink()
    result = ok(create(ext4, 101))
    assert prepared(result) == 1
    assert "is damaged: it is made again" in result.out
    ok(create(ext4, 102, "--area", "stream"))
    assert unlike(ext4, 101, 102) == []
    assert staged(ext4) == []


def test_damaged_form_in_this_boot(ext4):
    """A clone that has not what its form should have is no container."""
    ok(ext4.run("template", "prepare", "small"))
    os.unlink(bases(ext4)[0] / "root/home/bob/notes")
    refused(create(ext4, 101), 1, "its prepared form has changed", "template prune")
    assert staged(ext4) == [] and not ext4.private(101).exists()
    ok(ext4.run("template", "prune"))
    ok(create(ext4, 101))


@pytest.mark.parametrize("call,nth", [("renameat2", 1), ("renameat2", 2), ("syncfs", 1),
                                      ("fchmod", 1), ("fchmod", 2), ("clone", 1), ("clone3", 1),
                                      ("mkdirat", 3), ("linkat", 1), ("utimensat", 30)])
def test_killed_at(hosted, kind, call, nth):
    """kill -9 while a form is made or cloned: recover leaves no half of anything."""
    ok(hosted.run("template", "pull", "small"))
    result = hosted.run("--json", "create", hosted.document(domain(name="101")), "--area",
                        BEST[kind], prefix=["strace", "-f", "-qq", "-o", "/dev/null", "-e",
                                            f"inject={call}:signal=KILL:when={nth}"])
    ok(hosted.run("recover"))
    assert staged(hosted) == []
    assert hosted.private(101).exists() == hosted.conf(101).exists()
    for base in bases(hosted):
        assert (base / "state").exists() and (base / "root/etc/passwd").exists()
    if not hosted.private(101).exists():
        assert result.code != 0
        ok(create(hosted, 101, "--area", BEST[kind]))
    ok(create(hosted, 102, "--area", "stream"))
    assert unlike(hosted, 101, 102) == []


# ---- room

def test_eviction(world):
    """The least recently used forms make room, and what is held stays."""
    with filesystems.mounted("ext4", world.path("vz"), 120):
        for megabytes, name in enumerate(("one", "two", "three"), 20):
            add(world, name, archives.small_members() + archives.filler(megabytes, 4))
        for name in ("one", "two"):
            ok(world.run("--set", "BASE_RESERVE=0", "template", "prepare", name))
        locks = {p.name: p for p in world.path("vz/private/.vzroot/base").glob("*.lock")}
        assert len(bases(world)) == 2 == len(locks)
        first = min(locks.values(), key=lambda p: p.stat().st_mtime_ns)
        room = os.statvfs(world.path("vz"))
        reserve = (room.f_bfree * room.f_frsize >> 10) - (5 << 10)
        ok(world.run("--set", f"BASE_RESERVE={reserve}", "template", "prepare", "three"))
        left = [b.name for b in bases(world)]
        assert len(left) == 2 and first.name.removesuffix(".lock") not in left


def test_no_room_for_a_form(world):
    """Then the template is unpacked, and that is said; a way that was asked for is refused."""
    with filesystems.mounted("ext4", world.path("vz"), 120):
        add(world, "big", archives.small_members() + archives.filler(30, 4))
        reserve = ["--set", "BASE_RESERVE=90%", "--json"]
        ok(create(world, 101, template="big"))
        document = world.document(domain(name="102", template="big"), "102.xml")
        refused(world.run(*reserve, "create", document, "--area", "copy"), 5, "BASE_RESERVE")
        refused(world.run(*reserve, "template", "prepare", "big"), 5, "BASE_RESERVE")
        result = ok(world.run(*reserve, "create", document))
        assert result.last["area"] == "stream"
        assert "BASE_RESERVE" in choices(result)[-1]["reason"]
        assert bases(world) == [] and staged(world) == []


def test_forms_make_room_for_containers(world):
    """A container that would fit without the forms fits."""
    with filesystems.mounted("ext4", world.path("vz"), 100):
        for megabytes, name in enumerate(("one", "two", "three"), 24):
            add(world, name, archives.small_members() + archives.filler(megabytes, 4))
        for name in ("one", "two"):
            ok(world.run("--set", "BASE_RESERVE=0", "template", "prepare", name))
        room = os.statvfs(world.path("vz"))
        hog = world.path("vz/hog")
        subprocess.run(["fallocate", "-l", str(room.f_bavail * room.f_frsize - (15 << 20)), hog],
                       check=True)
        ok(world.run("check", world.document(domain(template="three"))))
        assert len(bases(world)) == 2
        ok(create(world, 101, template="three"))
        assert len(bases(world)) == 1 and staged(world) == []
        ok(create(world, 102, template="three"))
        assert bases(world) == []
        refused(create(world, 103, template="three"), 5, "has only")


def test_reserve_values(ext4):
    refused(ext4.run("--set", "BASE_RESERVE=some", "list"), 8, "BASE_RESERVE")
    refused(ext4.run("--set", "BASE_RESERVE=101%", "list"), 8, "BASE_RESERVE")
    ok(ext4.run("--set", "BASE_RESERVE=1000000", "list"))


# ---- subvolumes

def subvolumes(world):
    out = subprocess.run(["btrfs", "subvolume", "list", world.path("vz")], check=True,
                         capture_output=True, text=True).stdout
    return [line.split(" path ")[1] for line in out.splitlines()]


def test_snapshot_is_removed(btrfs):
    """The subvolume goes, and so do those that were made in it."""
    ok(create(btrfs, 101))
    ok(create(btrfs, 102))
    inner = btrfs.private(102) / "home/bob/inner"
    subprocess.run(["btrfs", "subvolume", "create", inner], check=True, capture_output=True)
    (inner / "file").write_text("x")
    subprocess.run(["btrfs", "property", "set", inner, "ro", "true"], check=True)
    assert "private/101" in subvolumes(btrfs)
    ok(btrfs.run("destroy", "101", "102"))
    left = subvolumes(btrfs)
    assert len(left) == 1 and left[0].endswith("/root"), left
    assert staged(btrfs) == []
    ok(btrfs.run("template", "prune"))
    assert subvolumes(btrfs) == []


def test_mount_in_a_snapshot_stays(btrfs):
    """The kernel would take the mount away with the subvolume."""
    ok(create(btrfs, 101))
    inside = btrfs.private(101) / "home"
    with filesystems.mounted("tmpfs", inside, 4):
        (inside / "precious").write_text("x")
        refused(btrfs.run("destroy", "101"), 6, "mounted")
        assert (inside / "precious").exists()
    ok(btrfs.run("destroy", "101"))
