# SPDX-License-Identifier: LGPL-2.1-or-later
"""The life of one container and one template, as seen through the command."""
import hashlib
import os
import platform
import re
import resource
import shutil
import subprocess
import tarfile

import pytest

EVENTS = {"stage-begin": {"event", "stage"},
          "stage-end": {"event", "stage", "error", "elapsed_us"},
          "progress": {"event", "stage", "done_bytes", "total_bytes"},
          "log": {"event", "level", "text"},
          "choice": {"event", "what", "chosen", "reason"}}
CONTAINER = {"ctid", "name", "uuid", "hostname", "private", "template", "digest", "source",
             "area", "quota", "handoff", "specification", "created"}
TEMPLATE = {"name", "source", "digest", "trust", "location", "cached", "size_bytes",
            "unpacked_kib", "unpacked_inodes", "time"}
NAME = f"busybox-{platform.machine()}-minimal"

pytestmark = pytest.mark.usefixtures("as_root")


def split(outcome):
    """Events and results of an outcome's lines, the events checked."""
    events = [x for x in outcome.lines if "event" in x]
    results = [x for x in outcome.lines if "event" not in x]
    assert outcome.lines == events + results or len(results) > 1
    for event in events:
        assert set(event) == EVENTS[event["event"]], event
    return events, results


@pytest.fixture
def archive(tmp_path):
    """A small root file system as .tar.gz."""
    tree = tmp_path / "tree"
    for folder in ("bin", "etc", "sbin", "root", "dev", "proc", "sys", "tmp"):
        (tree / folder).mkdir(parents=True)
    (tree / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\nbob:x:1000:1000::/:/bin/sh\n")
    (tree / "etc/group").write_text("root:x:0:\nbob:x:1000:\n")
    (tree / "bin/sh").write_bytes(b"#!/no\n")
    (tree / "bin/sh").chmod(0o755)
    path = tmp_path / "small.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        tar.add(tree, ".")
    return path


def test_life_of_a_container(run, root, document, contract):
    path = document(template=NAME)
    outcome = run("--root", root, "--json", "create", path).works()
    events, (result,) = split(outcome)
    assert list(result) == ["result", "ctid", "private", "template", "digest", "area", "quota",
                            "handoff"]
    assert result["result"] == "created" and result["ctid"] == 101
    assert result["private"] == "/vz/private/101" and result["template"] == NAME
    assert result["digest"].startswith("sha256:")
    assert set(result["quota"]) == {"backend", "limits"}
    contract.check_quota(result["quota"]["limits"])
    assert result["quota"]["limits"]["vm"]["block_hard_kib"] == 102400
    begun = [e["stage"] for e in events if e["event"] == "stage-begin"]
    ended = [e["stage"] for e in events if e["event"] == "stage-end"]
    assert sorted(begun) == sorted(ended) and begun
    assert (root / "vz/private/101/etc").is_dir()

    listed, = run("--root", root, "list", "--json").works().lines
    assert [c["ctid"] for c in listed] == [101] and set(listed[0]) == CONTAINER
    shown, = run("--root", root, "show", "101", "--json").works().lines
    assert shown == listed[0]
    assert shown["quota"] == result["quota"] and shown["digest"] == result["digest"]
    assert run("--root", root, "-q", "list").works().out == "101\n"
    table = run("--root", root, "list").works().out.splitlines()
    assert table[0].split()[0] == "CTID" and table[1].split()[0] == "101" and len(table) == 2
    assert "disk 100 MiB" in run("--root", root, "show", "101").works().out

    run("--root", root, "create", "--ctid", "101", path).fails(1, "101")
    outcome = run("--root", root, "destroy", "101", "102", "--json")
    assert outcome.code == 3
    _, results = split(outcome)
    assert results[0] == {"result": "destroyed", "ctid": 101}
    assert results[1]["result"] == "failed" and results[1]["error"]["code"] == "not-found"
    assert not (root / "vz/private/101").exists()
    assert run("--root", root, "list").works().out == ""
    run("--root", root, "show", "101").fails(3, "101")


def test_create_for_people(run, root, document):
    outcome = run("--root", root, "create", document(template=NAME)).works()
    assert "\ncontainer 101: created\n" in outcome.out
    assert "  private area    /vz/private/101\n" in outcome.out
    assert "\x1b" not in outcome.out and "\r" not in outcome.out and outcome.err == ""
    assert "done in" in outcome.out
    quiet = run("--root", root, "-q", "create", "--ctid", "102",
                document(name="b", template=NAME)).works()
    assert (quiet.out, quiet.err) == ("", "")


def test_create_on_a_terminal(vzroot_path, root, document):
    """A progress line is drawn and taken away again before the answer."""
    if not shutil.which("script"):
        pytest.skip("there is no script(1)")
    done = subprocess.run(
        ["script", "-qec", f"{vzroot_path} --root {root} create {document(template=NAME)}",
         "/dev/null"], capture_output=True, check=False, timeout=60, stdin=subprocess.DEVNULL,
        env={**os.environ, "TERM": "xterm"})
    assert done.returncode == 0
    assert b"\r\x1b[K" in done.stdout
    assert re.search(rb"(\n|\r\x1b\[K)container 101: created", done.stdout)
    assert b"..." not in done.stdout.split(b"container 101: created")[1]


def test_failed_create(run, root, document):
    outcome = run("--root", root, "--json", "create",
                  document(template="nothing-like-this")).fails(3, "nothing-like-this")
    assert outcome.lines[-1]["result"] == "failed"
    assert outcome.lines[-1]["error"]["code"] == "not-found"
    run("--root", root, "create", root / "absent.xml").fails(3, "there is no file")
    assert run("--root", root, "list").works().out == ""


def test_back_ends_that_are_not(run, root, document):
    for option in ("--area", "--quota", "--handoff"):
        outcome = run("--root", root, "create", option, "nothing", document(template=NAME))
        assert outcome.code in (2, 7, 8), (option, outcome.code, outcome.err)
        assert "nothing" in outcome.err


def test_dry_run_changes_nothing(run, root, document, contract):
    outcome = run("--root", root, "create", "-n", "--ctid", "333", "--json",
                  document(template=NAME)).works()
    contract.check(outcome.lines[0])
    assert len(outcome.lines) == 1 and not list(root.iterdir())


def test_life_of_a_template(run, root, archive):
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    bare = ("--root", root, "template")
    run(*bare, "import", archive, "--name", "small", "--sha256", "0" * 64).fails(4)
    assert "small" not in run(*bare, "list", "-q").works().out.split()
    _, (result,) = split(run(*bare, "import", archive, "--name", "small", "--sha256", digest,
                             "--json").works())
    assert set(result) == TEMPLATE | {"result"} and result["result"] == "imported"
    assert result["digest"] == "sha256:" + digest and result["cached"] is True
    listed, = run(*bare, "list", "--json").works().lines
    assert all(set(t) == TEMPLATE for t in listed)
    mine, = [t for t in listed if t["name"] == "small"]
    assert mine["size_bytes"] == archive.stat().st_size and mine["time"]
    shown, = run(*bare, "show", "small", "--json").works().lines
    assert set(shown) == TEMPLATE and shown["digest"] == mine["digest"]
    assert run(*bare, "show", "small").works().out.startswith("small: cached\n")
    assert "small" in run(*bare, "list").works().out
    assert "small" in run(*bare, "list", "-q").works().out.splitlines()
    _, results = split(run(*bare, "verify", "--json").works())
    assert {"result": "verified", "name": "small"} in results
    outcome = run(*bare, "verify", "absent", "small")
    assert outcome.code == 3 and outcome.out == "small: verified\n"
    _, results = split(run(*bare, "remove", "small", "--json").works())
    assert results == [{"result": "removed", "name": "small"}]
    run(*bare, "remove", "small").fails(3, "small")


def test_import_of_standard_input(run, root, archive):
    with open(archive, "rb") as f:
        run("--root", root, "template", "import", "-", "--name", "small", stdin=f).works()
    assert "small" in run("--root", root, "template", "list", "-q").works().out.splitlines()


def test_import_of_nothing_that_is_a_file(run, root, tmp_path):
    run("--root", root, "template", "import", tmp_path / "absent", "--name", "a").fails(3)
    for path in (tmp_path, "/dev/zero", "/dev/stdin"):
        run("--root", root, "template", "import", path, "--name", "a").fails(8)


def test_pull(run, root):
    _, (result,) = split(run("--root", root, "template", "pull", NAME, "--json").works())
    assert set(result) == TEMPLATE | {"result"} and result["result"] == "pulled"
    _, (result,) = split(run("--root", root, "template", "pull", NAME, "--json").works())
    assert result["result"] == "present"
    outcome = run("--root", root, "template", "pull", "absent-one", NAME)
    assert outcome.code == 3 and f"\n{NAME}: present\n" in outcome.out


def test_recover_and_doctor(run, root):
    assert run("--root", root, "recover").works().out == "nothing to recover\n"
    assert run("--root", root, "recover", "--json").works().lines[-1] == {
        "result": "recovered", "count": 0}
    found, = run("--root", root, "doctor", "--json").works().lines
    assert found and all(set(f) == {"what", "state", "detail"} for f in found)
    assert {f["state"] for f in found} <= {"ok", "no", "unknown"}
    for line in run("--root", root, "doctor").works().out.splitlines():
        assert line.split()[0] in ("ok", "no", "unknown")


def test_version(run):
    answer, = run("version", "--json").works().lines
    assert list(answer) == ["version", "features", "sources", "areas", "quotas", "handoffs"]
    assert "busybox" in [s["name"] for s in answer["sources"]]
    assert run("--version").works().out == run("version").works().out
    assert run("version", "-q").works().out == f"vzroot {answer['version']}\n"


@pytest.mark.parametrize("limit", range(12, 30, 3))
def test_few_descriptors(run, root, document, limit):
    """Wherever they run out, in the unpacking child too, that is what is said."""
    run("--root", root, "template", "pull", NAME).works()
    outcome = run("--root", root, "-q", "create", document(name="104"),
                  preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit)))
    assert outcome.code == 0 or "Too many open files" in outcome.err, outcome.err


def test_what_cannot_be_cleaned_up_stands_in_nobodys_way(run, root, document):
    journals = root / "var/lib/vzroot/journal"
    journals.mkdir(parents=True)
    (journals / "create-1-0.journal").write_text("p 1\ns /loop/tree\n")
    (root / "loop").symlink_to("loop")
    for command in (["template", "pull", NAME], ["create", document(name="104")],
                    ["destroy", 104]):
        outcome = run("--root", root, *command).works()
        assert "warning: cannot recover: 1 things could not be cleaned up" in outcome.err
    outcome = run("--root", root, "recover")
    assert outcome.code == 1 and "\nvzroot: cannot recover: 1 things" in outcome.err
    (root / "loop").unlink()
    run("--root", root, "recover").works()
    assert not any(journals.iterdir())


@pytest.mark.parametrize("space,inodes,text", [("64:64", "9999:9999", "64 KiB"),
                                               ("9999:9999", "9:9", "9 inodes")])
def test_sample_whose_limits_are_too_small(run, root, document, space, inodes, text):
    sample = root / "etc/vz/conf/ve-basic.conf-sample"
    sample.parent.mkdir(parents=True)
    sample.write_text(f'DISKSPACE="{space}"\nDISKINODES="{inodes}"\n')
    path = document(text=f"""<domain type='openvz'><name>104</name><devices>
<filesystem type='template'><source name='{NAME}'/><target dir='/'/></filesystem>
</devices></domain>""")
    outcome = run("--root", root, "-q", "create", path)
    assert outcome.code == 5
    assert f"the sample of openvz limits the VM to {text}" in outcome.err
    assert not (root / "vz/private/104").exists()


def test_damaged_in_the_cache(run, root, document):
    """The bytes are hashed when they are used; wrong ones are not offered a second time."""
    run("--root", root, "template", "pull", NAME).works()
    blob, = (p for p in (root / "var/cache/vzroot/blobs/sha256").glob("*/*"))
    blob.chmod(0o644)
    with open(blob, "r+b") as f:
        f.seek(1 << 20)
        f.write(b"damage")
    outcome = run("--root", root, "-q", "create", document(name="104"))
    assert outcome.code == 4 and f"template {NAME}: " in outcome.err
    assert "had changed on disk and was removed; pull it again" in outcome.err
    run("--root", root, "-q", "create", document(name="104")).works()


def test_damaged_record_hides_no_others(run, root, document):
    run("--root", root, "create", document(name="104")).works()
    (root / "var/lib/vzroot/containers/105.json").write_text("damage")
    outcome = run("--root", root, "-q", "list").works()
    assert outcome.out == "104\n"
    assert "record 105.json is damaged" in run("--root", root, "list").works().err
    run("--root", root, "show", 105).fails(8, "record 105.json is damaged")
