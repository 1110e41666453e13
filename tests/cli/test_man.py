# SPDX-License-Identifier: LGPL-2.1-or-later
"""Manual pages: they name what the tables have, and nothing else; and they are well-formed."""
import re
import shutil
import subprocess

import pytest


def page(source_root, command):
    name = f"vzroot-{command.split()[0]}.8.scd" if command else "vzroot.8.scd"
    return (source_root / "cli/man" / name).read_text(encoding="utf-8")


def described(text):
    """Options that the section OPTIONS describes: {long: (short, argument)}."""
    section = re.search(r"^# OPTIONS\n(.*?)(?=^# )", text, re.M | re.S)[1]
    found = {}
    for line in re.findall(r"^\*-.*$", section, re.M):
        match = re.fullmatch(r"(?:\*(-\w)\*, )?\*(--[\w-]+)\*(?: _(.*)_)?", line)
        assert match, line
        found[match[2]] = (match[1] or "", match[3] or "")
    return found


def test_globals(source_root, options):
    assert described(page(source_root, "")) == {o[0]: (o[1], o[2]) for o in options[""]}


def test_commands(source_root, commands, options):
    groups = {}
    for command in commands:
        groups.setdefault(command.split()[0], {}).update(
            {o[0]: (o[1], o[2]) for o in options[command]})
    for group, table in groups.items():
        assert described(page(source_root, group)) == table, group


def test_every_command_is_in_the_overview(source_root, commands):
    text = page(source_root, "")
    for command in commands:
        assert f"*vzroot-{command.split()[0]}*(8)" in text
    template = page(source_root, "template")
    for command in commands:
        if command.startswith("template "):
            assert f"*vzroot {command}*" in template


def built(vzroot_path):
    pages = sorted((vzroot_path.parent / "man").glob("*.[58]"))
    if not pages:
        pytest.skip("the pages are not built")
    return pages


def test_lint(vzroot_path):
    if not shutil.which("mandoc"):
        pytest.skip("there is no mandoc")
    for path in built(vzroot_path):
        out = subprocess.run(["mandoc", "-Tlint", "-Wwarning", str(path)], capture_output=True,
                             text=True, check=False).stdout
        # scdoc begins every paragraph with .PP, also the first of a section.
        told = [line for line in out.splitlines() if "skipping paragraph macro" not in line]
        assert told == []


def plain(path):
    out = subprocess.run(["mandoc", "-Tutf8", "-O", "width=200", str(path)], capture_output=True,
                         text=True, check=True).stdout
    return re.sub(".\b", "", out)


def test_tables_are_filled_in(vzroot_path, run):
    if not shutil.which("mandoc"):
        pytest.skip("there is no mandoc")
    pages = {path.name: plain(path) for path in built(vzroot_path)}
    for text in pages.values():
        assert "@" not in text
    codes = re.search(r"^EXIT STATUS\n(.*?)^[A-Z]", pages["vzroot.8"], re.M | re.S)[1]
    assert [int(n) for n in re.findall(r"^       (\d+)$", codes, re.M)] == [
        0, 1, 2, 3, 4, 5, 6, 7, 8, 130]
    dumped = run("--dump-settings").works().out.replace("\\", "")
    keys = re.findall(r"^\*(\w+)\*=", dumped, re.M)
    assert len(keys) > 20
    for key in keys:
        assert re.search(rf"^       {key}=", pages["vzroot.conf.5"], re.M), key


def test_keys_of_sources(source_root):
    """Every key that the reader of sources.d knows is in the page, and no other."""
    text = (source_root / "templates/source_conf.c").read_text(encoding="utf-8")
    keys = set(re.findall(r'strcmp\(key, "(\w+)"\)', text))
    assert "kind" in keys and len(keys) > 8
    page_text = (source_root / "cli/man/vzroot.conf.5.scd").read_text(encoding="utf-8")
    section = re.search(r"^# SOURCES\n(.*?)(?=^# )", page_text, re.M | re.S)[1]
    assert set(re.findall(r"^\*(\w+)\*=", section.replace("\\", ""), re.M)) == keys
