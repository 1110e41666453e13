# SPDX-License-Identifier: LGPL-2.1-or-later
"""
What other template downloaders do wrong on a failed download, by the number of the defect in the
list of them: a refused file that is used the next time (4), lists and signatures left in shared
directories (6), a stored index that a bad one replaces (12).
"""
import hashlib

import pytest

from catalogue_site import NAME, ONE, TWO, catalogue_tool, ring, site  # noqa: F401


@pytest.fixture
def signed(site, ring):  # noqa: F811
    site.put(signature=lambda text: ring.sign(text, ring.good))
    site.signed_source(ring, ring.good)
    return site


def digest(data):
    return hashlib.sha256(data).hexdigest()


def files_below(path):
    return sorted(p for p in path.rglob("*") if p.is_file())


def test_04_refused_bytes_are_not_used_the_next_time(signed):
    (signed.tree / f"{NAME}.tar.gz").write_bytes(TWO)
    signed.refused("wrong-digest", NAME)
    signed.refused("wrong-digest", NAME)
    found = files_below(signed.top / "cache")
    assert not [path for path in found if TWO in path.read_bytes()]
    (signed.tree / f"{NAME}.tar.gz").write_bytes(ONE)
    signed.ok("fetch", NAME)
    assert signed.blobs() == [digest(ONE)]


def test_06_nothing_outside_the_cache(signed, tmp_path, monkeypatch):
    """Neither in the working directory nor beside the templates or the configuration."""
    monkeypatch.chdir(tmp_path)
    cache = signed.top / "cache"
    before = files_below(signed.top)
    signed.ok("fetch", NAME)
    new = [path for path in files_below(signed.top) if path not in before]
    assert new and all(cache in path.parents for path in new)
    assert not list(tmp_path.iterdir())


def test_12_a_refused_index_does_not_replace_the_stored_one(signed):
    signed.ok("resolve", NAME)
    before = {path: path.read_bytes() for path in files_below(signed.top / "cache")}
    assert any(digest(ONE).encode() in data for data in before.values())
    sums = signed.tree / "SHA256SUMS"
    sums.write_bytes(sums.read_bytes()[:20])
    signed.refused("bad-signature", "SHA256SUMS")
    assert all(path.read_bytes() == data for path, data in before.items())
