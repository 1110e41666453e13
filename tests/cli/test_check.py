# SPDX-License-Identifier: LGPL-2.1-or-later
"""check: the contract of its JSON, what it says of real documents, and its inputs."""
import csv
import os
import re
import shutil
import subprocess

import pytest

def rows(data_dir):
    with open(data_dir / "domains/MANIFEST.tsv", encoding="utf-8") as f:
        return list(csv.DictReader(f, delimiter="\t"))


def kib(text):
    return None if text == "-" else -(-int(text) // 1024)


def test_real_documents(run, root, data_dir, contract):
    table = rows(data_dir)
    paths = [data_dir / "domains" / row["file"] for row in table]
    outcome = run("--root", root, "check", "--json", *paths)
    assert outcome.code != 0
    assert len(outcome.lines) == len(table)
    for row, path, answer in zip(table, paths, outcome.lines):
        contract.check(answer)
        assert answer["file"] == str(path)
        if row["wellformed"] == "NO":
            assert answer["error"]["code"] == "ill-formed"
            assert answer["error"]["line"] == 6 and answer["error"]["column"]
            continue
        assert answer["domain"]["type"] == row["domain_type"], row["file"]
        assert answer["domain"]["name"] == row["name"], row["file"]
        if row["root_type"] == "-":
            assert answer["root"]["type"] == "none"
        elif row["root_type"] == "legacy":
            assert answer["root"]["type"] == "template"
        else:
            assert answer["root"]["type"] == row["root_type"], row["file"]
        if "=" in row["root_source"]:
            assert answer["root"]["source"] == row["root_source"].split("=", 1)[1], row["file"]
        if row["legacy_quota"] == "-":
            vm = answer["quota"]["vm"]
            assert vm["block_hard_kib"] == kib(row["hard_bytes"]), row["file"]
            assert vm["block_soft_kib"] == kib(row["soft_bytes"]), row["file"]
        if answer["root"]["type"] != "template":
            assert answer["error"]["code"] == "nothing-to-provision", row["file"]
    # One line of its own for each failure, and nothing else.
    failed = [a for a in outcome.lines if not a["ok"]]
    assert len([x for x in outcome.err.splitlines() if x.startswith("vzroot: ")]) == len(failed)


def test_root_changes_nothing(run, root, data_dir):
    run("--root", root, "check", data_dir / "domains/docs-drvopenvz.xml")
    assert not list(root.iterdir())


def test_documents_without_template(run, root, document, contract):
    path = document(text="<domain type='lxc'><name>a</name><os><type>exe</type></os></domain>")
    outcome = run("--root", root, "check", "--json", path).fails(8)
    answer, = outcome.lines
    contract.check(answer)
    assert answer["error"]["code"] == "nothing-to-provision"
    assert answer["domain"] == {"type": "lxc", "name": "a", "uuid": None, "ctid": None}
    plain = run("--root", root, "check", path).fails(8)
    assert plain.out.startswith(f"{path}: failed\n") and "  domain          a\n" in plain.out


def test_ill_formed(run, root, document, contract):
    path = document(text="<domain type='openvz'>\n <name>a</title>\n</domain>\n")
    outcome = run("--root", root, "check", path, "--json").fails(8, str(path))
    answer, = outcome.lines
    contract.check(answer)
    assert answer["error"]["code"] == "ill-formed"
    assert answer["error"]["line"] == 2
    assert answer["domain"] == {"type": None, "name": None, "uuid": None, "ctid": None}
    assert answer["root"] == {"type": "none", "source": None, "target": None}
    assert answer["quota"]["users"] == [] and set(answer["quota"]["vm"].values()) == {None}


def test_plan(run, root, document, contract):
    outcome = run("--root", root, "check", "--json", document()).works()
    answer, = outcome.lines
    contract.check(answer)
    assert answer["ok"] and answer["domain"]["ctid"] == 101
    assert answer["quota"]["vm"]["block_hard_kib"] == 102400
    plan = answer["plan"]
    assert plan["template"] == "busybox-x86_64-minimal"
    assert (plan["quota"], plan["handoff"]) == ("vzquota", "openvz")
    assert plan["source"] and plan["trust"] and plan["area"]
    again, = run("--root", root, "create", "--dry-run", "--json", document()).works().lines
    for plan in (answer["plan"], again["plan"]):
        assert plan.pop("free_kib") > 0  # others use the disk too
    assert again == answer


def test_plan_for_people(run, root, document):
    out = run("--root", root, "check", document()).works().out
    for text in (": ok\n", "  template        busybox-x86_64-minimal\n",
                 "  quota           vzquota",
                 "  limits          disk 100 MiB", "  handoff         openvz",
                 "  trusted   ", "  area     ", "  private area    /vz/private/101\n",
                 "  free     "):
        assert text in out, out
    assert run("--root", root, "-q", "check", document()).works().out == ""


def test_several(run, root, document, contract):
    """All are read; the status is that of the first that failed."""
    good = document()
    absent = good.parent / "absent.xml"
    bad = document(name="bad", text="<domain")
    outcome = run("--root", root, "check", "--json", good, absent, bad)
    assert outcome.code == 3
    assert [a["ok"] for a in outcome.lines] == [True, False, False]
    assert [a["error"] and a["error"]["code"] for a in outcome.lines] == [
        None, "not-found", "ill-formed"]
    for answer in outcome.lines:
        contract.check(answer)
    assert outcome.err.count("\n") == 2
    assert run("--root", root, "check", bad, absent).code == 8


def test_standard_input(run, root, document):
    text = document().read_text()
    answer, = run("--root", root, "check", "--json", "-", input=text).works().lines
    assert answer["file"] == "-" and answer["ok"]
    run("--root", root, "check", "-", input="").fails(8, "standard input")
    run("--root", root, "check", "-", input="<domain>" + " " * (1 << 20)).fails(
        8, "standard input is larger than 1 MiB")


def test_inputs(run, root, tmp_path):
    run("--root", root, "check", tmp_path / "absent").fails(3, "there is no file")
    run("--root", root, "check", tmp_path).fails(8, "is not a regular file")
    os.mkfifo(tmp_path / "fifo")
    run("--root", root, "check", tmp_path / "fifo").fails(8, "is not a regular file")
    (tmp_path / "large").write_bytes(b" " * ((1 << 20) + 1))
    run("--root", root, "check", tmp_path / "large").fails(8, "is larger than 1 MiB")
    (tmp_path / "empty").write_bytes(b"")
    run("--root", root, "check", tmp_path / "empty").fails(8, "empty")


def test_names_are_escaped(run, root, tmp_path):
    name = "a\x1b[31m\n.xml"
    outcome = run("--root", root, "check", name).fails(3, r"a\x1b[31m\x0a.xml")
    assert "\x1b" not in outcome.out + outcome.err
    answer, = run("--root", root, "check", "--json", name).lines
    assert answer["file"] == name
    (tmp_path / os.fsdecode(b"b\xff.xml")).write_text("x")
    answer, = run("--root", root, "check", "--json", os.fsdecode(b"b\xff.xml")).lines
    assert answer["file"] == r"b\xff.xml"


def test_warnings(run, root, document, contract):
    path = document(text="""<domain type='openvz'><name>101</name><os><type>exe</type></os>
<devices><filesystem><template>busybox-x86_64-minimal</template>
<quota level='vm'>102400</quota>
<quote level='user' username='root'>51200</quote></filesystem></devices></domain>""")
    outcome = run("--root", root, "check", "--json", path)
    answer, = outcome.lines
    contract.check(answer)
    assert any("line 4" in w and "<quota>" in w for w in answer["warnings"]), answer
    assert "warning" not in outcome.err
    assert answer["quota"]["users"] == [{"name": "root", "block_soft_kib": None,
                                         "block_hard_kib": 51200, "inode_soft": None,
                                         "inode_hard": None, "grace_s": None}] or \
        answer["quota"]["users"][0]["block_soft_kib"] == 51200
    plain = run("--root", root, "check", path)
    assert f"vzroot: warning: {path}: line 4: " in plain.err
    assert run("--root", root, "-q", "check", path).err == ""


@pytest.mark.parametrize("locale", ["C", "tr_TR.UTF-8", "de_DE.UTF-8", "nonsense"])
def test_locale(run, root, document, locale):
    path = document()

    def answer(environment):
        out = run("--root", root, "check", path, env=environment).works().out
        return re.sub(r"^  free .*$", "", out, flags=re.M)  # others use the disk too
    assert answer({"LC_ALL": locale, "LANG": locale}) == answer({})


@pytest.mark.parametrize("name", ["web", "300"])
def test_what_the_target_cannot_carry(run, root, document, name):
    """It is told before anything is made, whether or not the document has a number."""
    path = document(text=f"""<domain type='openvz'><name>{name}</name>
<idmap><uid start='0' target='1000' count='9'/><gid start='0' target='1000' count='9'/></idmap>
<devices><filesystem type='template'><source name='busybox'/><target dir='/'/></filesystem>
<filesystem type='mount'><source dir='/srv'/><target dir='/data'/></filesystem>
<interface type='network'><source network='default'/></interface></devices></domain>""")
    warnings = run("--root", root, "check", "--json", path).works().lines[0]["warnings"]
    for text in ("<idmap> is without effect", "the filesystem at /data",
                 "interface 1 of type 'network'"):
        assert len([w for w in warnings if text in w]) == 1, warnings


def test_name_that_the_target_refuses(run, root, document):
    run("--root", root, "check", document(name="w\u00fcb")).fails(8, "cannot be the name of")


@pytest.mark.skipif(os.path.exists("/proc/vz"), reason="the running kernel is OpenVZ's")
def test_limits_that_the_running_kernel_would_not_enforce(run, root, document):
    path = document(name="2147480001")
    run("--root", root, "check", path).works()
    run("check", path).fails(7, "the running kernel is not OpenVZ's", "--quota=none")


def test_room_of_the_built_in_template_is_known_before_it_is_made(run, root, document):
    path = document(name="web")
    before = run("--root", root, "check", "--json", path).works().lines[0]["plan"]
    assert before["needs_kib"] > 500
    run("--root", root, "template", "pull", "busybox").works()
    assert run("--root", root, "check", "--json",
               path).works().lines[0]["plan"]["needs_kib"] == before["needs_kib"]


def test_built_in_root_is_not_made_to_be_planned_with(run, root, vzroot_path, document, tmp_path):
    """Once it was pulled, the program's identity tells; a changed program is looked at again."""
    program = tmp_path / "busybox"
    shutil.copy("/bin/busybox", program)
    keys = ["--root", root, "--set", f"BUSYBOX={program}"]
    path = document(name="web")

    def looks():
        log = tmp_path / "log"
        subprocess.run(["strace", "-f", "-qq", "-o", log, "-e", "trace=execve", vzroot_path, *keys,
                        "check", path], check=True, capture_output=True,
                       env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"})
        return "--list-full" in log.read_text()

    assert looks() and looks()
    run(*keys, "template", "pull", "busybox").works()
    assert not looks()
    os.utime(program, (1, 1))
    assert looks()
