# SPDX-License-Identifier: LGPL-2.1-or-later
"""Appliance indexes of Proxmox and TurnKey: the real one, and signed ones of our own."""
import gzip
import hashlib

import pytest

from catalogue_site import catalogue_tool, own_ring, ring, site  # noqa: F401
from hostile_http import HostileServer

ONE = b"the first archive" * 100
TWO = b"the second archive" * 100
NAME = "debian-13-amd64-standard"


def record(version, data, package="debian-13-standard"):
    return (f"Package: {package}\nVersion: {version}\nType: lxc\nOS: debian-13\n"
            f"Section: system\nArchitecture: amd64\n"
            f"Location: system/{package}_{version}_amd64.tar.zst\n"
            f"md5sum: {hashlib.md5(data).hexdigest()}\n"
            f"sha512sum: {hashlib.sha512(data).hexdigest()}\nInfopage: https://example.org\n"
            f"Description: Debian\n A small system.\n\n").encode()


@pytest.fixture
def pve(site, ring):  # noqa: F811
    """A signed index with two builds, as .gz, and what it lists."""
    text = record("13.6-1", ONE) + record("13.10-1", TWO)
    (site.tree / "system").mkdir()
    (site.tree / "system/debian-13-standard_13.6-1_amd64.tar.zst").write_bytes(ONE)
    (site.tree / "system/debian-13-standard_13.10-1_amd64.tar.zst").write_bytes(TWO)
    (site.tree / "aplinfo-pve-9.dat.gz").write_bytes(gzip.compress(text))
    (site.tree / "aplinfo-pve-9.dat.asc").write_bytes(ring.sign(text, ring.good))
    site.signed_source(ring, ring.good, kind="aplinfo", index="aplinfo-pve-9.dat")
    return site


def test_signed_over_what_is_compressed(pve, ring):  # noqa: F811
    got = pve.ok("fetch", NAME)
    assert got["sha256"] == "sha256:" + hashlib.sha256(TWO).hexdigest() or \
        hashlib.sha256(TWO).hexdigest() in pve.blobs()
    assert ring.good in got["trust"]


def test_the_name_of_a_build(pve):
    pve.ok("fetch", "debian-13-standard_13.6-1_amd64")
    assert pve.blobs() == [hashlib.sha256(ONE).hexdigest()]


def test_parts_of_a_name(pve):
    pve.ok("fetch", "debian-13")
    assert pve.blobs() == [hashlib.sha256(TWO).hexdigest()]


def test_a_changed_index_is_refused(pve):
    text = record("13.6-1", ONE) + record("13.10-1", ONE)
    (pve.tree / "aplinfo-pve-9.dat.gz").write_bytes(gzip.compress(text))
    pve.refused("bad-signature", "aplinfo-pve-9.dat is not what key", args=("fetch", NAME))


def test_other_bytes_than_the_index_says(pve):
    (pve.tree / "system/debian-13-standard_13.10-1_amd64.tar.zst").write_bytes(ONE)
    pve.refused("wrong-digest", NAME, args=("fetch", NAME))


def test_without_a_signature(pve):
    (pve.tree / "aplinfo-pve-9.dat.asc").unlink()
    pve.refused("bad-signature", "is not signed", args=("fetch", NAME))


def test_damaged_compression(pve):
    data = (pve.tree / "aplinfo-pve-9.dat.gz").read_bytes()
    (pve.tree / "aplinfo-pve-9.dat.gz").write_bytes(data[:-5])
    pve.refused("bad-input", "aplinfo-pve-9.dat.gz", "damaged or cut off", args=("fetch", NAME))


def test_a_bomb(pve):
    (pve.tree / "aplinfo-pve-9.dat.gz").write_bytes(gzip.compress(bytes(100 << 20)))
    pve.refused("limit-exceeded", "unpacks to more than", args=("fetch", NAME))


def test_not_compressed(pve, ring):  # noqa: F811
    text = record("13.6-1", ONE)
    (pve.tree / "aplinfo-pve-9.dat.gz").unlink()
    (pve.tree / "aplinfo-pve-9.dat").write_bytes(text)
    (pve.tree / "aplinfo-pve-9.dat.asc").write_bytes(ring.sign(text, ring.good))
    pve.ok("fetch", NAME)


def test_offline_from_what_was_stored(site, ring):  # noqa: F811
    text = record("13.6-1", ONE)
    with HostileServer() as server:
        server.put("/aplinfo.dat.gz", gzip.compress(text))
        server.put("/aplinfo.dat.asc", ring.sign(text, ring.good))
        site.signed_source(ring, ring.good, kind="aplinfo", url=server.url("/"))
        site.ok("resolve", NAME)
    result = site.ok("resolve", NAME)
    assert any("stored" in line for line in result.warnings())


def test_the_real_index(site, data_dir):  # noqa: F811
    """Every template of it resolves by its file's name, and most by parts of the name."""
    index = (data_dir / "aplinfo/aplinfo.dat").read_bytes()
    (site.tree / "aplinfo.dat").write_bytes(index)
    site.source(kind="aplinfo", trust="checksum")
    listed = [line.split(b"/")[-1].decode() for line in index.splitlines()
              if line.startswith(b"Location:")]
    assert len(listed) == 25
    for file in listed:
        name = file[:file.index(".tar")]
        got = site.ok("resolve", name)
        assert got["location"].endswith(file), got.out
    for short, file in (("debian-13", "debian-13-standard_"), ("alpine", "alpine-3.2"),
                        ("ubuntu-24.04", "ubuntu-24.04-standard_")):
        assert f"/system/{file}" in site.ok("resolve", short)["location"]
