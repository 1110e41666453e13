# SPDX-License-Identifier: LGPL-2.1-or-later
"""The child's confinement, its memory, and what a failing system makes of an unpacking."""
import errno
import gzip
import os
import re
import shutil
import signal
import subprocess
import time

import pytest

import tarball as t
import tree

SAMPLE = t.tar(
    t.directory(b"./", mtime=7), t.directory(b"d", mode=0o700, mtime=8, uid=3),
    t.member(b"d/file", b"data" * 3000, uid=1, mode=0o4755), t.member(b"d/other", b"x"),
    t.symlink(b"d/link", b"file", uid=4), t.hardlink(b"d/hard", b"d/file"),
    t.member(b"fifo", type=b"6", mode=0o666), t.member(b"null", type=b"3", dev=(1, 3), mode=0o666),
    t.pax([("SCHILY.xattr.user.x", "value")]), t.member(b"attr", b"z"),
    t.member(b"missing/parent", b"1"), t.member(b"d/other", b"replaced"))


@pytest.fixture(scope="session")
def strace(as_root, plain):
    path = shutil.which("strace")
    if not path:
        pytest.skip("strace is not installed")
    return path


def trace(unpack, strace, log, data, *options, **more):
    out = unpack(data, prefix=(strace, "-f", "-qq", "-y", "-o", str(log), *options), **more)
    return out, log.read_text(errors="replace").splitlines()


@pytest.mark.parametrize("magic", [b"LRZI", b"\x89LZO\0\r\n\x1a\n", b"GRZipII\0\2\4:)", None])
@pytest.mark.parametrize("outer", ["none", "gzip", "bzip2"])
def test_no_program_is_ever_run(unpack, plain, strace, tmp_path, magic, outer):
    data = t.COMPRESS[outer](magic + bytes(range(256)) * 8 if magic else SAMPLE)
    _, lines = trace(unpack, strace, tmp_path / "log", data, "-e", "trace=execve,execveat")
    assert len([line for line in lines if "exec" in line]) == 1, lines


CHANGES = re.compile(r"\b(mkdir|mknod|symlink|link|unlink|rename|chmod|chown|lchown|utime|utimes|"
                     r"creat|truncate|setxattr|lsetxattr|removexattr|chdir|fchdir|chroot|umask|"
                     r"rmdir)\(")


def test_every_change_is_relative_to_a_descriptor(unpack, plain, strace, tmp_path):
    out, lines = trace(unpack, strace, tmp_path / "log", SAMPLE)
    out.works()
    assert not [line for line in lines if CHANGES.search(line)]
    inside = str(out.root)
    for line in lines:
        found = re.search(r"\b(\w+at2?)\((AT_FDCWD[^,]*|\d+<[^>]*>), \"([^\"]*)\"", line)
        if not found or found[1] not in ("mkdirat", "mknodat", "symlinkat", "linkat", "unlinkat",
                                         "fchownat", "fchmodat", "utimensat"):
            continue
        assert inside in found[2] and not found[3].startswith("/") and ".." not in found[3], line


def status_of_child(unpack_path, archive, directory):
    """/proc/PID/status and descriptors of the confined child while it waits for its parent."""
    parent = subprocess.Popen([str(unpack_path), str(archive), str(directory)],
                              stdout=subprocess.PIPE)
    try:
        for _ in range(2000):
            children = subprocess.run(["pgrep", "-P", str(parent.pid)], capture_output=True,
                                      text=True, check=False).stdout.split()
            for pid in children:
                try:
                    with open(f"/proc/{pid}/status", encoding="utf-8") as f:
                        status = dict(line.rstrip("\n").split(":\t", 1) for line in f
                                      if ":\t" in line)
                    if status.get("NoNewPrivs") != "1" or status.get("Seccomp") != "2":
                        continue
                    os.kill(int(pid), signal.SIGSTOP)
                    links = {int(fd): os.readlink(f"/proc/{pid}/fd/{fd}")
                             for fd in os.listdir(f"/proc/{pid}/fd")}
                    with open(f"/proc/{pid}/limits", encoding="utf-8") as f:
                        limits = f.read()
                    return status, links, limits
                except (FileNotFoundError, ProcessLookupError):
                    pass
        pytest.fail("never saw the confined child")
    finally:
        parent.kill()
        parent.wait()


def test_child_is_confined(as_root, tmp_path, plain):
    data = b"".join(t.member(b"f%06d" % i, b"x" * 600) for i in range(60000)) + t.END
    (tmp_path / "a.tar").write_bytes(data)
    (tmp_path / "tree").mkdir()
    text = subprocess.run([str(plain), "--confinement"], capture_output=True, text=True,
                          check=True).stdout
    if "seccomp" not in text:
        pytest.skip("no seccomp here")
    status, links, limits = status_of_child(plain, tmp_path / "a.tar", tmp_path / "tree")
    wanted = sum(1 << bit for bit in (0, 1, 2, 3, 4, 27, 31))
    assert int(status["CapEff"], 16) == int(status["CapPrm"], 16) == wanted
    assert int(status["CapAmb"], 16) == int(status["CapInh"], 16) == 0
    assert {links[fd] for fd in (0, 1, 2)} == {"/dev/null"}
    others = [path for fd, path in links.items() if fd > 2]
    assert all(path.startswith(("pipe:", str(tmp_path))) for path in others), others
    assert re.search(r"Max core file size +0 +0", limits)
    assert re.search(r"Max open files +128 +128", limits)


def test_child_dies_with_its_parent(as_root, tmp_path, plain):
    data = b"".join(t.member(b"f%06d" % i, b"x" * 600) for i in range(60000)) + t.END
    (tmp_path / "a.tar").write_bytes(data)
    (tmp_path / "tree").mkdir()
    parent = subprocess.Popen([str(plain), str(tmp_path / "a.tar"), str(tmp_path / "tree")],
                              stdout=subprocess.DEVNULL)
    while not os.listdir(tmp_path / "tree"):
        time.sleep(0.001)
    parent.kill()
    parent.wait()
    time.sleep(0.2)
    before = len(os.listdir(tmp_path / "tree"))
    time.sleep(0.2)
    assert before == len(os.listdir(tmp_path / "tree")) < 60000


def test_cancel(unpack):
    data = b"".join(t.member(b"f%06d" % i, b"x" * 6000) for i in range(5000)) + t.END
    out = unpack(data, "--cancel")
    assert out.result["name"] == "cancelled"


@pytest.mark.parametrize("sig", ["KILL", "SEGV", "TERM"])
def test_child_that_dies_says_so(unpack, plain, strace, tmp_path, sig):
    out, _ = trace(unpack, strace, tmp_path / "log", SAMPLE, "-e",
                   f"inject=symlinkat:signal={sig}")
    out.fails("failed", "killed by signal")


def test_ignored_sigchld_and_blocked_signals(unpack):
    script = ("import os, signal, sys\n"
              "signal.signal(signal.SIGCHLD, signal.SIG_IGN)\n"
              "signal.signal(signal.SIGPIPE, signal.SIG_IGN)\n"
              "signal.pthread_sigmask(signal.SIG_BLOCK, set(signal.Signals))\n"
              "os.execv(sys.argv[1], sys.argv[1:])\n")
    unpack(SAMPLE, prefix=("/usr/bin/python3", "-c", script)).works()


def test_closed_standard_descriptors(unpack_path, as_root, tmp_path):
    """The archive and the tree land on descriptors 0 to 2; the result goes nowhere."""
    (tmp_path / "a.tar").write_bytes(SAMPLE)
    (tmp_path / "tree").mkdir()
    done = subprocess.run(["sh", "-c", 'exec "$0" "$@" <&- >&- 2>&-', str(unpack_path), "--quiet",
                           str(tmp_path / "a.tar"), str(tmp_path / "tree")], check=False)
    assert done.returncode == 0
    assert (tmp_path / "tree" / "d" / "hard").read_bytes() == b"data" * 3000


def test_without_root(unpack_path, as_root, tmp_path):
    (tmp_path / "a.tar").write_bytes(SAMPLE)
    (tmp_path / "tree").mkdir()
    for path in (tmp_path, *tmp_path.parents[:2]):
        path.chmod(0o755)
    os.chown(tmp_path / "tree", 65534, 65534)
    command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", str(unpack_path),
               "--quiet", str(tmp_path / "a.tar")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1):
        pytest.skip("the build directory cannot be reached without root")
    assert '"code": 0' in done.stdout, "measuring needs no root"
    done = subprocess.run([*command, str(tmp_path / "tree")], capture_output=True, text=True,
                          check=False)
    assert done.returncode == 1 and "CAP_CHOWN" in done.stdout and "root" in done.stdout


CALLS = ["mkdirat", "openat", "openat2", "pwrite64", "fchown", "fchmod", "symlinkat", "linkat",
         "mknodat", "unlinkat", "fchownat", "utimensat", "fsetxattr", "fgetxattr",
         "newfstatat", "pread64", "close"]
CHANGING = ["mkdirat", "openat2", "pwrite64", "fchown", "fchmod", "symlinkat", "linkat", "mknodat",
            "unlinkat", "fchownat", "utimensat", "fsetxattr"]


def new_tree(world):
    subprocess.run(["rm", "-rf", str(world / "tree")], check=True)
    (world / "tree").mkdir(mode=0o700)


@pytest.mark.parametrize("call", CALLS)
def test_no_call_fails_unnoticed(unpack, plain, strace, tmp_path, world, call):
    """Each occurrence of each call fails once: an error, or (if it did not matter) all of it."""
    def timed(path):
        return path != b"missing"
    whole = unpack(SAMPLE).works()
    want = tree.listing(whole.root, timed)
    (tmp_path / "archive").write_bytes(SAMPLE)
    faults = 0
    for error in ("ENOSPC", "EIO", "EDQUOT"):
        for when in range(1, 60):
            new_tree(world)
            log = tmp_path / "log"
            done = subprocess.run([strace, "-f", "-qq", "-o", str(log), "-e", f"trace={call}", "-e",
                                   f"inject={call}:error={error}:when={when}", str(plain),
                                   "--quiet", str(tmp_path / "archive"), str(world / "tree")],
                                  capture_output=True, text=True, check=False, timeout=60)
            if "(INJECTED)" not in log.read_text(errors="replace"):
                break
            faults += 1
            if done.returncode == 0:
                assert tree.difference(want, tree.listing(world / "tree", timed)) == [], \
                    (call, error, when)
            elif done.stdout and call in CHANGING:
                assert os.strerror(getattr(errno, error)) in done.stdout, done.stdout
                assert f"\"code\": {-getattr(errno, error)}," in done.stdout, done.stdout
                assert "member '" in done.stdout or "director" in done.stdout, done.stdout
    assert faults


@pytest.mark.parametrize("unpack", [1, 8], indirect=True)
@pytest.mark.parametrize("call, what", [("pread64", "archive"), ("pwrite64", "world/tree/d/file")])
def test_interruptions(unpack, plain, strace, tmp_path, call, what):
    out, lines = trace(unpack, strace, tmp_path / "log", SAMPLE, "-P", str(tmp_path / what), "-e",
                       f"trace={call}", "-e", f"inject={call}:error=EINTR:when=1..2")
    out.works()
    assert any("EINTR" in line for line in lines)
    assert (out.root / "d" / "hard").read_bytes() == b"data" * 3000


@pytest.mark.parametrize("error", ["ENOSYS", "EPERM"])
def test_without_openat2(unpack, plain, strace, tmp_path, error):
    """Old kernels and strict filters: the walk by components does the same."""
    out, lines = trace(unpack, strace, tmp_path / "log", SAMPLE, "-e",
                       f"inject=openat2:error={error}")
    out.works()
    assert (out.root / "d" / "other").read_bytes() == b"replaced"
    escape = t.tar(t.symlink(b"a", b".."), t.member(b"a/victim", b"x"))
    subprocess.run(["rm", "-rf", str(out.root)], check=True)
    out.root.mkdir()
    out, lines = trace(unpack, strace, tmp_path / "log", escape, "-e",
                       f"inject=openat2:error={error}")
    out.fails("refused-member", "'a/victim'")
    assert lines


def test_without_landlock_and_seccomp(unpack, plain, strace, tmp_path):
    out, _ = trace(unpack, strace, tmp_path / "log", SAMPLE, "-e",
                   "inject=landlock_create_ruleset:error=ENOSYS", "-e",
                   "inject=seccomp:error=ENOSYS")
    out.works()


@pytest.fixture
def small_disk(tmp_path, as_root):
    """A tmpfs of 1 MiB and 50 inodes."""
    top = tmp_path / "small"
    top.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,nr_inodes=50", "none", str(top)],
                      capture_output=True, check=False).returncode:
        pytest.skip("cannot mount a tmpfs")
    (top / "tree").mkdir()
    yield top / "tree"
    subprocess.run(["umount", "-l", str(top)], check=True)


def test_full_disk(unpack, small_disk):
    data = t.tar(t.member(b"a", bytes(500000)), t.member(b"big", b"x" * 3000000))
    out = unpack(data, directory=small_disk)
    # Where two write at once, the small one may be the one that finds no room.
    assert out.result["code"] == -28
    assert out.result["error"].startswith(("member 'a': cannot wr", "member 'big': cannot wr"))


def test_no_inodes(unpack, small_disk):
    data = t.tar(*(t.member(b"f%d" % i, b"") for i in range(100)))
    out = unpack(data, directory=small_disk)
    assert out.result["code"] == -28 and "member 'f4" in out.result["error"]


def test_file_system_without_what_is_needed(unpack, small_disk):
    """tmpfs of older kernels takes no user attributes: an error, not a tree without them."""
    data = t.tar(t.pax([("SCHILY.xattr.user.x", "1")]), t.member(b"f", b""))
    out = unpack(data, directory=small_disk)
    if out.code == 0:
        assert os.getxattr(small_disk / "f", "user.x") == b"1"
    else:
        assert "user.x" in out.result["error"] and "'f'" in out.result["error"]


def peak(out):
    return max(out.result["rss_kib"], out.result["child_rss_kib"])


def test_memory_of_debian(unpack, data_dir, plain):
    out = unpack(data_dir / "templates" / "debian-12-x86_64-minbase.tar.gz").works()
    assert peak(out) < 32 << 10


@pytest.mark.parametrize("unpack", [8], indirect=True)
def test_memory_of_many_entries(unpack, tmp_path, plain):
    path = tmp_path / "many.tar"
    with open(path, "wb") as f:
        for i in range(200000):
            f.write(t.directory(b"d%d" % i, mtime=i) if i % 10 == 0 else
                    t.hardlink(b"h%d" % i, b"f%d" % (i - 1)) if i % 10 == 2 else
                    t.member(b"f%d" % i))
        f.write(t.END)
    out = unpack(path).works()
    assert out.result["entries"] == 200000 and out.result["inodes"] == 180001
    assert peak(out) < 32 << 10


def test_memory_of_huge_files(unpack, tmp_path, plain):
    path = tmp_path / "huge.tar"
    big = 1 << 30
    with open(path, "wb") as f:
        f.write(t.header(b"holes", size=t.base256(big, 12)))
        f.truncate(f.tell() + big)
        f.seek(0, 2)
        f.write(t.END)
    out = unpack(path, directory=None).works()
    assert out.result["bytes"] == big and peak(out) < 32 << 10


@pytest.mark.parametrize("compression, options", [
    ("xz", ["-8"]), ("zstd", ["--ultra", "-20"]), ("bzip2", ["-9"]), ("lz4", ["-9"])])
@pytest.mark.parametrize("unpack", [8], indirect=True)
def test_memory_of_the_largest_dictionaries(unpack, tmp_path, plain, compression, options):
    path = tmp_path / "a.tar"
    path.write_bytes(t.header(b"f", size=40 << 20) + os.urandom(1 << 20) * 40 + t.END)
    packed = tmp_path / "packed"
    with open(packed, "wb") as f:
        subprocess.run([compression, "-c", *options, str(path)], stdout=f, check=True,
                       stderr=subprocess.DEVNULL)
    out = unpack(packed, directory=None).works()
    assert out.result["compression"] == compression
    assert peak(out) < 64 << 10


def test_memory_of_a_hostile_header(unpack, tmp_path, plain):
    """The largest extended headers, attributes and sparse maps that are allowed, many times."""
    xattrs = t.pax([(f"SCHILY.xattr.user.{i}", b"x" * 15000) for i in range(60)])
    regions = 100000
    body = t.pad((f"{regions}\n" + "".join(f"{i * 8192}\n1\n" for i in range(regions))).encode())
    sparse = t.pax([("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0"),
                    ("GNU.sparse.name", "many"), ("GNU.sparse.realsize", str(1 << 34))])
    members = [xattrs, t.member(b"f", b"")] * 20
    members += [sparse, t.member(b"GNUSparseFile.1/x", body + bytes(regions))] * 2
    out = unpack(gzip.compress(t.tar(*members), 1), directory=None).works()
    assert peak(out) < 64 << 10
