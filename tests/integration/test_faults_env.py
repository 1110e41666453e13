# SPDX-License-Identifier: LGPL-2.1-or-later
"""Worlds that are broken: full, read-only, forbidden, damaged, contended, interrupted."""
import concurrent.futures
import os
import re
import shutil
import signal
import subprocess
import time

import pytest

import archives
import filesystems
from world import difference, domain, ok, owner, read_conf, refused, snapshot

# The cache and the staging directory may stay behind; nothing of a container may.
CACHE = [r"var/cache(/.*)?"]
SCAFFOLD = CACHE + [r"var(/lib(/vzroot(/(journal|containers|lock[^/]*))?)?)?", r"var/vzquota",
                    r"vz(/(private|lock|root|template|template/cache))?",
                    r"vz/private/\.vzroot(/(staging|base|lock[^/]*))?", r"etc/vz/names"]


def pulled(world):
    """The world with its template in the cache, and how it looks."""
    ok(world.run("template", "pull", "small"))
    return world.snapshot(SCAFFOLD)


def clean(world, before):
    assert difference(before, world.snapshot(SCAFFOLD)) == []


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
                                   "-e", "inject=pwrite64,write:error=ENOSPC:when=60+"])
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


# ---- the call's own world (E17 to E22)

def compare_with_plain(world, **options):
    """The same container as a plain call makes it, and nothing else."""
    ok(world.create(name="101"))
    ok(world.create(name="102", **options))
    mask = [r"etc/(machine-id|hostname|hosts|ssh(/.*)?)"]
    assert difference(snapshot(world.private(101), mask),
                      snapshot(world.private(102), mask)) == []
    one, two = read_conf(world.conf(101)), read_conf(world.conf(102))
    assert one == two


def test_environment(world):
    evil = world.top / "evil"
    evil.mkdir()
    for name in ("gzip", "tar", "gpgv", "xz", "lrzip"):
        (evil / name).write_text(f"#!/bin/sh\ntouch {evil}/ran-{name}\n")
        (evil / name).chmod(0o755)
    compare_with_plain(world, options={"env": {
        "TAR_OPTIONS": "--checkpoint=1", "PATH": str(evil), "TMPDIR": "/nonexistent",
        "http_proxy": "http://127.0.0.1:1", "CURL_CA_BUNDLE": "/nonexistent",
        "SSL_CERT_FILE": "/nonexistent", "XML_CATALOG_FILES": "/nonexistent",
        "GNUPGHOME": str(evil), "IFS": "x", "POSIXLY_CORRECT": "1", "TZ": "Asia/Tokyo"}})
    assert not list(evil.glob("ran-*"))


@pytest.mark.parametrize("locale", ["C", "tr_TR.UTF-8", "de_DE.UTF-8", "nonsense", None])
def test_locale(world, locale):
    members = archives.small_members() + [(archives.member("./caf\u00e9"), b"x"),
                                          (archives.member("./odd\udcff"), b"x")]
    archives.write(world.templates, members=members)
    world.publish()
    compare_with_plain(world, options={"env": {"LC_ALL": locale} if locale else {}})
    assert os.path.exists(os.path.join(os.fsencode(world.private(102)), b"odd\xff"))


@pytest.mark.parametrize("mask", ["000", "077", "777"])
def test_umask(world, mask):
    compare_with_plain(world, prefix=["sh", "-c", f'umask {mask}; exec "$@"', "-"])


def test_closed_descriptors(world):
    """No file of ours becomes descriptor 0, 1 or 2, where messages would be written into it."""
    ok(world.create(name="101"))
    document = world.document(file="102.xml", text=domain(name="102"))
    command = " ".join(f"'{c}'" for c in world.command("create", document))
    out = subprocess.run(["sh", "-c", f"{command} <&- >&- 2>&-"], check=False)
    assert out.returncode == 0
    mask = [r"etc/(machine-id|hostname|hosts|ssh(/.*)?)"]
    assert difference(snapshot(world.private(101), mask),
                      snapshot(world.private(102), mask)) == []


def test_inherited_state(world):
    """Ignored SIGCHLD, blocked signals, descriptors that the caller left open."""
    with open("/etc/hostname", "rb") as leak:
        compare_with_plain(world, prefix=["env", "--ignore-signal=CHLD", "--ignore-signal=PIPE",
                                          "--block-signal=TERM"],
                           options={"pass_fds": (leak.fileno(),)})


def test_deleted_working_directory(world):
    ok(world.run("template", "pull", "small"))
    document = world.document()
    command = " ".join(f"'{c}'" for c in world.command("create", document))
    out = subprocess.run(["sh", "-c", f'cd "$(mktemp -d)" && rmdir "$PWD" && {command}'],
                         capture_output=True, text=True, check=False)
    assert out.returncode == 0, out.stderr


@pytest.mark.parametrize("limit", ["--fsize=4096", "--nofile=12"])
def test_resource_limits(world, limit, is_sanitized):
    if is_sanitized and "nofile" in limit:
        limit = "--nofile=16"
    before = pulled(world)
    result = world.run("create", world.document(), prefix=["prlimit", limit], timeout=60)
    if result.code == 0:
        assert world.private(101).is_dir()
        return
    assert 0 < result.code < 126, str(result)
    ok(world.run("recover"))
    clean(world, before)


# ---- many at once

def run_all(world, jobs):
    """Runs the commands at the same time; the results in their order."""
    with concurrent.futures.ThreadPoolExecutor(len(jobs)) as pool:
        return [f.result() for f in [pool.submit(world.run, *job, timeout=300) for job in jobs]]


def test_one_id_many_times(world):
    """16 at once for one id: one makes it, the others say exists or busy, and it is whole."""
    document = world.document()
    results = run_all(world, [("create", document)] * 16)
    codes = sorted(r.code for r in results)
    assert codes.count(0) == 1, [str(r) for r in results]
    assert set(codes) <= {0, 1, 6}, [str(r) for r in results]
    for r in results:
        if r.code == 1:
            assert "exists" in r.err or "is there already" in r.err or "already" in r.err, str(r)
    before = world.snapshot(SCAFFOLD)
    ok(world.run("recover"))
    clean(world, before)
    assert (world.private(101) / "etc/passwd").is_file()
    assert not list(world.path("vz/lock").glob("*"))


def test_many_ids(world):
    """16 at once without an id: 16 containers, no id twice, one download."""
    documents = [world.document(file=f"{i}.xml", text=domain(name=f"ct{i}")) for i in range(16)]
    results = run_all(world, [("--json", "create", d) for d in documents])
    assert [r.code for r in results] == [0] * 16, [str(r) for r in results if r.code]
    ids = sorted(r.last["ctid"] for r in results)
    assert ids == list(range(101, 117))
    blobs = [p for p in world.path("var/cache/vzroot/blobs").rglob("*") if p.is_file()]
    assert len(blobs) == 1
    trees = [snapshot(world.private(i), [r"etc(/.*)?"]) for i in ids]
    assert all(t == trees[0] for t in trees)
    results = run_all(world, [("destroy", i) for i in ids])
    assert [r.code for r in results] == [0] * 16, [str(r) for r in results if r.code]
    assert not [p for p in world.path("vz/private").iterdir() if p.name != ".vzroot"]


def test_create_and_destroy_at_once(world):
    ok(world.create())
    for _ in range(3):
        results = run_all(world, [("destroy", 101), ("create", world.document())] * 3)
        assert {r.code for r in results} <= {0, 1, 3, 6}, [str(r) for r in results]
        whole = world.conf(101).exists()
        assert whole == (world.private(101) / "etc/passwd").exists()
        if not whole:
            ok(world.create())


# ---- interrupted

def wait_for(condition, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.005)


def slow_create(world, call="renameat2", delay="5s"):
    """A create that stays in one system call of its commit for a while."""
    return world.start("create", world.document(),
                       prefix=["strace", "-f", "-qq", "-o", "/dev/null", "-e",
                               f"inject={call}:delay_enter={delay}"], start_new_session=True)


def big_template(world):
    archives.write(world.templates, "big",
                   members=archives.small_members() + archives.filler(40, files=200))
    world.publish()
    ok(world.run("template", "pull", "big"))


def staged(world):
    folder = world.path("vz/private/.vzroot/staging")
    return folder.is_dir() and any(folder.iterdir())


def start_and_stop(world, number):
    """Starts a create, sends the signal while it unpacks; the exit status."""
    process = world.start("create", world.document(template="big"), start_new_session=True)
    wait_for(lambda: staged(world) or process.poll() is not None)
    time.sleep(0.02)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    return process.returncode, err.decode()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_cancelled(world, number):
    """A polite signal: everything is undone before the command ends."""
    big_template(world)
    before = world.snapshot(SCAFFOLD)
    code, err = start_and_stop(world, number)
    if code == 0:
        pytest.fail("it was done before the signal came")
    assert code == 130, err
    assert "cancelled" in err
    clean(world, before)
    assert not staged(world)


def test_killed_and_recovered(world):
    """kill -9 in the middle: the next command of any kind takes away what is left."""
    big_template(world)
    before = world.snapshot(SCAFFOLD)
    for following in (["recover"], ["create", world.document(file="102.xml",
                                                             text=domain(name="102"))]):
        code, _ = start_and_stop(world, signal.SIGKILL)
        assert code == -signal.SIGKILL
        wait_for(lambda: staged(world) or True)
        ok(world.run(*following))
        assert not staged(world)
        if following[0] == "create":
            ok(world.run("destroy", 102))
        clean(world, before)
    # And the same id can be made.
    ok(world.run("create", world.document(template="big")))


def test_killed_group(world):
    """The whole process group at once, as a service manager does it."""
    big_template(world)
    before = world.snapshot(SCAFFOLD)
    process = world.start("create", world.document(template="big"), start_new_session=True)
    wait_for(lambda: staged(world))
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    ok(world.run("recover"))
    clean(world, before)


def test_living_owner_is_left_alone(world):
    """recover does not take away what a process is still working on."""
    big_template(world)
    process = world.start("create", world.document(template="big"))
    wait_for(lambda: staged(world))
    process.send_signal(signal.SIGSTOP)
    try:
        ok(world.run("recover"))
        assert staged(world)
    finally:
        process.send_signal(signal.SIGCONT)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, (out, err)
    assert (world.private(101) / "etc/passwd").is_file()


def test_stale_lock(world):
    """The lock of a vzctl that died is vzctl's own rule: its process does not exist."""
    world.path("vz/lock").mkdir(parents=True)
    dead = subprocess.Popen(["true"])
    dead.wait()
    for text in (f"{dead.pid}\n\n", "", "garbage\n"):
        world.path("vz/lock/101.lck").write_text(text)
        ok(world.run("create", world.document()))
        assert not world.path("vz/lock/101.lck").exists()
        ok(world.run("destroy", 101))


def test_living_lock(world):
    before = pulled(world)
    world.path("vz/lock").mkdir(parents=True, exist_ok=True)
    sleeper = subprocess.Popen(["sleep", "60"])
    lock = world.path("vz/lock/101.lck")
    try:
        lock.write_text(f"{sleeper.pid}\ncreating\n")
        refused(world.run("create", world.document()), 6, "101")
        assert lock.read_text() == f"{sleeper.pid}\ncreating\n"
    finally:
        sleeper.kill()
        sleeper.wait()
        lock.unlink()
    clean(world, before)


# ---- the built-in template

def test_busybox(empty_world):
    """No source at all: the built-in template, and a shell in it."""
    world = empty_world
    machine = os.uname().machine
    result = ok(world.create(template=f"busybox-{machine}-minimal",
                             limits="<space_hard_limit unit='MiB'>50</space_hard_limit>",
                             metadata=owner("user", "root", 20)))
    root = world.private(101)

    def enter():
        os.chroot(root)
        os.chdir("/")
    out = subprocess.run(["/bin/sh", "-c", "echo $((6 * 7)); ls -ld /etc /sbin/init"],
                         preexec_fn=enter, capture_output=True, text=True, check=False)
    assert out.stdout.startswith("42\n"), out.stderr
    assert result.last["quota"]["limits"]["users"][0]["name"] == "root"
    assert world.quota(101).exists()
    ok(world.run("destroy", 101))
    assert not root.exists()
