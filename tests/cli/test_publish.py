# SPDX-License-Identifier: LGPL-2.1-or-later
"""template pull --publish: where vzctl finds it, and nothing else in its place."""
import io
import lzma
import tarfile

import pytest


@pytest.fixture
def archive():
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name in ("etc", "sbin"):
            info = tarfile.TarInfo(name)
            info.type, info.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(info)
    return out.getvalue()


@pytest.fixture
def publish(run, root, archive, tmp_path):
    """Imports the archive as "small" in xz and publishes it."""
    def call():
        path = tmp_path / "small.tar.xz"
        path.write_bytes(lzma.compress(archive))
        run("--root", root, "template", "import", path, "--name", "small").works()
        return run("--root", root, "template", "pull", "--publish", "small")
    return call


def names(cache):
    return sorted(p.name for p in cache.iterdir())


def test_vzctl_finds_it(publish, run, root, tmp_path):
    cache = root / "vz/template/cache"
    publish().works()
    assert names(cache) == ["small.tar.xz"]
    assert (cache / "small.tar.xz").read_bytes() == (tmp_path / "small.tar.xz").read_bytes()
    run("--root", root, "template", "remove", "small").works()
    assert "host" in run("--root", root, "template", "show", "small").works().out


def test_nothing_that_vzctl_prefers_stands_before_it(publish, root):
    cache = root / "vz/template/cache"
    cache.mkdir(parents=True)
    (cache / "small.tar.gz").write_bytes(b"older")
    publish().fails(1, "/vz/template/cache/small.tar.gz", "remove it first")
    assert names(cache) == ["small.tar.gz"]


def test_directory_of_everybody(publish, root):
    cache = root / "vz/template/cache"
    cache.mkdir(parents=True)
    cache.chmod(0o777)
    publish().fails(4, "/vz/template/cache can be changed by others")
    assert names(cache) == []


def test_what_a_killed_run_left(publish, run, root):
    cache = root / "vz/template/cache"
    publish().works()
    for command in (["recover"], ["template", "pull", "--publish", "small"]):
        (cache / ".other.tar.gz.vzroot-tmp").write_bytes(b"half")
        run("--root", root, *command).works()
        assert names(cache) == ["small.tar.xz"]


def test_cached_under_a_policy_that_was_given_up(run, root, archive):
    """What came without proof is not taken any more once the source's file asks for one."""
    source = root / "etc/vzroot/sources.d/a.conf"
    folder = root / "srv"
    source.parent.mkdir(parents=True)
    folder.mkdir()
    (folder / "small.tar").write_bytes(archive)
    (folder / "SHA256SUMS").write_text("")
    source.write_text('kind="openvz"\nurl="file:///srv"\ntrust="none"\n')
    outcome = run("--root", root, "template", "pull", "small").works()
    assert "nothing proves these bytes genuine" in outcome.err
    source.write_text('kind="openvz"\nurl="file:///srv"\ntrust="signature"\n'
                      f'keyring="k"\nfingerprints="{"A" * 40}"\n')
    outcome = run("--root", root, "template", "pull", "small")
    assert outcome.code in (3, 4), outcome.err
    assert "small in the cache is not used: trust=none" in outcome.err
