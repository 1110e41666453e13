# SPDX-License-Identifier: LGPL-2.1-or-later
"""Fixtures of the tests that run the command itself."""
import json
import subprocess

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
