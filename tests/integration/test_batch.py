# SPDX-License-Identifier: LGPL-2.1-or-later
"""batch: many containers, planned as one; failures, kills and signals in the middle."""
import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import time

import pytest

from batch_world import documents, entries, identities, made, results, state_files
from filesystems import mounted
from world import difference, domain, ok, read_conf, refused

TWELVE = [f"ct-{n}" for n in range(1, 13)]


def test_twelve_side_by_side(world):
    folder = documents(world, TWELVE)
    out = ok(world.run("--json", "batch", "-j", 4, folder))
    assert made(world) == dict(zip(range(101, 113), TWELVE))
    assert state_files(world) == []
    ends = results(out)
    assert len(ends) == 12 and {e["result"] for e in ends.values()} == {"created"}
    assert ends["0.xml"]["ctid"] == 101 and ends["0.xml"]["template"] == "small"
    assert ends["3.xml"]["quota"]["limits"]["vm"]["block_hard_kib"] == 65536
    assert out.last["result"] == "batch"
    assert out.last["created"] == 12 and out.last["failed"] == 0
    stages = {s["stage"]: s for s in out.last["stages"]}
    assert {"claim", "area", "quota", "sync", "handoff"} <= set(stages)
    assert all(s["count"] == 12 and s["min_us"] <= s["median_us"] <= s["max_us"]
               for s in stages.values())
    own = [e for e in out.events if e.get("event") and "label" in e]
    assert own and all(e["ctid"] in range(101, 113) for e in own)
    begins = [e["ctid"] for e in own if e["event"] == "begin"]
    assert sorted(begins) == list(range(101, 113))


def test_templates_are_fetched_and_prepared_once(world):
    out = ok(world.run("--json", "batch", "-j", 3, documents(world, TWELVE[:6])))
    stages = [e["stage"] for e in out.events if e.get("event") == "stage-begin"
              and "label" not in e]
    assert stages.count("fetch") == 1 and stages.count("prepare") <= 1
    assert len(list(world.path("var/cache/vzroot/blobs").rglob("*"))) <= 3


def test_same_again(world):
    folder = documents(world, TWELVE[:4])
    ok(world.run("batch", folder))
    before, found = identities(world), world.snapshot()
    out = ok(world.run("--json", "batch", folder))
    assert {e["result"] for e in results(out).values()} == {"same"}
    assert out.last["same"] == 4 and out.last["created"] == 0
    assert identities(world) == before
    assert difference(found, world.snapshot()) == []


def test_changed_specification(world):
    folder = documents(world, TWELVE[:3])
    ok(world.run("batch", folder))
    found = world.snapshot()
    text = (folder / "1.xml").read_text().replace(">64<", ">65<")
    (folder / "1.xml").write_text(text)
    (folder / "9.xml").write_text(domain(name="new"))
    refused(world.run("batch", folder), 1, "1.xml: container 102 exists already",
            "another specification")
    assert difference(found, world.snapshot()) == []


@pytest.mark.parametrize("keep_going", [False, True])
def test_one_fails(world, keep_going):
    folder = documents(world, TWELVE, bad=["ct-5"])
    extra = ["--keep-going"] if keep_going else []
    out = world.run("--json", "batch", "-j", 2, *extra, folder)
    refused(out, 3, "4.xml: ", "ghost")
    there = made(world)
    ends = results(out)
    assert ends["4.xml"]["result"] == "failed"
    assert "ghost" in ends["4.xml"]["error"]["message"]
    assert "ct-5" not in there.values()
    if keep_going:
        assert len(there) == 11
    else:
        # What was under way is finished; nothing is begun behind it.
        assert 3 <= len(there) < 11
    assert out.last["failed"] == 1 and out.last["created"] == len(there)
    assert out.last["not_made"] == 11 - len(there)
    assert len(state_files(world)) == 1


def test_resume_after_a_failure(world):
    folder = documents(world, TWELVE[:6], bad=["ct-3"])
    refused(world.run("batch", "-j", 1, folder, "-q"), 3, "ghost")
    before = identities(world)
    again = world.run("--json", "batch", "--resume", "--keep-going")
    refused(again, 3, "2.xml", "ghost")
    assert len(made(world)) == 5
    after = identities(world)
    assert {k: after[k] for k in before} == before
    assert len(state_files(world)) == 1


def refusals(world):
    """(documents' texts, arguments, exit status, words of the message)"""
    yield [domain(name="201"), domain(name="201")], [], 8, ["CTID 201 too"]
    yield [domain(name="a"), domain(name="a")], [], 8, ["name a too"]
    yield [domain(name="a"), domain(name="b", template="absent")], [], 3, \
        ["1.xml: there is no template 'absent'"]
    nic = "<interface type='ethernet'><ip address='10.1.1.1'/></interface>"
    yield [domain(name="a", extra=nic), domain(name="b", extra=nic)], [], 8, \
        ["1.xml: ", "address 10.1.1.1 too"]
    yield [domain(name="a"), "<domain type='openvz'>"], [], 8, ["1.xml"]
    yield [domain(name="a"), domain(
        name="b", limits="<space_hard_limit unit='KiB'>1</space_hard_limit>")], [], 5, \
        ["1.xml: ", "raise the limit"]
    yield [domain(name="a", limits="<space_hard_limit unit='MiB'>9</space_hard_limit>")], \
        ["--set", "DISK_QUOTA=no"], 7, ["0.xml: ", "cannot be enforced"]
    yield [domain(name="a")], ["--area", "absent"], 7, ["no area strategy 'absent'"]
    yield [domain(name="a").replace("type='template'", "type='mount'")
           .replace("name='small'", "dir='/x'")], [], 8, ["nothing to provision"]


def test_refused_before_the_first(world):
    ok(world.run("template", "pull", "small"))
    index = [r"var/cache/vzroot/index(/.*)?"]
    for texts, args, code, words in refusals(world):
        folder = world.top / "refused"
        subprocess.run(["rm", "-rf", folder], check=True)
        folder.mkdir()
        for number, text in enumerate(texts):
            (folder / f"{number}.xml").write_text(text)
        found = world.snapshot(index)
        refused(world.run("batch", *args, folder), code, *words)
        assert difference(found, world.snapshot(index)) == [], words


def test_every_refusal_is_told(world):
    folder = documents(world, ["301", "a", "b"])
    (folder / "1.xml").write_text(domain(name="a", template="absent"))
    (folder / "2.xml").write_text(domain(name="b", template="missing"))
    out = world.run("batch", folder)
    assert out.code == 3
    assert "1.xml: there is no template 'absent'" in out.err
    assert "2.xml: there is no template 'missing'" in out.err


def test_id_that_openvz_has(world):
    world.conf(150).write_text('VE_ROOT="/vz/root/$VEID"\n')
    folder = documents(world, ["150"])
    refused(world.run("batch", folder), 1, "0.xml: OpenVZ has a container 150 already")
    # A free id is looked for beyond it.
    ok(world.run("batch", "--ctid-from", 150, "--count", 2, world.document(domain(), name="x.xml")))
    assert world.conf(151).exists() and world.conf(152).exists()


def test_not_enough_room_for_all(world):
    with mounted("ext4", world.path("vz"), 40):
        ok(world.run("template", "pull", "small"))
        text = domain(template="large")
        world.top.joinpath("large").mkdir()
        subprocess.run(["dd", "if=/dev/zero", f"of={world.top}/large/file", "bs=1M", "count=9"],
                       check=True, capture_output=True)
        subprocess.run(["tar", "-C", world.top / "large", "-czf",
                        world.templates / "large.tar.gz", "."], check=True)
        world.publish()
        ok(world.run("template", "pull", "large"))
        found = world.snapshot()
        out = world.run("batch", "--count", 5, "--area", "stream",
                        world.document(text, name="x.xml"))
        refused(out, 5, "the 5 containers need", "together")
        assert difference(found, world.snapshot()) == []


def test_full_disk_in_the_middle(world):
    """The disk fills up behind the plan's back: what is made stays, what fails leaves nothing."""
    with mounted("ext4", world.path("vz"), 48):
        folder = world.top / "large"
        folder.mkdir()
        (folder / "sbin").mkdir()
        (folder / "sbin/init").write_bytes(b"init\n")
        (folder / "file").write_bytes(os.urandom(3 << 20))
        subprocess.run(["tar", "-C", folder, "-czf", world.templates / "large.tar.gz", "."],
                       check=True)
        world.publish()
        ok(world.run("template", "pull", "large"))
        process = world.start("batch", "-j", 1, "--count", 8, "--area", "stream", "--keep-going",
                              world.document(domain(name="x", template="large"), name="x.xml"))
        process.stdout.readline()
        while not list(world.path("etc/vz/conf").glob("10[0-9].conf")):
            time.sleep(0.005)
        with open(world.path("vz/ballast"), "wb") as ballast:
            try:
                while True:
                    ballast.write(b"x" * 65536)
                    ballast.flush()
            except OSError:
                pass
        out, err = process.communicate(timeout=60)
        assert process.returncode == 5, (out, err)
        assert b"No space left" in err
        world.path("vz/ballast").unlink()
        before = identities(world)
        there = made_large(world)
        assert 1 <= len(there) < 8
        ok(world.run("batch", "--resume"))
        after = identities(world)
        assert {k: after[k] for k in before} == before
        assert len(made_large(world)) == 8


def made_large(world):
    world.path("vz/lost+found").exists() and world.path("vz/lost+found").rmdir()
    return made(world)


# Leaks cannot be looked for under ptrace.
TRACED = {"env": {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}}


# ---- kills and signals ----

def start_many(world, count, *args):
    folder = documents(world, [f"ct-{n}" for n in range(count)])
    return world.start("batch", "-j", 3, *args, folder)


def wait_for(process, created):
    """Reads lines until so many containers are told as created; their ids."""
    told = []
    for line in process.stdout:
        if b" created in " in line:
            told.append(int(re.search(rb"container (\d+) created", line).group(1)))
        if len(told) == created:
            return told
    raise AssertionError(process.stderr.read())


def workers_of(process):
    out = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True,
                         check=False)
    return [int(p) for p in out.stdout.split()]


def kill_workers(process, count):
    """Kills so many workers (the first child is the syncer), while nobody can end meanwhile."""
    process.send_signal(signal.SIGSTOP)
    for pid in workers_of(process)[1:1 + count]:
        os.kill(pid, signal.SIGKILL)
    process.send_signal(signal.SIGCONT)


def is_whole_after_resume(world, count):
    before = identities(world)
    again = ok(world.run("--json", "batch", "--resume"))
    assert len(made(world)) == count
    after = identities(world)
    assert {k: after[k] for k in before} == before
    assert again.last["same"] + again.last["created"] == count
    assert again.last["same"] >= len(before)
    assert state_files(world) == []


@pytest.mark.parametrize("after", [1, 7, 15])
def test_killed_coordinator(world, after):
    process = start_many(world, 24)
    wait_for(process, after)
    process.kill()
    process.communicate(timeout=30)
    ok(world.run("recover"))
    there = made(world)
    assert after <= len(there) <= 24
    assert len(state_files(world)) == 1
    is_whole_after_resume(world, 24)


def test_killed_without_recover(world):
    process = start_many(world, 12)
    wait_for(process, 2)
    process.kill()
    process.communicate(timeout=30)
    is_whole_after_resume(world, 12)


def test_killed_worker(world):
    process = start_many(world, 24)
    wait_for(process, 3)
    kill_workers(process, 2)
    out, err = process.communicate(timeout=60)
    there = made(world)
    assert process.returncode == 1, (out, err)
    assert b"killed by signal 9" in err, err
    assert 3 <= len(there) < 24
    is_whole_after_resume(world, 24)


def test_killed_worker_keep_going(world):
    process = start_many(world, 24, "--keep-going")
    wait_for(process, 3)
    kill_workers(process, 1)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1, (out, err)
    assert len(made(world)) >= 24 - 17
    is_whole_after_resume(world, 24)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal(world, number):
    process = start_many(world, 30)
    wait_for(process, 2)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, (out, err)
    assert b"--resume" in err, err
    there = made(world)
    assert 2 <= len(there) < 30
    assert re.search(rb"batch: \d+ created, \d+ not made", out), out
    is_whole_after_resume(world, 30)


def test_signal_of_a_terminal(world):
    """Ctrl-C goes to the whole group: the workers must leave the decision to the coordinator."""
    process = start_many(world, 30)
    folder = world.top / "documents"
    process.kill()
    process.communicate()
    ok(world.run("recover"))
    process = world.start("batch", "-j", 3, folder, start_new_session=True)
    wait_for(process, 2)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, (out, err)
    assert b"killed by" not in err
    made(world)


def test_resume_needs_an_interrupted_batch(world):
    refused(world.run("batch", "--resume"), 3, "no interrupted batch")
    ok(world.run("batch", documents(world, TWELVE[:2])))
    refused(world.run("batch", "--resume"), 3, "no interrupted batch")


def test_resume_while_it_runs(world):
    process = start_many(world, 24)
    wait_for(process, 1)
    process.send_signal(signal.SIGSTOP)
    out = world.run("batch", "--resume")
    process.send_signal(signal.SIGCONT)
    process.communicate(timeout=60)
    refused(out, 6, "at work")
    assert len(made(world)) == 24


def test_a_container_destroyed_meanwhile_stays_so(world):
    process = start_many(world, 12)
    gone = wait_for(process, 3)[0]
    process.kill()
    process.communicate(timeout=30)
    ok(world.run("recover"))
    ok(world.run("destroy", gone))
    out = ok(world.run("--json", "batch", "--resume"))
    assert out.last["result"] == "batch"
    assert gone not in made(world)


# ---- count, manifest, sizes ----

def test_count(world):
    document = world.document(domain(name="web", extra="""<interface type='ethernet'>
        <mac address='00:16:3e:01:02:03'/></interface>""").replace(
            "<name>", "<uuid>11111111-2222-3333-4444-555555555555</uuid><name>"), name="x.xml")
    ok(world.run("batch", "--count", 3, "--ctid-from", 500, document))
    assert made(world) == {500: "web-1", 501: "web-2", 502: "web-3"}
    uuids = {re.search(r"#UUID: (\S+)", world.conf(c).read_text()).group(1)
             for c in (500, 501, 502)}
    assert len(uuids) == 3 and "11111111-2222-3333-4444-555555555555" not in uuids
    assert "00:16:3e:01:02:03" not in "".join(world.conf(c).read_text() for c in (500, 501, 502))


def test_count_of_a_number(world):
    ok(world.run("batch", "--count", 2, world.document(domain(), name="x.xml")))
    assert made(world) == {101: None, 102: None}


MANIFEST = '''name,ctid,hostname,ips,vm_block_soft,vm_block_hard,vm_inode_hard,user:bob,group:staff
alice,201,alice.example,10.0.0.1,,1 GiB,5000,10MiB:20MiB,
"bob",202,,"10.0.0.2, 2001:db8::2",100 MiB,200MiB,,5MiB/50:60,"7 MiB"
'''
LINES = """{"name": "alice", "ctid": 201, "hostname": "alice.example", "ips": ["10.0.0.1"], \
"vm_block_hard": "1 GiB", "vm_inode_hard": 5000, "user:bob": "10MiB:20MiB"}
{"name": "bob", "ctid": 202, "ips": ["10.0.0.2", "2001:db8::2"], "vm_block_soft": "100 MiB", \
"vm_block_hard": 204800, "user:bob": "5MiB/50:60", "group:staff": "7 MiB", "hostname": null}
"""


@pytest.mark.parametrize("text", [MANIFEST, LINES], ids=["csv", "json"])
def test_manifest(world, text):
    manifest = world.top / "manifest"
    manifest.write_text(text)
    document = world.document(domain(name="base"), name="x.xml")
    out = ok(world.run("--json", "batch", "--manifest", manifest, document))
    assert made(world) == {201: "alice", 202: "bob"}
    alice, bob = read_conf(world.conf(201)), read_conf(world.conf(202))
    assert alice["HOSTNAME"] == "alice.example" and bob["HOSTNAME"] == "bob"
    assert alice["IP_ADDRESS"] == "10.0.0.1" and bob["IP_ADDRESS"] == "10.0.0.2 2001:db8::2"
    assert alice["DISKSPACE"] == "1048576:1048576" and bob["DISKSPACE"] == "102400:204800"
    assert alice["DISKINODES"].endswith(":5000")
    ends = {e["ctid"]: e for e in results(out).values()}
    users = {u["name"]: u for u in ends[202]["quota"]["limits"]["users"]}
    assert users["bob"]["block_hard_kib"] == 5120 and users["bob"]["inode_soft"] == 50
    groups = {g["name"]: g for g in ends[202]["quota"]["limits"]["groups"]}
    assert groups["staff"]["block_hard_kib"] == 7168
    assert ends[201]["quota"]["limits"]["users"][0]["block_soft_kib"] == 10240
    assert world.private(201).joinpath("etc/hostname").read_text() == "alice.example\n"


@pytest.mark.parametrize("text, words", [
    ("name,colour\na,red\n", ["manifest:2", "'colour' is not a value"]),
    ("name,ctid\na,7\n", ["manifest:2", "'7' is not in 101"]),
    ("name,vm_block_hard\na,many\n", ["manifest:2", "'many' is not a size"]),
    ("name,vm_block_soft\na,5MiB\n", ["manifest:2", "soft space limit without a hard one"]),
    ("name,ips\na,10.0.0.256\n", ["manifest:2", "'10.0.0.256' is not an IP address"]),
    ("name\na\nb\na\n", ["manifest:4", "name a too"]),
    ('name\n"a\n', ["line 2", "never closed"]),
    ("name\n", ["no container in it"]),
    ('{"name": "a"}\n{"name": 1.5}\n', ["line 2", "neither a text"]),
], ids=str)
def test_manifest_refused(world, text, words):
    manifest = world.top / "manifest"
    manifest.write_text(text)
    ok(world.run("template", "pull", "small"))
    found = world.snapshot()
    document = world.document(domain(name="base"), name="x.xml")
    refused(world.run("batch", "--manifest", manifest, document), 8, *words)
    assert difference(found, world.snapshot()) == []


def test_manifest_resumes_from_its_own_copy(world):
    manifest = world.top / "manifest"
    manifest.write_text("name\n" + "".join(f"m{n}\n" for n in range(12)))
    document = world.document(domain(name="base"), name="x.xml")
    process = world.start("batch", "--manifest", manifest, document)
    wait_for(process, 2)
    process.kill()
    process.communicate(timeout=30)
    manifest.unlink()
    document.unlink()
    is_whole_after_resume(world, 12)


def test_dry_run_changes_nothing(world):
    ok(world.run("template", "pull", "small"))
    folder = documents(world, TWELVE[:3])
    found = world.snapshot()
    out = ok(world.run("batch", "-n", folder))
    assert re.search(r"101 +ct-1 +small +to be made", out.out), str(out)
    assert difference(found, world.snapshot()) == []


def test_standard_input(world):
    with open(world.document(domain(name="piped"), name="x.xml"), "rb") as stdin:
        ok(world.run("batch", "-", stdin=stdin))
    assert made(world) == {101: "piped"}


def test_no_sync(world):
    ok(world.run("batch", "--no-sync", documents(world, TWELVE)))
    assert len(made(world)) == 12


def test_failed_sync_leaves_nothing(world):
    """A sync that fails is final: nothing that it was to cover may become a container."""
    folder = documents(world, TWELVE[:3])
    ok(world.run("template", "prepare", "small"))
    out = world.run("batch", folder, prefix=["strace", "-f", "-qq", "-o", "/dev/null", "-e",
                                             "inject=syncfs:error=EIO:when=1+"], **TRACED)
    assert out.code == 1, str(out)
    assert "cannot sync" in out.err and "Input/output error" in out.err
    assert made(world) == {}


@pytest.mark.parametrize("when", [2, 3])
def test_later_sync_fails(world, when):
    folder = documents(world, TWELVE[:3])
    ok(world.run("template", "prepare", "small"))
    out = world.run("batch", "-j", 1, folder, prefix=[
        "strace", "-f", "-qq", "-o", "/dev/null", "-e",
        f"inject=syncfs:error=EIO:when={when}"], **TRACED)
    assert out.code == 1, str(out)
    assert len(made(world)) < 3


def test_syncs_are_shared(world):
    """Many containers, few syncs; and nothing is announced before two syncs are over."""
    folder = documents(world, [f"ct-{n}" for n in range(40)])
    log = world.top / "trace"
    ok(world.run("batch", "-j", 4, folder, prefix=["strace", "-f", "-qq", "-o", log, "-e",
                                                   "trace=syncfs,fsync,fdatasync"], **TRACED))
    calls = re.findall(r"(\w+)\(", log.read_text())
    assert calls.count("syncfs") < 3 * 40
    assert len(calls) < 40 * 8
    assert len(made(world)) == 40


def test_hundred_take_as_long_each_as_ten(world, capsys):
    times = {}
    for count in (10, 100):
        begun = time.monotonic()
        ok(world.run("batch", "-q", "--ctid-from", count * 100, "--count", count,
                     world.document(domain(name=f"n{count}"), name="x.xml")))
        times[count] = time.monotonic() - begun
    assert len(made(world)) == 110
    with capsys.disabled():
        print(f"\nbatch of 10: {times[10]:.2f} s, of 100: {times[100]:.2f} s")


def on_terminal(command, rows=24, columns=80):
    """Runs it with standard error on a terminal; what the terminal got, and the exit status."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=slave, env={"TERM": "xterm"})
    os.close(slave)
    seen = b""
    while True:
        try:
            block = os.read(master, 65536)
        except OSError:
            break
        if not block:
            break
        seen += block
    os.close(master)
    return seen.decode("utf-8", "replace"), process.wait()


def screen(text):
    """The lines that are left on a terminal after @text, with the movements that are used."""
    lines, row = [""], 0
    for part in re.split(r"(\r\n|\n|\r|\x1b\[\d*[AJK])", text):
        if part in ("\n", "\r\n"):
            row += 1
            if row == len(lines):
                lines.append("")
        elif part == "\r":
            pass
        elif part.startswith("\x1b") and part.endswith("A"):
            row = max(0, row - int(part[2:-1] or 1))
        elif part.startswith("\x1b") and part.endswith("J"):
            lines[row:] = [""]
        elif part == "\x1b[K":
            lines[row] = ""
        else:
            assert "\x1b" not in part, part
            lines[row] += part
    return [line for line in lines if line]


def test_terminal(world):
    folder = documents(world, TWELVE)
    text, code = on_terminal(world.command("batch", "-j", 3, folder), columns=60)
    assert code == 0
    assert re.search(r"batch: \d+ of 12, \d under way, [0-9.]+ per second", text), text
    assert re.search(r"  10\d +ct-\d+ +(area|sync|handoff)", text), text
    assert all(len(line) <= 59 or "container" in line or "(" in line
               for line in re.split(r"[\r\n]+|\x1b\[\d*[AJK]", text) if line.startswith("batch:"))
    left = screen(text)
    # What was redrawn is gone; a line for each container stays.
    assert not [line for line in left if line.startswith(("batch:", "  10", "  11"))], left
    assert len([line for line in left if " created in " in line]) == 12
    assert entries(world.path("vz/private/.vzroot/staging")) == []
