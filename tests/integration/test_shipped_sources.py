# SPDX-License-Identifier: LGPL-2.1-or-later
"""The source files that are installed: read, each with its reason for trust, and its key right."""
import hashlib
import shutil
import subprocess

import pytest

from catalogue_site import catalogue_tool, site  # noqa: F401

NAMES = ["alpine", "linuxcontainers", "openvz", "proxmox", "turnkey"]
ALPINE = "alpine-minirootfs-3.19.4-x86_64"


def values(path):
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    return {key: value.strip('"') for key, value in (line.split("=", 1) for line in lines)}


def test_all_of_them(source_root):
    folder = source_root / "templates/sources.d"
    assert sorted(p.stem for p in folder.glob("*.conf")) == NAMES


@pytest.mark.parametrize("name", [name for name in NAMES if name != "openvz"])
def test_it_is_read(site, source_root, name):  # noqa: F811
    """A source that made no sense would be refused with its line."""
    path = source_root / f"templates/sources.d/{name}.conf"
    conf = values(path)
    text = path.read_text().replace('enabled="no"', 'enabled="yes"')
    # No network here: nothing is asked of anybody.
    for url in conf["url"].split():
        text = text.replace(url, url.split("://")[0] + "://127.0.0.1:9")
    (site.sources / f"{name}.conf").write_text(text)
    shutil.copytree(source_root / "templates/keys", site.keys, dirs_exist_ok=True)
    site.refused("network", args=("resolve", f"{name}:debian-12-amd64"))


@pytest.mark.parametrize("name", NAMES)
def test_its_trust(source_root, name):
    conf = values(source_root / f"templates/sources.d/{name}.conf")
    key = source_root / "templates/keys" / conf.get("keyring", "none")
    if conf["trust"] in ("tls", "checksum"):
        assert conf["url"].startswith("https://")
        return
    assert conf["trust"] == "signature"
    # A key that is not here keeps the source disabled.
    assert key.exists() or conf.get("enabled") == "no"
    if key.exists():
        out = subprocess.run(["gpg", "--show-keys", "--with-colons", str(key)], check=True,
                             capture_output=True, text=True).stdout
        prints = [line.split(":")[9] for line in out.splitlines() if line.startswith("fpr:")]
        assert conf["fingerprints"] in prints


@pytest.fixture
def alpine(site, source_root):  # noqa: F811
    """The shipped source, enabled, of a directory as Alpine has it: F and F.sha256, no index."""
    path = source_root / "templates/sources.d/alpine.conf"
    text = path.read_text().replace('enabled="no"', 'enabled="yes"')
    (site.sources / "alpine.conf").write_text(text.replace(values(path)["url"], "file:///srv"))
    data = b"a root" * 100
    file = site.tree / f"{ALPINE}.tar.gz"
    file.write_bytes(data)
    (site.tree / f"{file.name}.sha256").write_text(
        f"{hashlib.sha256(data).hexdigest()}  {file.name}\n")
    return site


def test_alpine(alpine):
    got = alpine.ok("fetch", ALPINE)
    assert got["source"] == "alpine"
    digest = hashlib.sha256((alpine.tree / f"{ALPINE}.tar.gz").read_bytes()).hexdigest()
    assert got["blob"] == f"sha256:{digest}" and alpine.blobs() == [digest]


def test_alpine_other_bytes(alpine):
    (alpine.tree / f"{ALPINE}.tar.gz").write_bytes(b"b root" * 100)
    alpine.refused("wrong-digest", ALPINE, args=("fetch", ALPINE))


def test_alpine_without_its_checksum(alpine):
    (alpine.tree / f"{ALPINE}.tar.gz.sha256").unlink()
    alpine.refused("not-found", ALPINE, args=("fetch", ALPINE))


def test_alpine_checksum_of_another(alpine):
    """The checksum of one archive proves nothing of another."""
    path = alpine.tree / f"{ALPINE}.tar.gz.sha256"
    path.write_text(path.read_text().replace("3.19.4", "3.19.3"))
    alpine.refused("bad-input", args=("fetch", ALPINE))
