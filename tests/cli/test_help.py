# SPDX-License-Identifier: LGPL-2.1-or-later
"""Help: every command has it, it fits 80 columns, and it is made of the tables."""
import re


def check(outcome):
    outcome.works()
    assert outcome.err == ""
    assert outcome.out.startswith("Usage: vzroot ")
    for line in outcome.out.splitlines():
        assert len(line) <= 80, line
        assert "\t" not in line and line == line.rstrip()


def test_of_vzroot(run, commands):
    outcome = run("--help")
    check(outcome)
    for command in commands:
        assert re.search(rf"^  {command} ", outcome.out, re.M), command
    assert "dump-" not in outcome.out
    assert run("help").out == outcome.out
    assert run("-h").out == outcome.out


def test_of_every_command(run, commands, options):
    assert len(commands) == 20
    for command in commands:
        outcome = run(*command.split(), "--help")
        check(outcome)
        assert f"Usage: vzroot [OPTION...] {command}" in outcome.out
        for long, short, argument, _ in options[command] + options[""]:
            form = f"{short}, {long}" if short else long
            assert f"{form} {argument}".rstrip() in outcome.out, (command, long)
        assert run("help", *command.split()).out == outcome.out
        assert run("--help", *command.split()).out == outcome.out


def test_of_a_group(run, commands):
    outcome = run("template", "--help")
    check(outcome)
    for command in commands:
        assert (f"  {command} " in outcome.out) == command.startswith("template ")
    assert run("help", "template").out == outcome.out


def test_needs_no_operands_and_no_configuration(run):
    check(run("--config", "/nonexistent", "create", "--help"))


def test_of_nothing(run):
    run("help", "nothing").fails(2, "there is no command 'nothing'", "try 'vzroot help --help'")
