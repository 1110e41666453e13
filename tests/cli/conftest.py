# SPDX-License-Identifier: LGPL-2.1-or-later
"""Fixtures of the tests that run the command itself."""
import json
import re
import subprocess
import types

import pytest

DOCUMENT = """<domain type='openvz'>
  <name>{name}</name>
  <os><type>exe</type></os>
  <devices>
    <filesystem type='template'>
      <source name='{template}'/>
      <target dir='/'/>
      <space_hard_limit unit='KiB'>{hard}</space_hard_limit>
    </filesystem>
  </devices>
</domain>
"""


LIMITS = {"block_soft_kib", "block_hard_kib", "inode_soft", "inode_hard", "grace_s"}
TYPES = {"template", "mount", "file", "block", "bind", "ram", "none"}


def is_count(value):
    return value is None or (isinstance(value, int) and not isinstance(value, bool) and value >= 0)


def is_text(value):
    return value is None or isinstance(value, str)


def check_limits(limits, more=()):
    assert set(limits) == LIMITS | set(more)
    assert all(is_count(limits[key]) for key in LIMITS)


def check_quota(quota):
    assert set(quota) == {"vm", "users", "groups"}
    check_limits(quota["vm"])
    for owner in quota["users"] + quota["groups"]:
        check_limits(owner, ("name",))
        assert isinstance(owner["name"], str)


def check(answer):
    """The shape of one object of check --json."""
    assert list(answer) == ["file", "ok", "error", "warnings", "domain", "root", "quota", "plan"]
    assert isinstance(answer["ok"], bool) and answer["ok"] == (answer["error"] is None)
    if answer["error"] is not None:
        assert set(answer["error"]) == {"code", "message", "line", "column"}
        assert re.fullmatch(r"[a-z-]+", answer["error"]["code"])
        assert answer["error"]["message"]
        assert is_count(answer["error"]["line"]) and is_count(answer["error"]["column"])
        assert answer["plan"] is None
    assert all(isinstance(w, str) for w in answer["warnings"])
    assert set(answer["domain"]) == {"type", "name", "uuid", "ctid"}
    assert all(is_text(answer["domain"][k]) for k in ("type", "name", "uuid"))
    assert is_count(answer["domain"]["ctid"]) and answer["domain"]["ctid"] != 0
    assert set(answer["root"]) == {"type", "source", "target"}
    assert answer["root"]["type"] in TYPES
    if answer["root"]["type"] == "none":
        assert answer["root"]["source"] is None and answer["root"]["target"] is None
    check_quota(answer["quota"])
    if answer["plan"] is not None:
        assert list(answer["plan"]) == ["template", "digest", "source", "trust", "area", "quota",
                                        "handoff", "needs_kib", "free_kib"]
        assert isinstance(answer["plan"]["template"], str)
        assert is_count(answer["plan"]["needs_kib"]) and is_count(answer["plan"]["free_kib"])


class Outcome:
    """What one run did."""

    def __init__(self, done):
        self.code = done.returncode
        self.out = done.stdout
        self.err = done.stderr

    @property
    def lines(self):
        """Standard output as JSON values, one a line."""
        return [json.loads(line) for line in self.out.splitlines()]

    def fails(self, code, *texts):
        """Asserts the exit code, one line on standard error, and texts in it."""
        assert self.code == code, (self.code, self.out, self.err)
        assert self.err.startswith("vzroot: ") and self.err.count("\n") == 1, self.err
        for text in texts:
            assert text in self.err, self.err
        return self

    def works(self):
        """Asserts success without a word on standard error."""
        assert self.code == 0, (self.code, self.out, self.err)
        return self


@pytest.fixture
def run(vzroot_path, tmp_path):
    """Runs vzroot in an empty directory; keywords go to subprocess.run()."""
    def call(*args, **more):
        more.setdefault("cwd", tmp_path)
        more.setdefault("stdout", subprocess.PIPE)
        more.setdefault("stderr", subprocess.PIPE)
        more.setdefault("text", True)
        if "input" not in more:
            more.setdefault("stdin", subprocess.DEVNULL)
        return Outcome(subprocess.run([str(vzroot_path), *map(str, args)], timeout=60,
                                      check=False, **more))
    return call


@pytest.fixture
def root(tmp_path):
    """A directory for --root."""
    path = tmp_path / "root"
    path.mkdir()
    return path


@pytest.fixture
def document(tmp_path):
    """Writes a document and returns its path."""
    def write(name="101", template="busybox-x86_64-minimal", hard=102400, text=None):
        path = tmp_path / f"{name}.xml"
        path.write_text(text or DOCUMENT.format(name=name, template=template, hard=hard))
        return path
    return write


@pytest.fixture(scope="session")
def options(vzroot_path):
    """{command: [(long, short, argument, help)]} by --dump-options; "" has the global ones."""
    out = subprocess.run([str(vzroot_path), "--dump-options"], capture_output=True, text=True,
                         check=True).stdout
    found = {"": []}
    for line in out.splitlines():
        fields = line.split("\t")
        if len(fields) == 1:
            found[fields[0]] = []
        else:
            found[fields[0]].append(tuple(fields[1:]))
    return found


@pytest.fixture(scope="session")
def commands(options):
    """Every command's name."""
    return [name for name in options if name]


@pytest.fixture(scope="session")
def contract():
    """The shape of what --json prints: functions that assert it."""
    return types.SimpleNamespace(check=check, check_quota=check_quota)
