# SPDX-License-Identifier: LGPL-2.1-or-later
"""Many at once, and commands that are interrupted."""
import concurrent.futures
import os
import signal
import subprocess
import time

import pytest

import archives
from scaffold import SCAFFOLD, clean, pulled
from world import domain, ok, refused, snapshot

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
