# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every class of the exit codes, reached from outside, with the name that JSON gives it."""
import os
import platform
import signal
import subprocess
import time

import pytest

NAME = f"busybox-{platform.machine()}-minimal"

pytestmark = pytest.mark.usefixtures("as_root")


def both(run, code, name, *words, text=""):
    """Runs twice: for people and with --json; both fail the same way."""
    plain = run(*words).fails(code, text)
    outcome = run("--json", *words)
    assert outcome.code == code
    answer = outcome.lines[-1]
    assert answer["error"]["code"] == name, answer
    assert "vzroot: " + answer["error"]["message"] + "\n" == outcome.err
    return plain


def test_table(run):
    lines = run("--dump-exit-codes").works().out
    for row in ("*0*\n\tdone\n", "*2*\n\tusage: the command line is wrong (_usage_)\n",
                "*3*\n\tnot found (_not-found_, _ambiguous_)\n",
                "*4*\n\tnot trusted: digest, signature or policy (_not-trusted_, _wrong-digest_, "
                "_bad-signature_)\n", "*6*\n", "*7*\n", "*130*\n"):
        assert row in lines


def test_1_exists(run, root, document):
    path = document(template=NAME)
    run("--root", root, "create", path).works()
    both(run, 1, "exists", "--root", root, "create", "--ctid", "101",
         document(name="other", template=NAME), text="101")


def test_2_usage(run):
    both(run, 2, "usage", "create")


def test_3_not_found(run, root, document):
    both(run, 3, "not-found", "--root", root, "create", document(template="no-such-template"),
         text="no-such-template")
    both(run, 3, "not-found", "--root", root, "show", "4711", text="4711")
    both(run, 3, "not-found", "--root", root, "create", "absent.xml", text="absent.xml")


def test_4_not_trusted(run, root, tmp_path):
    (tmp_path / "a.tar").write_bytes(b"\0" * 10240)
    both(run, 4, "wrong-digest", "--root", root, "template", "import", tmp_path / "a.tar",
         "--name", "a", "--sha256", "0" * 64)


def test_5_over_quota(run, root, document):
    run("--root", root, "template", "pull", NAME).works()
    both(run, 5, "over-quota", "--root", root, "create", document(template=NAME, hard=100))
    assert not (root / "vz/private/101").exists()


def test_6_busy(run, root, document):
    """vzctl's lock of a living process."""
    (root / "vz/lock").mkdir(parents=True)
    with subprocess.Popen(["sleep", "60"]) as child:
        (root / "vz/lock/101.lck").write_text(f"{child.pid}\ncreating\n")
        both(run, 6, "busy", "--root", root, "create", document(template=NAME), text="101")
        child.kill()


def test_7_unsupported(run, root, document):
    both(run, 7, "quota-unsupported", "--root", root, "-o", "DISK_QUOTA=no", "create",
         document(template=NAME))
    # The explicit way out.
    run("--root", root, "-o", "DISK_QUOTA=no", "create", "--quota", "none",
        document(template=NAME)).works()


def test_8_bad_input(run, root, document, tmp_path):
    both(run, 8, "ill-formed", "--root", root, "create", document(text="<domain"))
    both(run, 8, "bad-config", "--root", root, "-o", "NOTHING=1", "list")
    (tmp_path / "a.tar").write_bytes(b"not an archive" * 1000)
    both(run, 8, "bad-archive", "--root", root, "template", "import", tmp_path / "a.tar",
         "--name", "a")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_130_cancelled(vzroot_path, run, root, number):
    """An import whose input never ends: cancelled, and nothing of it is left."""
    read, write = os.pipe()
    with subprocess.Popen([str(vzroot_path), "--root", str(root), "template", "import", "-",
                           "--name", "endless"], stdin=read, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True) as child:
        os.close(read)
        os.write(write, b"\0" * 4096)
        for _ in range(400):
            with open(f"/proc/{child.pid}/syscall", encoding="utf-8") as f:
                if f.read().startswith("0 0x0 "):
                    break
            time.sleep(0.025)
        child.send_signal(number)
        assert child.wait(timeout=20) == 130
        err = child.stderr.read()
    os.close(write)
    assert err.startswith("vzroot: ") and err.count("\n") == 1 and "cancelled" in err
    assert "endless" not in run("--root", root, "template", "list", "-q").works().out
    left = [p for p in (root / "var/cache/vzroot").rglob("*") if p.is_file() and p.stat().st_size]
    assert left == [] or all("lock" in p.name for p in left)


def test_first_failure_counts(run, root):
    assert run("--root", root, "template", "pull", "absent-one", "x/y").code == 3
    assert run("--root", root, "template", "pull", "x/y", "absent-one").code in (2, 8)
