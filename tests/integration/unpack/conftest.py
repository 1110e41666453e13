# SPDX-License-Identifier: LGPL-2.1-or-later
"""Fixtures of the tests of unpacking."""
import json
import os
import pathlib
import subprocess
import sys

import pytest

for directory in (pathlib.Path(__file__).resolve().parent,
                  pathlib.Path(__file__).resolve().parent.parent):
    sys.path.insert(0, str(directory))

import tree  # noqa: E402


class Unpacked:
    """What one run of the unpack tool did."""

    def __init__(self, done, root):
        self.code = done.returncode
        self.err = done.stderr
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        assert lines, (done.returncode, done.stderr)
        self.result = lines[-1]
        self.events = lines[:-1]
        self.warnings = [line["warning"] for line in lines if "warning" in line]
        self.root = root

    def works(self):
        assert self.code == 0 and self.result["code"] == 0, (self.result, self.err)
        return self

    def fails(self, name, *texts):
        """Asserts the error's name and texts in its one line."""
        assert self.code == 1 and "error" in self.result, (self.result, self.err)
        assert self.result["name"] == name, self.result
        message = self.result["error"]
        for text in texts:
            assert text in message, message
        assert not any(ord(c) < 32 for c in message), message
        return self


@pytest.fixture(scope="session")
def unpack_path(request, source_root):
    """The tool that drives vzr_unpack(), of the same build as the command."""
    given = request.config.getoption("--vzroot")
    if given:
        path = pathlib.Path(given).resolve().parents[1] / "tests" / "unpack"
    else:
        found = sorted(source_root.glob("build*/tests/unpack"), key=lambda p: p.stat().st_mtime)
        path = found[-1] if found else None
    if path is None or not os.access(path, os.X_OK):
        pytest.fail("no unpack tool to test: build it, or name the build with --vzroot")
    return path


@pytest.fixture(scope="session")
def plain(request, unpack_path):
    """The tool without sanitizers: their memory and their calls are not ours."""
    given = request.config.getoption("--build")
    path = pathlib.Path(given).resolve() / "tests" / "unpack" if given else unpack_path
    symbols = subprocess.run(["nm", "-D", str(path)], capture_output=True, text=True,
                             check=False).stdout
    if not symbols or "__asan_init" in symbols or "__tsan_init" in symbols:
        pytest.skip("no --build directory without sanitizers was named")
    return path


@pytest.fixture
def world(tmp_path):
    """A directory with things that must not change, and an empty tree inside."""
    outside = tmp_path / "world"
    (outside / "etc").mkdir(parents=True)
    (outside / "etc" / "shadow").write_text("secret")
    (outside / "victim").write_text("victim")
    os.symlink("/etc/passwd", outside / "link")
    os.mkdir(outside / "tree", 0o700)
    return outside


def outside_of(world):
    return {path: entry for path, entry in tree.listing(world).items()
            if path and path != b"tree" and not path.startswith(b"tree/")}


@pytest.fixture(params=[1, 2, 8], ids=["1-writer", "2-writers-fed", "8-writers"])
def unpack(request, unpack_path, world, tmp_path, as_root):
    """
    Unpacks bytes or a file; whatever happens, nothing outside the tree may change. With 2 writers
    the archive is handed over piece by piece, as while it is being downloaded.
    """
    writers = ["--writers", str(request.param)]
    if request.param == 2:
        writers += ["--feed", "70001"]
    if "plain" in request.fixturenames:
        unpack_path = request.getfixturevalue("plain")
    before = outside_of(world)

    def call(archive, *options, directory=world / "tree", prefix=(), **more):
        if isinstance(archive, bytes):
            path = tmp_path / "archive"
            path.write_bytes(archive)
            archive = path
        command = [*prefix, str(unpack_path), "--quiet", *writers, *map(str, options), str(archive)]
        if directory is not None:
            command.append(str(directory))
        more.setdefault("timeout", 120)
        done = subprocess.run(command, capture_output=True, text=True, check=False, **more)
        assert outside_of(world) == before, "something outside the tree changed"
        return Unpacked(done, directory)

    return call
