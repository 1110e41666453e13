# SPDX-License-Identifier: LGPL-2.1-or-later
"""Whom the catalogue believes: signatures, pinned keys, checksums, and sources without any."""
import os
import shutil

import pytest

from catalogue_site import (  # noqa: F401
    NAME, ONE, TWO, catalogue_tool, own_ring, ring, sha256, site, sums)
from hostile_http import HostileServer


# ---- trust: signatures (the cases D01 to D17 of the field's history)

def test_signed(site, ring):
    site.put(signature=lambda t: ring.sign(t, ring.good))
    site.signed_source(ring, ring.good)
    got = site.ok("fetch", NAME)
    assert ring.good in got["trust"] and got["trust"].startswith("signed on ")
    assert got["record-trust"] == got["trust"]
    assert not got.warnings()


@pytest.mark.parametrize("suffix, armor, keys_armored", [
    ("asc", True, True), ("gpg", False, False), ("gpg", True, False), ("sign", False, True)])
def test_forms_of_signature_and_keyring(site, ring, suffix, armor, keys_armored):
    site.put(signature=lambda t: ring.sign(t, ring.good, armor=armor), suffix=suffix)
    site.signed_source(ring, ring.good, armor=keys_armored)
    site.ok("fetch", NAME)


def test_unsigned(site, ring):
    site.put()
    site.signed_source(ring, ring.good)
    site.refused("bad-signature", "SHA256SUMS is not signed")


def test_empty_signature(site, ring):
    site.put(signature=lambda t: b"")
    site.signed_source(ring, ring.good)
    site.refused("bad-signature", "signature of SHA256SUMS is empty")


def test_garbage_signature(site, ring):
    site.put(signature=lambda t: b"hello\n" * 10)
    site.signed_source(ring, ring.good)
    site.refused("bad-signature", "holds no signature")


def test_changed_index(site, ring):
    site.put(signature=lambda t: ring.sign(t + b"x", ring.good))
    site.signed_source(ring, ring.good)
    site.refused("bad-signature", "bad signature: SHA256SUMS is not what key")


def test_unknown_key(site, ring, own_ring):
    stranger = own_ring.make("stranger")
    site.put(signature=lambda t: own_ring.sign(t, stranger))
    site.signed_source(ring, ring.good)
    site.refused("bad-signature", "unknown key", stranger[-16:])


def test_not_pinned(site, ring):
    site.put(signature=lambda t: ring.sign(t, ring.other))
    site.signed_source(ring, ring.good)
    site.refused("bad-signature", "not pinned", ring.other)


def test_expired_key(site, own_ring):
    key = own_ring.make("old", expires="30d", time="20200101T000000")
    site.put(signature=lambda t: own_ring.sign(t, key, time="20200102T000000"))
    (site.keys / "s.gpg").write_bytes(own_ring.gpg("--export", key, time="20200102T000000"))
    site.source(trust="signature", keyring="s.gpg", fingerprints=key)
    site.refused("bad-signature", "has expired", key[-16:])


def test_revoked_key(site, own_ring):
    key = own_ring.make("gone")
    site.put(signature=lambda t: own_ring.sign(t, key))
    own_ring.revoke(key)
    site.signed_source(own_ring, key)
    site.refused("bad-signature", "is revoked", key[-16:])


def test_expired_signature(site, own_ring):
    key = own_ring.make("brief", time="20200101T000000")
    site.put(signature=lambda t: own_ring.sign(t, key, time="20200102T000000",
                                               extra=("--default-sig-expire", "1d")))
    site.signed_source(own_ring, key)
    site.refused("bad-signature", "signature of SHA256SUMS by key", "has expired")


def test_signature_from_the_future(site, ring):
    site.put(signature=lambda t: ring.sign(t, ring.good, time="20400101T000000"))
    site.signed_source(ring, ring.good)
    site.refused("bad-signature", "from the future", "check the system clock")


def test_weak_digest(site, ring, own_ring):
    key = own_ring.make("weak", algorithm="rsa2048")
    site.put(signature=lambda t: own_ring.sign(t, key, extra=("--digest-algo", "SHA1")))
    site.signed_source(own_ring, key)
    site.refused("bad-signature", "SHA-1 digest", "weak_digests=yes")
    site.signed_source(own_ring, key, weak_digests="yes")
    for _ in range(2):  # from the source, then from the cache
        got = site.ok("fetch", NAME)
        assert "weak_digests=yes" in got["trust"]
        assert any("forgeable SHA-1" in line for line in got.warnings())


def test_two_signatures(site, ring, own_ring):
    stranger = own_ring.make("stranger")
    site.put(signature=lambda t: ring.sign(t, ring.good, armor=False) +
             own_ring.sign(t, stranger, armor=False))
    site.signed_source(ring, ring.good)
    site.refused("bad-signature", "carries 2 signatures")


def test_inline_signed_instead_of_detached(site, ring):
    site.put(signature=lambda t: ring.gpg("-u", ring.good, "--sign", data=b"another text"))
    site.signed_source(ring, ring.good)
    site.refused("bad-signature", "SHA256SUMS")


def test_clear_signed(site, ring):
    text = sums({f"{NAME}.tar.gz": ONE})
    clear = b"forged  line\n" + ring.gpg("-u", ring.good, "--clear-sign", data=text)
    for content in (clear, clear[len(b"forged  line\n"):]):
        (site.tree / "SHA256SUMS").write_bytes(content)
        (site.tree / "SHA256SUMS.asc").write_bytes(content)
        site.signed_source(ring, ring.good)
        site.refused("bad-signature", "SHA256SUMS")
    # With a good detached signature over it, it is refused as a format.
    clear = clear[len(b"forged  line\n"):]
    (site.tree / "SHA256SUMS").write_bytes(clear)
    (site.tree / "SHA256SUMS.asc").write_bytes(ring.sign(clear, ring.good))
    site.refused("not-trusted", "clear-signed")


def test_pinned_sub_key(site, own_ring):
    key = own_ring.make("main")
    sub = own_ring.add_subkey(key)
    site.put(signature=lambda t: own_ring.sign(t, sub))
    for pin in (sub, key):
        site.signed_source(own_ring, pin)
        assert key in site.ok("--refresh", "resolve", NAME)["trust"]


def test_keyring_games(site, ring, as_root):
    site.put(signature=lambda t: ring.sign(t, ring.good))
    site.signed_source(ring, ring.good)
    keyring = site.keys / "s.gpg"
    keyring.chmod(0o666)
    site.refused("bad-config", "s.gpg can be changed by others")
    keyring.unlink()
    site.refused("not-trusted", "keyring /etc/vzroot/keys/s.gpg of source s is missing")
    keyring.mkdir()
    site.refused("bad-config", "not a regular file")
    keyring.rmdir()
    os.mkfifo(keyring, 0o600)
    site.refused("bad-config", "not a regular file")
    keyring.unlink()
    keyring.write_text("-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n!!!!\n")
    site.refused("bad-input", "broken OpenPGP armor")


def test_nothing_pinned(site, ring):
    site.put(signature=lambda t: ring.sign(t, ring.good))
    site.source(trust="signature", keyring="s.gpg", fingerprints="")
    site.refused("not-trusted", "no fingerprints= is set in /etc/vzroot/sources.d/s.conf")
    site.source(trust="signature")
    site.refused("not-trusted", "no keyring= is set")


def test_rollback(site, own_ring):
    key = own_ring.make("k", time="20220101T000000")
    site.signed_source(own_ring, key)

    def publish(data, when):
        site.put({f"{NAME}.tar.gz": data}, signature=lambda t: own_ring.sign(t, key, time=when))

    publish(TWO, "20240101T000000")
    site.ok("resolve", NAME)
    publish(ONE, "20230101T000000")
    site.refused("not-trusted", "signed on 2023-01-01", "2024-01-01T00:00:00Z was seen before",
                 "allow_rollback=yes")
    site.signed_source(own_ring, key, allow_rollback="yes")
    got = site.ok("resolve", NAME)
    assert any("accepted because of allow_rollback=yes" in line for line in got.warnings())
    # That did not lower the guard.
    site.signed_source(own_ring, key)
    site.refused("not-trusted", "2024-01-01T00:00:00Z was seen before")
    publish(ONE, "20240101T000001")
    site.ok("fetch", NAME)


def test_wrong_bytes(site, ring):
    """A good index, the bytes of another version."""
    site.put(signature=lambda t: ring.sign(t, ring.good))
    (site.tree / f"{NAME}.tar.gz").write_bytes(TWO)
    site.signed_source(ring, ring.good)
    site.refused("wrong-digest", NAME)


def test_best_before(site):
    empty = sha256(b"")
    text = site.put()
    site.source()
    (site.tree / "SHA256SUMS").write_bytes(f"{empty}  BEST-BEFORE-2020-01-01\n".encode() + text)
    site.refused("not-trusted", "expired on 2020-01-02")
    (site.tree / "SHA256SUMS").write_bytes(f"{empty}  BEST-BEFORE-2099-01-01\n".encode() + text)
    site.ok("fetch", NAME)


def test_sizes(site, ring):
    site.put(signature=lambda t: ring.sign(t, ring.good))
    site.signed_source(ring, ring.good)
    (site.tree / "SHA256SUMS.asc").write_bytes(b"x" * (65 << 10))
    site.refused("bad-signature", "too large for a signature")
    (site.tree / "SHA256SUMS").write_bytes(b"#" * 100 + b"\n" + b"# x\n" * (300 << 10))
    site.refused("limit-exceeded", "SHA256SUMS")


# ---- trust without signatures

def test_plain_http_needs_a_word(site):
    with HostileServer() as server:
        server.put(f"/{NAME}.tar.gz", ONE)
        server.put("/SHA256SUMS", sums({f"{NAME}.tar.gz": ONE}))
        site.source(url=server.url(""), trust="checksum")
        site.refused("not-trusted", "unsigned checksums over plain http", "trust=none")
        assert server.count() == 0
        site.source(url=server.url(""), trust="none")
        for _ in range(2):
            got = site.ok("fetch", NAME)
            assert "trust=none in /etc/vzroot/sources.d/s.conf" in got["trust"]
            assert any("nothing proves" in line for line in got.warnings())


def test_no_trust_and_no_sums(site):
    (site.tree / f"{NAME}.tar.xz").write_bytes(ONE)
    site.source(trust="none")
    got = site.ok("fetch", NAME)
    assert got["digest"] is None
    assert got["record-location"] == f"file:///srv/{NAME}.tar.xz"
    site.source(trust="checksum")
    shutil.rmtree(site.top / "cache")
    site.refused("not-found", NAME)
