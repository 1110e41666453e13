# SPDX-License-Identifier: LGPL-2.1-or-later
"""The process around the work: descriptors, signals, environment, lost output."""
import json
import os
import signal
import subprocess
import time

import pytest


def test_lost_output(run, root):
    with open("/dev/full", "w", encoding="utf-8") as full:
        for words in (("version",), ("--help",), ("list", "--json"), ("doctor",),
                      ("--dump-options",)):
            run("--root", root, *words, stdout=full).fails(
                1, "cannot write standard output: No space left on device")


def test_closed_pipe(run):
    read, write = os.pipe()
    os.close(read)
    run("version", stdout=write).fails(1, "cannot write standard output: Broken pipe")
    os.close(write)


@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (0, 1, 2)])
def test_closed_descriptors(vzroot_path, root, closed):
    """No file that is opened later becomes standard output, and nothing fails for it."""
    def close():
        for fd in closed:
            os.close(fd)
    done = subprocess.run([str(vzroot_path), "--root", str(root), "--json", "doctor"],
                          preexec_fn=close, stdout=subprocess.PIPE, check=False, timeout=60)
    assert done.returncode == 0
    if 1 not in closed:
        assert json.loads(done.stdout)
    for path in root.rglob("*"):
        if path.is_file():
            assert b"\"what\"" not in path.read_bytes()


def test_no_argv(vzroot_path):
    """execve() with an empty argv: a usage error, no crash."""
    code = ("import ctypes, os; libc = ctypes.CDLL(None); "
            "path = os.environb[b'BIN']; "
            "libc.execve(path, (ctypes.c_char_p * 1)(None), (ctypes.c_char_p * 1)(None))")
    done = subprocess.run(["/usr/bin/python3", "-c", code], env={"BIN": str(vzroot_path)},
                          capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2, done
    assert done.stderr == "vzroot: no command given (try 'vzroot --help')\n"


def test_environment_is_ignored(run, root, tmp_path):
    evil = {"TAR_OPTIONS": "--checkpoint=1", "PATH": ".", "TMPDIR": "/dev/shm/evil",
            "http_proxy": "http://127.0.0.1:1", "CURL_CA_BUNDLE": "/x", "XML_CATALOG_FILES": "/x",
            "GNUPGHOME": "/x", "IFS": "x", "POSIXLY_CORRECT": "1", "LC_ALL": "tr_TR.UTF-8"}
    plain = run("--root", root, "template", "list", "--json", env={}).works()
    assert run("--root", root, "template", "list", "--json", env=evil).works().out == plain.out


def test_environment_that_counts(run, root, tmp_path):
    assert run("list", "--json", env={"VZROOT_ROOT": str(root)}).works().out == "[]\n"
    run("list", env={"VZROOT_ROOT": str(tmp_path / "absent")}).fails(1, "absent")
    run("--root", root, "list", env={"VZROOT_ROOT": str(tmp_path / "absent")}).works()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal_while_reading(vzroot_path, root, number):
    with subprocess.Popen([str(vzroot_path), "--root", str(root), "check", "-"],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True) as child:
        wait_for_read(child.pid)
        child.send_signal(number)
        assert child.wait(timeout=20) == 130
        err = child.stderr.read()
    assert err.startswith("vzroot: cancelled") and err.count("\n") == 1


def wait_for_read(pid):
    """Until the process sleeps in read(0, ...), so that its handlers are there."""
    for _ in range(400):
        with open(f"/proc/{pid}/syscall", encoding="utf-8") as f:
            if f.read().startswith("0 0x0 "):
                return
        time.sleep(0.025)
    pytest.fail("the process does not read standard input")


def test_nohup(vzroot_path, root):
    """What ignored SIGHUP keeps ignoring it."""
    with subprocess.Popen([str(vzroot_path), "--root", str(root), "check", "-"],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)) as child:
        wait_for_read(child.pid)
        child.send_signal(signal.SIGHUP)
        child.stdin.close()
        assert child.wait(timeout=20) == 8


def test_blocked_signals(vzroot_path, root):
    def block():
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGCHLD])
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with subprocess.Popen([str(vzroot_path), "--root", str(root), "check", "-"],
                          stdin=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=block) as child:
        wait_for_read(child.pid)
        child.send_signal(signal.SIGTERM)
        assert child.wait(timeout=20) == 130


def test_deleted_directory(run, root, tmp_path):
    gone = tmp_path / "gone"
    gone.mkdir()
    done = run("--root", root, "list", cwd=gone,
               preexec_fn=lambda: os.rmdir(gone))
    done.works()


def test_fast(run, is_sanitized, root, document):
    """Nobody waits: version in 12 ms, check in 25 ms (the best of several on a busy machine)."""
    path = document()
    for words, most in ((("version",), 0.012), (("check", path), 0.025)):
        best = 10.0
        for _ in range(10):
            begun = time.monotonic()
            run("--root", root, *words)
            best = min(best, time.monotonic() - begun)
        # Starting any program takes Python about 2 ms; the sanitizers take much more.
        assert best < (1.0 if is_sanitized else most + 0.004), (words, best)
