# SPDX-License-Identifier: LGPL-2.1-or-later
"""Simplestreams trees: as images.linuxcontainers.org has them, and signed ones."""
import hashlib
import json

import pytest

from catalogue_site import catalogue_tool, own_ring, ring, site  # noqa: F401
from hostile_http import HostileServer

ONE = b"the first archive" * 100
TWO = b"the second archive" * 100
PRODUCTS = "streams/v1/images.json"
NEW, OLD = "Tue, 15 Sep 2026 16:15:24 +0000", "Mon, 14 Sep 2026 16:15:24 +0000"


def product(versions, distro="debian", version="12", code="bookworm", arch="amd64"):
    items = {serial: {"items": {"root.tar.xz": {
        "ftype": "root.tar.xz", "path": f"images/{distro}/{code}/{arch}/{serial}/rootfs.tar.xz",
        "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}}}
        for serial, data in versions.items()}
    return {"aliases": f"{distro}/{code}/default,{distro}/{code},{distro}/{version}/default,"
                       f"{distro}/{version}",
            "arch": arch, "os": distro, "release": code, "variant": "default", "versions": items}


def documents(products, updated=NEW):
    index = {"format": "index:1.0", "index": {"images": {
        "datatype": "image-downloads", "path": PRODUCTS, "format": "products:1.0"}}}
    found = {"format": "products:1.0", "updated": updated, "products": products}
    return json.dumps(index).encode(), json.dumps(found).encode()


def put(site, products, updated=NEW, sign=None):  # noqa: F811
    index, text = documents(products, updated)
    (site.tree / "streams/v1").mkdir(parents=True, exist_ok=True)
    (site.tree / "streams/v1/index.json").write_bytes(index)
    (site.tree / PRODUCTS).write_bytes(text)
    if sign:
        (site.tree / f"{PRODUCTS}.gpg").write_bytes(sign(text))
    for one in products.values():
        for version in one["versions"].values():
            path = site.tree / version["items"]["root.tar.xz"]["path"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(ONE if len(ONE) == version["items"]["root.tar.xz"]["size"] else TWO)


@pytest.fixture
def images(site):  # noqa: F811
    put(site, {"debian:bookworm:amd64:default": product({"20260910_05:24": ONE,
                                                         "20260911_05:24": TWO}),
               "debian:bookworm:arm64:default": product({"20260911_05:24": ONE}, arch="arm64")})
    site.source(kind="simplestreams")
    return site


@pytest.mark.parametrize("name", ["debian-12-amd64-default", "debian-12-amd64", "debian-12",
                                  "debian-bookworm-amd64", "debian"])
def test_names(images, name):
    """The newest build of the native architecture, by any of its names."""
    images.ok("fetch", name)
    assert images.blobs() == [hashlib.sha256(TWO).hexdigest()]


def test_another_architecture(images):
    images.ok("fetch", "debian-12-arm64")
    assert images.blobs() == [hashlib.sha256(ONE).hexdigest()]


def test_other_bytes_than_the_index_says(images):
    for path in (images.tree / "images").rglob("rootfs.tar.xz"):
        path.write_bytes(b"x" * path.stat().st_size)
    images.refused("wrong-digest", "debian-12-amd64", args=("fetch", "debian-12-amd64"))


def test_an_older_index_is_refused(images):
    images.ok("resolve", "debian-12-amd64")
    put(images, {"debian:bookworm:amd64:default": product({"20260910_05:24": ONE})}, OLD)
    images.refused("not-trusted", "is of 2026-09-14", "2026-09-15", "serves old data",
                   args=("fetch", "debian-12-amd64"))
    images.source(kind="simplestreams", allow_rollback="yes")
    images.ok("fetch", "debian-12-amd64")


def test_signed_products(site, ring):  # noqa: F811
    put(site, {"d": product({"20260911": ONE})},
        sign=lambda text: ring.sign(text, ring.good, armor=False))
    site.signed_source(ring, ring.good, kind="simplestreams")
    got = site.ok("fetch", "debian-12-amd64")
    assert ring.good in got["trust"]


def test_unsigned_products(site, ring):  # noqa: F811
    put(site, {"d": product({"20260911": ONE})})
    site.signed_source(ring, ring.good, kind="simplestreams")
    site.refused("bad-signature", "is not signed", args=("fetch", "debian-12-amd64"))


def test_changed_products(site, ring):  # noqa: F811
    put(site, {"d": product({"20260911": ONE})},
        sign=lambda text: ring.sign(text + b" ", ring.good))
    site.signed_source(ring, ring.good, kind="simplestreams")
    site.refused("bad-signature", "is not what key", args=("fetch", "debian-12-amd64"))


def test_expired_key(site, own_ring):  # noqa: F811
    """Said of the key, not only that the index is bad."""
    key = own_ring.make("old", expires="30d", time="20200101T000000")
    put(site, {"d": product({"20260911": ONE})},
        sign=lambda text: own_ring.sign(text, key, time="20200102T000000"))
    (site.keys / "s.gpg").write_bytes(own_ring.gpg("--export", key, time="20200102T000000"))
    site.source(kind="simplestreams", trust="signature", keyring="s.gpg", fingerprints=key)
    site.refused("bad-signature", "has expired", key[-16:], args=("fetch", "debian-12-amd64"))


def test_offline_from_what_was_stored(site):  # noqa: F811
    index, text = documents({"d": product({"20260911": ONE})})
    with HostileServer() as server:
        server.put("/streams/v1/index.json", index)
        server.put(f"/{PRODUCTS}", text)
        site.source(kind="simplestreams", url=server.url("/"), trust="none")
        site.ok("resolve", "debian-12-amd64")
    result = site.ok("resolve", "debian-12-amd64")
    assert any("stored" in line for line in result.warnings())


def test_an_index_that_leads_out(images):
    index = (images.tree / "streams/v1/index.json")
    index.write_text(index.read_text().replace(PRODUCTS, "../../etc/passwd"))
    images.refused("bad-input", "leads out of its directory", args=("fetch", "debian-12-amd64"))


def test_the_real_tree_has_no_roots(site, data_dir):  # noqa: F811
    """What simplestreams itself shows as an example: read, and nothing in it is for us."""
    for name in ("index.json", "download.json"):
        path = site.tree / "streams/v1" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes((data_dir / "simplestreams/minimal/streams/v1" / name).read_bytes())
    site.source(kind="simplestreams")
    site.refused("not-found", "debian-12", args=("fetch", "debian-12"))
