# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the tests of the catalogue share: a host in a directory, the tool, keys."""
import hashlib
import os
import pathlib
import shutil
import subprocess
import tempfile

import pytest

from gpg import KeyRing

ONE = b"the first archive" * 100
TWO = b"the second archive" * 100
NAME = "debian-12-x86_64-minimal"


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def sums(files, algorithm=hashlib.sha256):
    return "".join(f"{algorithm(data).hexdigest()}  {name}\n"
                   for name, data in sorted(files.items())).encode()


class Result:
    """What the tool said."""

    def __init__(self, run):
        self.code = run.returncode
        self.err = run.stderr
        self.out = run.stdout
        self.lines = [line.split("=", 1) for line in run.stdout.splitlines() if "=" in line]

    def __getitem__(self, key):
        return next((value for name, value in self.lines if name == key), None)

    def all(self, key):
        return [value for name, value in self.lines if name == key]

    def warnings(self):
        return [line for line in self.err.splitlines() if line.startswith("warning: ")]


class Site:
    """A host's directories and the tool that resolves in them."""

    def __init__(self, top, tool):
        self.top = top
        self.tool = tool
        self.sources = top / "etc/vzroot/sources.d"
        self.keys = top / "etc/vzroot/keys"
        self.host = top / "vz/template/cache"
        for path in (self.sources, self.keys, self.host):
            path.mkdir(parents=True)
        self.tree = top / "srv"
        self.tree.mkdir()

    def run(self, *args):
        run = subprocess.run([str(self.tool), "--root", str(self.top), "--arch", "x86_64",
                              *map(str, args)], capture_output=True, text=True, check=False,
                             timeout=120, env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8",
                                               "GNUPGHOME": "/nonexistent"})
        assert "ERROR: " not in run.stderr and "runtime error" not in run.stderr, run.stderr
        return Result(run)

    def ok(self, *args):
        result = self.run(*args)
        assert result.code == 0, result.err
        return result

    def refused(self, code, *parts, args=("fetch", NAME)):
        """This error with these parts in its message, and no bytes in the cache."""
        result = self.run(*args)
        assert result.code == 1, result.out + result.err
        last = result.err.splitlines()[-1]
        assert last.startswith(f"error {code} "), result.err
        for part in parts:
            assert part in last, result.err
        assert self.blobs() == []
        return result

    def blobs(self):
        return sorted(p.name for p in (self.top / "cache").rglob("blobs/sha256/*/*"))

    def source(self, name="s", **keys):
        values = {"kind": "directory", "url": "file:///srv", "trust": "checksum", **keys}
        text = "".join(f'{key}="{value}"\n' for key, value in values.items())
        (self.sources / f"{name}.conf").write_text(text)

    def put(self, files=None, signature=None, name="SHA256SUMS", suffix="asc"):
        """Archives with their sums, signed by @signature(bytes), in the tree."""
        files = files if files is not None else {f"{NAME}.tar.gz": ONE}
        for file, data in files.items():
            (self.tree / file).write_bytes(data)
        text = sums(files)
        (self.tree / name).write_bytes(text)
        if signature:
            (self.tree / f"{name}.{suffix}").write_bytes(signature(text))
        return text

    def signed_source(self, ring, *pins, name="s", armor=False, **keys):
        (self.keys / f"{name}.gpg").write_bytes(ring.export(armor=armor))
        self.source(name, trust="signature", keyring=f"{name}.gpg",
                    fingerprints=" ".join(pins), **keys)


@pytest.fixture(scope="session")
def catalogue_tool(vzroot_path):
    path = pathlib.Path(vzroot_path).parent.parent / "tests" / "catalogue"
    if not path.exists():
        pytest.fail(f"{path} is not there: build with -Dtests=true")
    return path


@pytest.fixture
def site(catalogue_tool):
    # Not below pytest's own directory: that one is writable by its group on some hosts.
    top = pathlib.Path(tempfile.mkdtemp(prefix="vzr-cat-"))
    os.umask(0o022)
    yield Site(top, catalogue_tool)
    shutil.rmtree(top)


@pytest.fixture(scope="module")
def ring():
    made = KeyRing()
    made.good = made.make("good")
    made.other = made.make("other")
    yield made
    made.close()


@pytest.fixture
def own_ring():
    """A key ring that the test may spoil."""
    made = KeyRing()
    yield made
    made.close()
