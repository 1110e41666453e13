# SPDX-License-Identifier: LGPL-2.1-or-later
"""Downloads that are interrupted, shared by processes, or run into a full or broken disk."""
import hashlib
import subprocess
import time

import pytest

from fetch_world import DATA, HEX, HEX512, SIZE, cache, fetch_tool, server  # noqa: F401


# ---- resuming

def interrupt(cache, server, path, *args, after=1 << 20):
    """Runs until the server has sent @after bytes and stalls, then kills it: bytes left behind."""
    process = cache.start(*args)
    while server.sent(path) < after:
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    # Beside the bytes lie their record and, for a moment, its temporary file.
    partial = [p for p in (cache.store / "partial").iterdir()
               if p.suffix != ".meta" and not p.name.startswith(".")][0]
    end = time.monotonic() + 10
    while partial.stat().st_size < after // 2 and time.monotonic() < end:
        time.sleep(0.01)
    process.kill()
    process.communicate()
    assert cache.files("blobs") == []
    return partial.stat().st_size


@pytest.mark.parametrize("known", [True, False])
def test_resume_after_kill(cache, server, known):
    args = ["--sha256", HEX] if known else []
    url = server.put("/a", DATA, "stall", after=1 << 20)
    left = interrupt(cache, server, "/a", *args, url)
    assert left >= 1 << 19
    server.put("/a", DATA)
    server.forget()
    cache.got(*args, url)
    request = server.requests("/a")[0]
    assert request.headers["range"] == f"bytes={left}-"
    assert request.headers["if-range"] == f'"{HEX[:16]}"'
    assert server.count() == 1
    assert server.sent() == len(DATA) - left


def test_resume_survives_recovery(cache, server):
    url = server.put("/a", DATA, "stall", after=1 << 20)
    left = interrupt(cache, server, "/a", "--sha256", HEX, url)
    server.put("/a", DATA)
    cache.got("--recover", "--sha256", HEX, url)
    assert server.requests("/a")[-1].headers["range"] == f"bytes={left}-"


def test_resume_by_date(cache, server):
    url = server.put("/a", DATA, "stall", after=1 << 20, etag='W/"weak"')
    interrupt(cache, server, "/a", url)
    server.put("/a", DATA, etag=None)
    cache.got(url)
    assert server.requests("/a")[-1].headers["if-range"] == "Mon, 01 Jan 2024 00:00:00 GMT"


@pytest.mark.parametrize("date", [None, "now"])
def test_no_resume_without_a_validator(cache, server, date):
    if date:
        date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime())
    url = server.put("/a", DATA, "stall", after=1 << 20, etag=None, last_modified=date)
    interrupt(cache, server, "/a", url)
    server.put("/a", DATA)
    server.forget()
    cache.got(url)
    assert "range" not in server.requests("/a")[0].headers


def test_resume_from_another_mirror(cache, server):
    url = server.put("/a", DATA, "stall", after=1 << 20)
    left = interrupt(cache, server, "/a", "--sha256", HEX, url)
    server.forget()
    cache.got("--sha256", HEX, server.put("/b", DATA, etag='"other"'))
    assert server.requests("/b")[0].headers["range"] == f"bytes={left}-"
    assert "if-range" not in server.requests("/b")[0].headers


@pytest.mark.parametrize("behaviour", ["ignores_range", "wrong_range", "range_refused"])
@pytest.mark.parametrize("known", [True, False])
def test_server_without_ranges(cache, server, behaviour, known):
    args = ["--sha256", HEX, "--size", SIZE] if known else []
    url = server.put("/a", DATA, "stall", after=1 << 20)
    left = interrupt(cache, server, "/a", *args, url)
    server.put("/a", DATA, "ok" if behaviour == "wrong_range" else behaviour)
    server.forget()
    if behaviour == "ignores_range":
        cache.got(*args, url)
        assert server.count() == 1
        return
    if behaviour == "wrong_range":
        server.put("/a", DATA, "wrong_range", after=len(DATA))
    run = cache.got("--retries", 1, *args, url)
    requests = server.requests("/a")
    assert requests[0].headers["range"] == f"bytes={left}-"
    assert "range" not in requests[1].headers
    assert ("Content-Range is not what was asked for" in run.stderr) == \
        (behaviour == "wrong_range")


@pytest.mark.parametrize("known", [True, False])
def test_file_changes_in_between(cache, server, known):
    old = DATA[::-1]
    args = ["--sha256", HEX] if known else []
    url = server.put("/a", old, "stall", after=1 << 20)
    interrupt(cache, server, "/a", *args, url)
    server.put("/a", DATA)
    server.forget()
    cache.got(*args, url)
    assert "if-range" in server.requests("/a")[0].headers
    assert server.count() == 1 and server.sent() == len(DATA)


def test_resumed_bytes_do_not_fit(cache, server):
    url = server.put("/a", DATA[::-1], "stall", after=1 << 20, etag=None, last_modified=None)
    left = interrupt(cache, server, "/a", "--sha256", HEX, url)
    server.put("/a", DATA)
    server.forget()
    run = cache.got("--sha256", HEX, url)
    requests = server.requests("/a")
    assert requests[0].headers["range"] == f"bytes={left}-"
    assert "range" not in requests[1].headers
    assert len(requests) == 2
    assert run.stderr.count("warning: ") == 1


def test_corrupt_range(cache, server):
    bad = server.put("/bad", DATA, "corrupt_range", after=1 << 20)
    good = server.put("/good", DATA)
    cache.got("--sha256", HEX, bad, good)
    # Cut, resumed with wrong bytes, again from the start: whole or given up; never mixed.
    assert server.count("/bad") >= 2


def test_finished_but_not_published(cache, server):
    url = server.put("/a", DATA, "stall", after=1 << 20)
    interrupt(cache, server, "/a", "--sha256", HEX, "--size", SIZE, url)
    (cache.store / "partial" / HEX).write_bytes(DATA)
    (cache.store / "partial" / HEX).chmod(0o444)
    server.forget()
    cache.got("--sha256", HEX, "--size", SIZE, url)
    assert server.count() == 0


@pytest.mark.parametrize("size", ["", str(len(DATA))])
def test_garbage_in_the_partial(cache, server, size):
    args = ["--sha256", HEX] + (["--size", size] if size else [])
    url = server.put("/a", DATA, "stall", after=1 << 20)
    interrupt(cache, server, "/a", *args, url)
    (cache.store / "partial" / HEX).write_bytes(b"x" * len(DATA) * 2)
    (cache.store / "partial" / (HEX + ".meta")).write_bytes(b"\0rubbish")
    server.put("/a", DATA)
    cache.got(*args, url)


def test_after_a_reboot_only_a_digest_tells(cache, server):
    url = server.put("/a", DATA, "stall", after=1 << 20)
    interrupt(cache, server, "/a", url)
    meta = [p for p in (cache.store / "partial").iterdir() if p.suffix == ".meta"][0]
    lines = [line for line in meta.read_text().splitlines() if not line.startswith("BOOT=")]
    meta.write_text("\n".join(lines + ['BOOT="01234567-89ab"', ""]))
    server.put("/a", DATA)
    server.forget()
    cache.got(url)
    assert "range" not in server.requests("/a")[0].headers


def test_cancel(cache, server):
    url = server.put("/a", DATA, "stall", after=1 << 20)
    process = cache.start("--sha256", HEX, url)
    while server.sent() < 1 << 20:
        time.sleep(0.01)
    began = time.monotonic()
    process.terminate()
    _, stderr = process.communicate(timeout=20)
    assert time.monotonic() - began < 5
    assert "error cancelled: cannot download thing: cancelled" in stderr
    assert cache.files("blobs") == []
    assert cache.files("partial") == [f"partial/{HEX}", f"partial/{HEX}.meta"]
    server.put("/a", DATA)
    cache.got("--sha256", HEX, url)
    assert server.requests("/a")[-1].range_start >= 1 << 20


# ---- several processes

@pytest.mark.parametrize("args", [["--sha256", HEX], ["--sha512", HEX512], []])
def test_two_at_once(cache, server, args):
    url = server.put("/a", DATA, "throttle", rate=3 << 20)
    both = [cache.start(*args, url)]
    while not server.sent():
        time.sleep(0.01)
    both.append(cache.start(*args, url))
    out = [process.communicate(timeout=60) for process in both]
    assert [process.returncode for process in both] == [0, 0], out
    assert out[0][0] == f"sha256:{HEX}\n"
    assert out[1][0] == f"sha256:{HEX} cached\n"
    assert "another process is downloading thing: waiting for it" in out[1][1]
    assert server.count() == 1
    assert cache.files() == [f"blobs/sha256/{HEX[:2]}/{HEX}"]


def test_the_waiter_goes_on_after_a_kill(cache, server):
    url = server.put("/a", DATA, "stall", after=1 << 20)
    first = cache.start("--sha256", HEX, url)
    while server.sent() < 1 << 20:
        time.sleep(0.01)
    server.put("/a", DATA)
    second = cache.start("--sha256", HEX, url)
    assert "waiting" in second.stderr.readline()
    first.kill()
    first.communicate()
    out, err = second.communicate(timeout=60)
    assert out == f"sha256:{HEX}\n", err
    assert server.requests("/a")[1].range_start > 0


def test_many_at_once(cache, server):
    url = server.put("/a", DATA)
    many = [cache.start("--sha256", HEX, url) for _ in range(8)]
    out = sorted(process.communicate(timeout=60)[0] for process in many)
    assert out == [f"sha256:{HEX}\n"] + [f"sha256:{HEX} cached\n"] * 7
    assert server.count() == 1


# ---- the place of the store

def mounted(path, options):
    path.mkdir()
    run = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", str(path)],
                         check=False, capture_output=True)
    if run.returncode:
        pytest.skip("cannot mount a tmpfs here")


def test_disk_full(cache, server, as_root):
    mounted(cache.store, "size=2m,mode=755")
    try:
        url = server.put("/a", DATA, "chunked")
        run = cache.refused("no-space", "the file system of the cache /cache is full",
                            args=["--sha256", HEX, url])
        assert len(run.stderr.splitlines()) == 1
        assert cache.files("partial") == [f"partial/{HEX}", f"partial/{HEX}.meta"]
        cache.refused("no-space", "thing needs", "the file system of the cache /cache has",
                      args=["--sha256", HEX, "--size", SIZE, url])
        assert server.count() == 1
        server.put("/a", DATA)
        subprocess.run(["mount", "-o", "remount,size=8m", str(cache.store)], check=True)
        server.forget()
        cache.got("--sha256", HEX, "--size", SIZE, url)
        assert server.requests()[0].range_start > 1 << 20
    finally:
        subprocess.run(["umount", str(cache.store)], check=True)


def test_announced_size_does_not_fit(cache, server, as_root):
    mounted(cache.store, "size=2m,mode=755")
    try:
        cache.refused("no-space", "thing needs 3.0 MiB more", partial=False,
                      args=["--sha256", HEX, server.put("/a", DATA)])
    finally:
        subprocess.run(["umount", str(cache.store)], check=True)


def test_no_inodes(cache, server, as_root):
    mounted(cache.store, "size=8m,nr_inodes=2,mode=755")
    try:
        cache.refused("no-space", "the file system of the cache /cache has no inodes left",
                      args=["--sha256", HEX, server.put("/a", DATA)])
    finally:
        subprocess.run(["umount", str(cache.store)], check=True)


def test_read_only(cache, server, as_root):
    url = server.put("/a", DATA)
    other = server.put("/b", b"b")
    mounted(cache.store, "size=8m,mode=755")
    try:
        cache.got("--sha256", HEX, url)
        subprocess.run(["mount", "-o", "remount,ro", str(cache.store)], check=True)
        cache.got("--recover", "--sha256", HEX, url, cached=True)
        run = cache.run(other)
        assert "error system: cannot write to the cache /cache: Read-only file system" in run.stderr
        assert server.count("/b") == 0
    finally:
        subprocess.run(["umount", str(cache.store)], check=True)


def test_store_of_others(cache, server):
    cache.store.mkdir()
    cache.store.chmod(0o777)
    cache.refused("not-trusted", "/cache can be written by others (mode 0777)",
                  args=[server.put("/a", DATA)])


def test_changed_blob_is_replaced(cache, server):
    url = server.put("/a", DATA)
    cache.got("--sha256", HEX, "--size", SIZE, url)
    cache.blob().chmod(0o644)
    cache.blob().write_bytes(b"truncated")
    cache.got("--sha256", HEX, "--size", SIZE, url)
    cache.blob().unlink()
    cache.blob().symlink_to("/etc/passwd")
    cache.got("--sha256", HEX, "--size", SIZE, url)
    assert server.count() == 3


@pytest.mark.parametrize("call", ["fsync", "fchmod", "linkat,rename,renameat,renameat2"])
def test_failed_publication(cache, server, call):
    if subprocess.run(["which", "strace"], check=False, capture_output=True).returncode:
        pytest.skip("no strace")
    cache.env["ASAN_OPTIONS"] = "detect_leaks=0"
    url = server.put("/a", DATA)
    command = ["strace", "-f", "-qq", "-o", "/dev/null", "-e",
               f"inject={call}:error=EIO:when=1", *cache.command("--sha256", HEX, url)]
    run = subprocess.run(command, capture_output=True, text=True, check=False, env=cache.env)
    assert run.returncode == 1
    assert "Input/output error" in run.stderr
    assert cache.files("blobs") == [] or call == "fsync"
    cache.got("--sha256", HEX, url)


@pytest.mark.parametrize("fault,works", [("openat:error=EOPNOTSUPP:when=1", True),
                                         ("linkat:error=EXDEV", False),
                                         ("fsync:error=EIO:when=2", False),
                                         ("write:error=ENOSPC:when=5", False)])
def test_import_on_a_poor_file_system(cache, tmp_path, fault, works):
    if subprocess.run(["which", "strace"], check=False, capture_output=True).returncode:
        pytest.skip("no strace")
    cache.env["ASAN_OPTIONS"] = "detect_leaks=0"
    (tmp_path / "file").write_bytes(DATA)
    (cache.store / "partial").mkdir(parents=True, mode=0o700)
    only = ["-P", str(cache.store / "partial")] if fault.startswith("openat") else []
    command = ["strace", "-f", "-qq", "-o", "/dev/null", *only, "-e", f"inject={fault}",
               *cache.command("--sha256", HEX, "--import", tmp_path / "file")]
    run = subprocess.run(command, capture_output=True, text=True, check=False, env=cache.env)
    assert cache.files("partial") == []
    if works:
        assert run.stdout == f"sha256:{HEX}\n", run.stderr
        assert cache.blob().stat().st_mode & 0o7777 == 0o444
    else:
        assert run.returncode == 1 and "cache /cache" in run.stderr, run.stderr
        assert cache.files("blobs") == []


def test_killed_at_any_write(cache, server):
    if subprocess.run(["which", "strace"], check=False, capture_output=True).returncode:
        pytest.skip("no strace")
    cache.env["ASAN_OPTIONS"] = "detect_leaks=0"
    url = server.put("/a", DATA)
    calls = "mkdirat,openat,openat2,write,fchmod,fsync,renameat,unlinkat,ftruncate,linkat,flock"
    finished = 0
    for n in range(1, 200, 7):
        command = ["strace", "-f", "-qq", "-o", "/dev/null", "-e",
                   f"inject={calls}:signal=KILL:when={n}", *cache.command("--sha256", HEX, url)]
        run = subprocess.run(command, capture_output=True, check=False, env=cache.env)
        for name in cache.files("blobs"):
            assert hashlib.sha256((cache.store / name).read_bytes()).hexdigest() == HEX
        finished += run.returncode == 0
    assert finished
    # A blob that nobody has named goes too: its owner is dead.
    cache.got("--recover", "--sha256", HEX, url)
