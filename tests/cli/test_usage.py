# SPDX-License-Identifier: LGPL-2.1-or-later
"""Wrong command lines: exit 2, one line, and where help is."""
import json

import pytest

WRONG = [
    ((), "no command given", "vzroot --help"),
    (("nothing",), "there is no command 'nothing'", "vzroot --help"),
    (("template",), "template needs one of its commands", "vzroot template --help"),
    (("template", "nothing"), "there is no command 'template nothing'",
     "vzroot template --help"),
    (("create",), "create needs DOMAIN.xml", "vzroot create --help"),
    (("create", "a", "b"), "'b' is one argument too many", "vzroot create --help"),
    (("check",), "check needs DOMAIN.xml...", "vzroot check --help"),
    (("list", "x"), "'x' is one argument too many", "vzroot list --help"),
    (("show",), "show needs CTID", "vzroot show --help"),
    (("destroy",), "destroy needs CTID...", "vzroot destroy --help"),
    (("template", "pull"), "template pull needs NAME...", "vzroot template pull --help"),
    (("template", "import", "a"), "template import needs --name NAME",
     "vzroot template import --help"),
    (("template", "import", "a", "--name", "n", "--sha256", "12"),
     "--sha256 takes 64 hexadecimal digits", "vzroot template import --help"),
    (("--bogus", "list"), "unknown option --bogus", "vzroot --help"),
    (("list", "--bogus"), "unknown option --bogus", "vzroot list --help"),
    (("list", "-Z"), "unknown option -Z", "vzroot list --help"),
    (("list", "--dry-run"), "unknown option --dry-run", "vzroot list --help"),
    (("create", "--ctid"), "option --ctid needs N", "vzroot create --help"),
    (("--root",), "option --root needs DIR", "vzroot --help"),
    (("list", "-o"), "option --set needs KEY=VALUE", "vzroot list --help"),
    (("list", "--json=yes"), "option --json takes no value", "vzroot list --help"),
    (("create", "--ctid", "1", "--ctid", "2", "a"), "option --ctid is given twice",
     "vzroot create --help"),
    (("--root", "/", "list", "--root", "/"), "option --root is given twice",
     "vzroot list --help"),
    (("-q", "list", "-v"), "-q and -v exclude each other", "vzroot list --help"),
    (("-o", "KEY", "list"), "--set takes KEY=VALUE", "vzroot --help"),
    (("-o", "=x", "list"), "--set takes KEY=VALUE", "vzroot --help"),
    (("--dump-completion", "csh"), "no completion for 'csh'", "vzroot --help"),
]

NO_CTIDS = ["0", "-1", "2147483648", "4294967397", "101abc", " 101", "0x65", "0101", "+101",
            "1e2", "", "101/../102", "..", "%s", "$(id)", "101\n102", "1" * 1000]


@pytest.mark.parametrize("words,what,hint", WRONG)
def test_wrong(run, words, what, hint):
    outcome = run(*words).fails(2, what, f"(try '{hint}')")
    assert outcome.out == ""


def test_json_has_an_object(run):
    for words in (("--json", "nothing"), ("list", "--bogus", "--json")):
        outcome = run(*words).fails(2)
        assert len(outcome.lines) == 1
        answer = outcome.lines[0]
        assert answer["result"] == "failed"
        assert set(answer["error"]) == {"code", "message", "line", "column"}
        assert answer["error"]["code"] == "usage"


@pytest.mark.parametrize("text", NO_CTIDS)
def test_no_ctid(run, text, root):
    for words in (("show", "--", text), ("destroy", "--", "101", text),
                  ("create", f"--ctid={text}", "a.xml")):
        run("--root", root, *words).fails(2, "CTID")
    assert not list(root.iterdir())


def test_options_before_and_after(run, root):
    first = run("--root", root, "--json", "list").works()
    assert json.loads(first.out) == []
    for words in (("list", "--root", root, "--json"), ("list", f"--root={root}", "--json"),
                  ("--json", "list", "--root", root, "--json")):
        assert run(*words).works().out == first.out
    run("--json", "template", "--root", root, "list").works()


def test_double_dash(run, root):
    run("--root", root, "check", "--", "--json").fails(3, "there is no file --json")


def test_long_words(run):
    outcome = run("x" * 100000).fails(2, "there is no command")
    assert len(outcome.err) < 600
    run("list", "--" + "y" * 100000).fails(2, "unknown option --yyy")


def test_words_are_escaped(run):
    outcome = run("list", "\x1b[31m\n").fails(2, r"\x1b[31m\x0a")
    assert "\x1b" not in outcome.err


def test_settings(run, root):
    run("--root", root, "-o", "NOTHING=1", "list").fails(8, "there is no setting 'NOTHING'")
    run("--root", root, "-o", "RETRIES=many", "list").fails(8, "RETRIES")
    run("--root", root, "-o", "RETRIES=1", "-o", "BACKOFF_MS=5", "list").works()


def test_unknown_root(run, tmp_path):
    run("--root", tmp_path / "absent", "list").fails(1, "absent", "No such file or directory")


def test_config(run, root, tmp_path):
    run("--root", root, "--config", "/absent.conf", "list").fails(3, "absent.conf")
    (root / "mine.conf").write_text('NOTHING="1"\n')
    run("--root", root, "--config", "/mine.conf", "list").fails(8, "NOTHING")
    # The command line counts more than the environment, and both more than the default.
    run("--root", root, "list", env={"VZROOT_CONFIG": "/mine.conf"}).fails(8, "NOTHING")
    (root / "good.conf").write_text('RETRIES="1"\n')
    run("--root", root, "--config", "/good.conf", "list",
        env={"VZROOT_CONFIG": "/mine.conf"}).works()
    # Without --root a relative name is the caller's.
    (tmp_path / "here.conf").write_text('NOTHING="1"\n')
    run("--config", "here.conf", "list").fails(8, "NOTHING")
