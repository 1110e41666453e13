# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the tests of downloads share: a cache in a directory, the tool that fills it, servers."""
import hashlib
import pathlib
import random
import subprocess

import pytest

from hostile_http import CertificateAuthority, HostileServer

DATA = random.Random(7).randbytes(3 << 20)
HEX = hashlib.sha256(DATA).hexdigest()
HEX512 = hashlib.sha512(DATA).hexdigest()
SIZE = str(len(DATA))


class Cache:
    """A root directory with a store in it, and the tool that fills it."""

    def __init__(self, root, tool):
        self.root = root
        self.store = root / "cache"
        self.tool = tool
        self.env = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}

    def command(self, *args):
        return [str(self.tool), "--root", str(self.root), "--store", "/cache", *map(str, args)]

    def run(self, *args, timeout=60):
        return subprocess.run(self.command(*args), capture_output=True, text=True, check=False,
                              timeout=timeout, env=self.env)

    def start(self, *args):
        return subprocess.Popen(self.command(*args), stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True, env=self.env)

    def files(self, where=""):
        return sorted(str(p.relative_to(self.store)) for p in (self.store / where).rglob("*")
                      if not p.is_dir() and p.name != "lock")

    def blob(self, digest=HEX):
        return self.store / "blobs" / "sha256" / digest[:2] / digest

    def got(self, *args, digest=HEX, cached=False, **kwargs):
        """Runs it: success, the digest, the bytes, and nothing else in the store."""
        run = self.run(*args, **kwargs)
        assert run.returncode == 0, run.stderr
        assert run.stdout == f"sha256:{digest}{' cached' if cached else ''}\n"
        blob = self.blob(digest)
        assert hashlib.sha256(blob.read_bytes()).hexdigest() == digest
        assert blob.stat().st_mode & 0o7777 == 0o444
        assert self.files("partial") == []
        return run

    def refused(self, code, *parts, args=(), partial=None):
        """Runs it: this error code, these parts of its message, and no blob."""
        run = self.run(*args)
        lines = run.stderr.splitlines()
        assert run.returncode == 1, run.stderr
        assert lines[-1].startswith(f"error {code}: "), run.stderr
        for part in parts:
            assert part in lines[-1], run.stderr
        assert not any("ERROR: " in line or "runtime error" in line for line in lines)
        assert self.files("blobs") == []
        if partial is not None:
            assert bool(self.files("partial")) == partial, self.files("partial")
        return run


@pytest.fixture(scope="session")
def fetch_tool(vzroot_path):
    path = pathlib.Path(vzroot_path).parent.parent / "tests" / "fetch"
    if not path.exists():
        pytest.fail(f"{path} is not there: build with -Dtests=true")
    return path


@pytest.fixture
def cache(tmp_path, fetch_tool):
    root = tmp_path / "root"
    root.mkdir()
    return Cache(root, fetch_tool)


@pytest.fixture
def server():
    with HostileServer() as s:
        yield s


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return CertificateAuthority(tmp_path_factory.mktemp("ca"))
