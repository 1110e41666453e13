# SPDX-License-Identifier: LGPL-2.1-or-later
"""Unpacking and cloning under ThreadSanitizer, which ends a process that has a race."""
import os
import pathlib
import shutil
import subprocess

import pytest

import tarball as t
import tree

ENVIRONMENT = {**os.environ, "TSAN_OPTIONS": "exitcode=66:halt_on_error=1"}


@pytest.fixture(scope="session")
def tsan_dir(request):
    path = request.config.getoption("--tsan")
    if not path:
        pytest.skip("no --tsan build directory (ThreadSanitizer) was named")
    return pathlib.Path(path).resolve()


def run(*command):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, check=False,
                          env=ENVIRONMENT, timeout=300)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-6000:]


@pytest.fixture
def archive(tmp_path):
    """Files of all sizes, replaced, linked, with attributes, in many directories."""
    members = []
    for i in range(400):
        members += [t.directory(b"d%d" % i, mtime=i),
                    t.pax([("SCHILY.xattr.user.n", str(i))]),
                    t.member(b"d%d/f" % i, b"x" * (i * 700), uid=i, mtime=i),
                    t.hardlink(b"d%d/h" % i, b"d%d/f" % i),
                    t.symlink(b"d%d/l" % i, b"f"), t.member(b"same", b"%d" % i)]
    path = tmp_path / "archive.tar.gz"
    path.write_bytes(t.COMPRESS["gzip"](t.tar(*members)))
    return path


@pytest.mark.parametrize("writers", [1, 2, 8])
def test_unpack(tsan_dir, archive, tmp_path, as_root, writers):
    target = tmp_path / "tree"
    target.mkdir(mode=0o700)
    run(tsan_dir / "tests/unpack", "--quiet", "--writers", writers, archive, target)
    assert (target / "same").read_bytes() == b"399"


@pytest.mark.parametrize("compression", ["xz", "zstd", "bzip2"])
def test_decoders(tsan_dir, tmp_path, as_root, compression):
    path = tmp_path / "archive"
    content = os.urandom(3 << 20)
    path.write_bytes(t.COMPRESS[compression](t.tar(t.member(b"f", content))))
    if compression == "xz":
        plain = tmp_path / "plain"
        plain.write_bytes(t.tar(t.member(b"f", content)))
        path.write_bytes(subprocess.run(["xz", "-c", "-T2", "--block-size=300KiB", str(plain)],
                                        capture_output=True, check=True).stdout)
    target = tmp_path / "tree"
    target.mkdir(mode=0o700)
    run(tsan_dir / "tests/unpack", "--quiet", "--writers", 4, path, target)
    assert (target / "f").read_bytes() == content


@pytest.mark.parametrize("writers", [2, 8])
def test_clone(tsan_dir, archive, tmp_path, as_root, writers):
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir(mode=0o700)
    target.mkdir(mode=0o700)
    run(tsan_dir / "tests/unpack", "--quiet", archive, source)
    run(tsan_dir / "tests/clone", source, target, "copy", writers)
    assert tree.difference(tree.listing(source), tree.listing(target)) == []
    shutil.rmtree(target)
