# SPDX-License-Identifier: LGPL-2.1-or-later
"""Completion scripts: each shell reads them, and bash, zsh and fish complete with them."""
import json
import os
import shutil
import subprocess

import pytest


@pytest.fixture
def script(run, tmp_path):
    """Writes the script of a shell."""
    def write(shell):
        if not shutil.which(shell):
            pytest.skip(f"there is no {shell}")
        path = tmp_path / f"completion.{shell}"
        path.write_text(run("--dump-completion", shell).works().out)
        return path
    return write


@pytest.fixture
def fake(tmp_path, vzroot_path):
    """A PATH with a vzroot that answers lists without a root of its own and notes its words."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "vzroot").write_text(
        "#!/bin/sh\n"
        f"echo \"$*\" >>{tmp_path}/asked\n"
        "case $* in\n"
        "*'-q template list') printf 'alpine-3\\ndebian-12\\n' ;;\n"
        "*'-q list') printf '101\\n102\\n' ;;\n"
        "esac\n")
    (folder / "vzroot").chmod(0o755)
    return {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_syntax(script, shell):
    done = subprocess.run([shell, "-n", str(script(shell))], capture_output=True, text=True,
                          check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_shellcheck(script):
    if not shutil.which("shellcheck"):
        pytest.skip("there is no shellcheck")
    done = subprocess.run(["shellcheck", str(script("bash"))], capture_output=True, text=True,
                          check=False)
    assert done.returncode == 0, done.stdout


@pytest.fixture
def bash(script, fake, tmp_path):
    """Completes a line (a list of words; the last one is being typed) as bash would."""
    path = script("bash")

    def complete(*words):
        quoted = " ".join("'" + w + "'" for w in ("vzroot", *words))
        code = (f"compopt() {{ :; }}; source {path}; COMP_WORDS=({quoted}); "
                f"COMP_CWORD={len(words)}; _vzroot; printf '%s\\n' \"${{COMPREPLY[@]}}\"")
        done = subprocess.run(["bash", "-c", code], capture_output=True, text=True, check=True,
                              env=fake, cwd=tmp_path)
        assert done.stderr == ""
        return [line for line in done.stdout.splitlines() if line]
    return complete


def test_bash_commands(bash, commands):
    first = {c.split()[0] for c in commands}
    assert first <= set(bash(""))
    assert bash("cr") == ["create"]
    assert bash("--root", "/x", "cr") == ["create"]
    assert bash("template", "pu") == ["pull"]
    assert {c.split()[1] for c in commands if c.startswith("template ")} <= set(
        bash("template", ""))
    assert bash("help", "doc") == ["doctor"]


def test_bash_options(bash, commands, options):
    for command in commands:
        offered = set(bash(*command.split(), "-"))
        assert offered == {w for o in options[command] + options[""] for w in o[:2] if w}, command


def test_bash_names(bash, tmp_path):
    assert bash("show", "") == ["101", "102"]
    assert bash("destroy", "101", "102", "1") == ["101", "102"]
    assert bash("template", "pull", "--publish", "a") == ["alpine-3"]
    assert bash("--root", "/x", "template", "verify", "d") == ["debian-12"]
    assert bash("--root", "=", "/x", "show", "10") == ["101", "102"]
    # Never the network: no --remote, and the same root as on the line.
    assert (tmp_path / "asked").read_text().splitlines() == [
        "-q list", "-q list", "-q template list", "--root /x -q template list",
        "--root /x -q list"]


def test_bash_arguments(bash, tmp_path):
    (tmp_path / "web.xml").write_text("")
    (tmp_path / "folder").mkdir()
    assert "web.xml" in bash("create", "")
    assert bash("create", "--ctid", "1") == []
    assert bash("create", "--root", "fold") == ["folder"]
    assert bash("--set", "VE_P") == ["VE_PRIVATE="]
    assert bash("list", "-o", "VE_P") == ["VE_PRIVATE="]


def test_fish(script, fake, commands, options):
    path = script("fish")

    def complete(line):
        done = subprocess.run(["fish", "--no-config", "-c",
                               f"source {path}; complete -C {json.dumps(line)}"],
                              capture_output=True, text=True, check=True, env=fake)
        return {row.split("\t")[0] for row in done.stdout.splitlines()}
    assert {c.split()[0] for c in commands} <= complete("vzroot ")
    assert complete("vzroot cr") == {"create"}
    assert "pull" in complete("vzroot template ") and "list" in complete("vzroot template ")
    assert "create" not in complete("vzroot template ")
    assert {"--ctid", "--dry-run", "--root"} <= complete("vzroot create --")
    assert "--ctid" not in complete("vzroot list --")
    assert {"101", "102"} <= complete("vzroot --root / show ")
    assert complete("vzroot template pull al") == {"alpine-3"}


def test_zsh(script, fake, tmp_path):
    """Drives a real zsh on a pseudo terminal: types, presses TAB, reads the line."""
    path = script("zsh")
    (tmp_path / "functions").mkdir()
    (tmp_path / "functions/_vzroot").write_text(path.read_text())
    driver = tmp_path / "drive.zsh"
    driver.write_text(
        "zmodload zsh/zpty\n"
        "zpty z zsh -f -i\n"
        "send() { zpty -w z \"$1\" }\n"
        f"send \"fpath=({tmp_path}/functions \\$fpath); autoload -U compinit; compinit -u -D; "
        "PS1=; unsetopt beep zle_bracketed_paste; bindkey '^X' _show; zle -N _show; "
        "_show() { print -r -- \\\"<\\$BUFFER>\\\" }; echo REA''DY\"\n"
        "zpty -r z out '*READY*'\n"
        "for line in 'vzroot cre' 'vzroot template pul' 'vzroot template pull alp' "
        "'vzroot create --dr'; do\n"
        "  zpty -w -n z \"$line\"$'\\t'\n"
        "  sleep 1.5\n"
        "  zpty -w -n z $'\\x18'\n"
        "  zpty -r z out '*<*>*'\n"
        "  print -r -- ${${out##*<}%%>*}\n"
        "  zpty -w -n z $'\\x15'\n"
        "done\n")
    done = subprocess.run(["zsh", "-f", str(driver)], capture_output=True, text=True, check=False,
                          env={**fake, "TERM": "dumb"}, timeout=60)
    assert [line.strip() for line in done.stdout.splitlines() if line.strip()] == [
        "vzroot create", "vzroot template pull", "vzroot template pull alpine-3",
        "vzroot create --dry-run"], (done.stdout, done.stderr)
