# SPDX-License-Identifier: LGPL-2.1-or-later
"""The catalogue over files and servers: names, source files, and every kind of source."""
import hashlib
import os
import pathlib
import shutil
import subprocess

import pytest

from catalogue_site import (  # noqa: F401
    NAME, ONE, TWO, catalogue_tool, own_ring, ring, sha256, site, sums)
from hostile_http import HostileServer


# ---- names

def test_order_of_resolution(site):
    files = {f"{n}.tar.gz": n.encode() for n in (
        "debian-11-x86_64", "debian-12-x86_64", "debian-12-i386", "ubuntu-24.04.9-x86_64",
        "ubuntu-24.04.10-x86_64", "fedora-core6-i386-minimal", "suse-15-x86_64-a",
        "suse-15-x86_64-b")}
    site.put(files)
    site.source()
    for asked, meant in (("debian", "debian-12-x86_64"), ("debian-11", "debian-11-x86_64"),
                         ("debian-12-i386", "debian-12-i386"),
                         ("debian-12-x86", "debian-12-i386"),
                         ("ubuntu-24.04", "ubuntu-24.04.10-x86_64"),
                         ("s:debian", "debian-12-x86_64"),
                         ("fedora-core6-i386", "fedora-core6-i386-minimal")):
        assert site.ok("resolve", asked)["name"] == meant
    assert site.ok("--arch", "i386", "resolve", "debian")["name"] == "debian-12-i386"
    assert site.ok("--arch", "i686", "resolve", "fedora")["name"] == "fedora-core6-i386-minimal"
    site.refused("ambiguous", "suse-15-x86_64-a, suse-15-x86_64-b", args=("resolve", "suse"))
    site.refused("not-found", "asked: the cache, host, busybox, s", "close to it: debian-11",
                 args=("resolve", "debain-11-x86_64"))
    site.refused("not-found", "there is no source 'x'", args=("resolve", "x:debian"))
    for hostile in ("../etc/passwd", "a b", "-rf", "", "..", "x" * 300, "a$(id)"):
        site.refused("bad-input", "template name", args=("resolve", "--", hostile))


def test_priority_and_disabled(site):
    for name, data in (("a", ONE), ("b", TWO)):
        folder = site.tree / name
        folder.mkdir()
        (folder / "t-1.tar").write_bytes(data)
        (folder / "SHA256SUMS").write_bytes(sums({"t-1.tar": data}))
    site.source("a", url="file:///srv/a")
    site.source("b", url="file:///srv/b", priority=1)
    assert site.ok("resolve", "t-1")["source"] == "b"
    assert site.ok("resolve", "a:t-1")["digest"] == "sha256:" + sha256(ONE)
    site.source("b", url="file:///srv/b", priority=1, enabled="no")
    assert site.ok("resolve", "t-1")["source"] == "a"
    site.refused("not-found", "source 'b' is disabled", args=("resolve", "b:t-1"))


def test_architecture_names_differ(site):
    site.put({"alpine-3-armhf.tar": ONE})
    site.source(arch_names="alpine")
    assert site.ok("--arch", "armv6", "resolve", "alpine")["name"] == "alpine-3-armhf"
    site.refused("not-found", "alpine", args=("--arch", "armv7", "resolve", "alpine"))
    site.source(arch_names="debian")
    assert site.ok("--arch", "armv7", "resolve", "alpine")["name"] == "alpine-3-armhf"


def test_cache_first(site):
    site.put()
    site.source()
    first = site.ok("fetch", NAME)
    assert (first["known"], first["cached"]) == ("no", "no")
    shutil.rmtree(site.tree)
    again = site.ok("fetch", NAME)
    assert (again["known"], again["cached"]) == ("yes", "yes")
    assert again["blob"] == "sha256:" + sha256(ONE)
    # A partial name finds what is cached although the source is gone.
    assert site.ok("resolve", "debian")["name"] == NAME


def test_refresh_replaces(site):
    site.put()
    site.source()
    site.ok("fetch", NAME)
    site.put({f"{NAME}.tar.gz": TWO})
    assert site.ok("fetch", NAME)["blob"] == "sha256:" + sha256(ONE)
    assert site.ok("--refresh", "fetch", NAME)["blob"] == "sha256:" + sha256(TWO)
    assert site.blobs() == [sha256(TWO)]


def test_failed_refresh_keeps_the_good_one(site):
    site.put()
    site.source()
    site.ok("fetch", NAME)
    (site.tree / "SHA256SUMS").write_bytes(sums({f"{NAME}.tar.gz": TWO}))
    result = site.run("--refresh", "fetch", NAME)
    assert result.code == 1 and "error wrong-digest" in result.err
    assert site.ok("fetch", NAME)["blob"] == "sha256:" + sha256(ONE)


# ---- source files

@pytest.mark.parametrize("text, line, part", [
    ('kind="directory"\n', 1, "url= is missing"),
    ('kind="directory"\nurl="file:///srv"\ncolour="red"\n', 3, "no key 'colour'"),
    ('kind="torrent"\nurl="file:///srv"\n', 1, "no kind 'torrent'"),
    ('kind="directory"\nurl="file:///srv"\nkind="openvz"\n', 3, "twice"),
    ('kind="directory"\nurl="file:///srv"\nenabled="$(id)\n', 3, "not closed"),
])
def test_bad_source_file(site, text, line, part):
    (site.sources / "s.conf").write_text(text)
    result = site.run("list")
    assert f"error bad-config {line}: /etc/vzroot/sources.d/s.conf" in result.err
    assert part in result.err


def test_source_file_of_others(site, as_root):
    site.source()
    path = site.sources / "s.conf"
    for change in (lambda: path.chmod(0o664), lambda: path.chmod(0o646),
                   lambda: (path.chmod(0o644), os.chown(path, 1000, 0)),
                   lambda: (os.chown(path, 0, 0), site.sources.chmod(0o777))):
        change()
        site.refused("bad-config", "can be changed by others than root", args=("list",))


def test_file_replaces_built_in(site):
    site.source("busybox", enabled="no")
    site.refused("not-found", "asked: the cache, host", args=("resolve", "busybox-x86_64-minimal"))
    assert "busybox-x86_64-minimal" not in site.ok("list").out


# ---- the directory's dialects

def test_checksum_of_one_file(site, ring):
    file = f"{NAME}.tar.gz"
    (site.tree / file).write_bytes(ONE)
    (site.tree / f"{file}.sha256").write_text(f"{sha256(ONE)} *{file}\n")
    site.source()
    assert site.ok("fetch", NAME)["blob"] == "sha256:" + sha256(ONE)
    shutil.rmtree(site.top / "cache")
    site.signed_source(ring, ring.good)
    site.refused("bad-signature", f"{file}.sha256 is not signed")
    text = (site.tree / f"{file}.sha256").read_bytes()
    (site.tree / f"{file}.sha256.asc").write_bytes(ring.sign(text, ring.good))
    assert ring.good in site.ok("fetch", NAME)["trust"]
    # A signed checksum of another file says nothing about this one.
    (site.tree / "other-1.tar.gz").write_bytes(ONE)
    (site.tree / "other-1.tar.gz.sha256").write_bytes(text)
    (site.tree / "other-1.tar.gz.sha256.asc").write_bytes(ring.sign(text, ring.good))
    result = site.run("fetch", "other-1")
    assert "says nothing about other-1.tar.gz" in result.err


def test_sha512(site):
    file = f"{NAME}.tar.gz"
    (site.tree / file).write_bytes(ONE)
    (site.tree / "SHA512SUMS").write_bytes(sums({file: ONE}, hashlib.sha512))
    site.source()
    assert site.ok("fetch", NAME)["known"] == "no"
    assert site.ok("--refresh", "fetch", NAME)["known"] == "yes"
    (site.tree / file).write_bytes(TWO)
    shutil.rmtree(site.top / "cache")
    site.refused("wrong-digest", NAME)


@pytest.mark.parametrize("line, code, part", [
    ("d41d8cd98f00b204e9800998ecf8427e  a.tar\n", "not-trusted", "MD5"),
    (f"{sha256(ONE)}  ../a.tar\n", "bad-input", "leads out"),
    (f"{sha256(ONE)}  a.tar\n{sha256(TWO)}  a.tar\n", "bad-input", "twice"),
    (f"{sha256(ONE)}  a.tar", "bad-input", "cut off"),
    (f"{sha256(ONE)}  -a.tar\n", "bad-input", "begins with '-'"),
])
def test_hostile_index(site, line, code, part):
    (site.tree / "a.tar").write_bytes(ONE)
    (site.tree / "SHA256SUMS").write_text(line)
    site.source()
    site.refused(code, part, "SHA256SUMS, line" if part != "twice" else "SHA256SUMS",
                 args=("fetch", "a"))


# ---- servers, mirrors, offline

def test_mirrors(site):
    files = {f"{NAME}.tar.gz": ONE}
    with HostileServer() as bad, HostileServer() as good:
        good.put(f"/{NAME}.tar.gz", ONE)
        good.put("/SHA256SUMS", sums(files))
        bad.put("/SHA256SUMS", b"", "status", status=503)
        site.source(url=f"{bad.url('')} {good.url('')}", trust="none")
        got = site.ok("fetch", NAME)
        assert any("trying the next mirror" in line for line in got.warnings())
        assert got["location"].startswith(good.url(""))
        assert got.all("url") == [good.url(f"/{NAME}.tar.gz"), bad.url(f"/{NAME}.tar.gz")]


def test_offline(site, ring):
    files = {f"{NAME}.tar.gz": ONE}
    text = sums(files)
    with HostileServer() as server:
        url = server.url("")
        server.put("/SHA256SUMS", text)
        server.put("/SHA256SUMS.asc", ring.sign(text, ring.good))
        site.signed_source(ring, ring.good, url=url)
        site.ok("resolve", NAME)
    got = site.ok("resolve", NAME)
    assert any("using the index stored 0 hours ago" in line for line in got.warnings())
    assert got["digest"] == "sha256:" + sha256(ONE) and ring.good in got["trust"]
    # What is stored is verified again: here somebody changed it.
    for path in (site.top / "cache/index/s").glob("*.text"):
        path.write_bytes(text.replace(sha256(ONE).encode(), sha256(TWO).encode()))
    site.refused("network", "source s", args=("resolve", NAME))


def test_unreachable(site):
    with HostileServer() as server:
        url = server.url("")
    site.source(url=url, trust="none")
    site.refused("network", "template 'debian-12", "source s", "asked: the cache, host, busybox, s")
    # The others are asked all the same, with a warning.
    got = site.ok("resolve", "busybox")
    assert got["source"] == "busybox"


# ---- OpenVZ's tree

def test_openvz(site, ring):
    (site.tree / "contrib").mkdir()
    (site.tree / ".listing").write_text("centos-6-x86_64\nfedora-core6-i386-minimal\n")
    (site.tree / "contrib/.listing").write_text("oracle-7-x86_64\n")
    for name, data in (("centos-6-x86_64.tar.gz", ONE), ("contrib/oracle-7-x86_64.tar.xz", TWO)):
        (site.tree / name).write_bytes(data)
        (site.tree / f"{name}.asc").write_bytes(ring.sign(data, ring.good))
    site.signed_source(ring, ring.good, kind="openvz", repositories="beta contrib")
    listed = site.ok("--remote", "list").all("name")
    assert {"centos-6-x86_64", "fedora-core6-i386-minimal", "oracle-7-x86_64"} <= set(listed)
    got = site.ok("fetch", "centos")
    assert got["blob"] == "sha256:" + sha256(ONE)
    assert "checked when it is fetched" in got["trust"]
    assert got["record-trust"].startswith("signed on ")
    got = site.ok("fetch", "oracle-7-x86_64")
    assert got["record-location"] == "file:///srv/contrib/oracle-7-x86_64.tar.xz"
    result = site.run("--arch", "i386", "fetch", "fedora-core6")
    assert "error bad-signature" in result.err
    assert "fedora-core6-i386-minimal of source s has no signature" in result.err


def test_openvz_bad_payload(site, ring):
    (site.tree / ".listing").write_text(f"{NAME}\n")
    (site.tree / f"{NAME}.tar.gz").write_bytes(TWO)
    (site.tree / f"{NAME}.tar.gz.asc").write_bytes(ring.sign(ONE, ring.good))
    site.signed_source(ring, ring.good, kind="openvz")
    site.refused("bad-signature", "bad signature")
    assert not list((site.top / "cache").rglob("names/*"))


def test_openvz_without_listing(site, ring):
    (site.tree / f"{NAME}.tar.xz").write_bytes(ONE)
    (site.tree / f"{NAME}.tar.xz.asc").write_bytes(ring.sign(ONE, ring.good))
    site.signed_source(ring, ring.good, kind="openvz")
    assert site.ok("fetch", NAME)["location"] == f"file:///srv/{NAME}.tar.xz"
    site.run("fetch", "absent-1")


def test_openvz_rollback(site, own_ring):
    key = own_ring.make("k", time="20220101T000000")
    (site.tree / ".listing").write_text(f"{NAME}\n")
    site.signed_source(own_ring, key, kind="openvz")

    def publish(data, when):
        (site.tree / f"{NAME}.tar.gz").write_bytes(data)
        (site.tree / f"{NAME}.tar.gz.asc").write_bytes(own_ring.sign(data, key, time=when))

    publish(TWO, "20240101T000000")
    site.ok("fetch", NAME)
    publish(ONE, "20230101T000000")
    result = site.run("--refresh", "fetch", NAME)
    assert "error not-trusted" in result.err and "seen before" in result.err
    assert site.ok("fetch", NAME)["blob"] == "sha256:" + sha256(TWO)


def test_download_conf(site, ring):
    mirror = site.top / "mirror"
    mirror.mkdir()
    (mirror / ".listing").write_text(f"{NAME}\n")
    (mirror / f"{NAME}.tar.xz").write_bytes(ONE)
    (mirror / f"{NAME}.tar.xz.asc").write_bytes(ring.sign(ONE, ring.good))
    (site.top / "etc/vz").mkdir()
    (site.top / "etc/vz/download.conf").write_text(
        'TMPL_REPO_PREFIX="file:///mirror"\nTMPL_SUFFIXES="tar.gz tar.xz"\n'
        'CHECK_TEMPLATE_SIG=no\n')
    site.signed_source(ring, ring.good, kind="openvz", download_conf="yes")
    got = site.ok("fetch", NAME)
    assert got["record-location"] == f"file:///mirror/{NAME}.tar.xz"
    assert any("CHECK_TEMPLATE_SIG=no; signatures are checked" in w for w in got.warnings())
    (mirror / f"{NAME}.tar.xz.asc").unlink()
    shutil.rmtree(site.top / "cache")
    site.refused("bad-signature", "no signature")


def test_shipped_source_is_off(site, source_root):
    shutil.copy(source_root / "templates/sources.d/openvz.conf", site.sources)
    assert site.ok("list").code == 0
    site.refused("not-found", "source 'openvz' is disabled", args=("resolve", "openvz:centos-6"))
    path = site.sources / "openvz.conf"
    path.write_text(path.read_text().replace('enabled="no"', 'enabled="yes"'))
    site.refused("not-trusted", "no fingerprints= is set", args=("resolve", "centos-6-x86_64"))


# ---- the host's own templates

def test_host(site):
    path = site.host / f"{NAME}.tar.gz"
    path.write_bytes(ONE)
    assert site.ok("resolve", NAME)["digest"] is None
    got = site.ok("fetch", NAME)
    assert (got["source"], got["known"]) == ("host", "no")
    assert got["trust"] == "the host's own file, which only root can change"
    assert site.ok("fetch", NAME)["known"] == "yes"
    path.write_bytes(TWO)
    got = site.ok("fetch", NAME)
    assert got["blob"] == "sha256:" + sha256(TWO) and site.blobs() == [sha256(TWO)]
    path.unlink()
    assert site.ok("fetch", NAME)["known"] == "yes"


def test_host_links(site):
    (site.host / f"{NAME}.tar.gz").write_bytes(ONE)
    (site.host / "debian-12.tar.gz").symlink_to(f"{NAME}.tar.gz")
    assert site.ok("fetch", "debian-12")["blob"] == "sha256:" + sha256(ONE)
    (site.top / "elsewhere.tar").write_bytes(TWO)
    (site.host / "evil-1.tar").symlink_to("../../../elsewhere.tar")
    result = site.run("fetch", "evil-1")
    assert "error not-trusted" in result.err and "links out of its directory" in result.err


def test_host_of_others(site, as_root):
    path = site.host / f"{NAME}.tar.gz"
    path.write_bytes(ONE)
    path.chmod(0o666)
    site.refused("not-trusted", "can be changed by others")
    path.chmod(0o644)
    os.chown(path, 1000, 1000)
    site.refused("not-trusted", "can be changed by others")
    os.chown(path, 0, 0)
    site.host.chmod(0o1777)
    site.refused("not-trusted", "/vz/template/cache can be changed by others")
    site.host.chmod(0o755)
    path.unlink()
    os.mkfifo(path)
    site.refused("not-trusted", "not a regular file")


# ---- busybox

def test_busybox(site, tmp_path):
    if not pathlib.Path("/bin/busybox").exists():
        pytest.skip("no /bin/busybox here")
    got = site.ok("fetch", "busybox-x86_64-minimal")
    assert got["location"] == "built in"
    blob = next((site.top / "cache").rglob("blobs/sha256/*/*"))
    listing = subprocess.run(["tar", "tvf", blob], capture_output=True, text=True, check=True)
    assert "etc/inittab" in listing.stdout and "sbin/init -> ../bin/busybox" in listing.stdout
    # The same again, from nothing, on another day.
    digest = got["digest"]
    shutil.rmtree(site.top / "cache")
    assert site.ok("resolve", "busybox")["digest"] == digest
    if os.geteuid() == 0:
        root = tmp_path / "root"
        root.mkdir()
        site.ok("fetch", "busybox")
        blob = next((site.top / "cache").rglob("blobs/sha256/*/*"))
        subprocess.run(["tar", "xpf", blob, "-C", root], check=True)
        run = subprocess.run(["chroot", root, "/bin/sh", "-c",
                              "id -un; awk 'BEGIN { print 6 * 7 }'; ls -ld /tmp"],
                             capture_output=True, text=True, check=True)
        assert run.stdout.startswith("root\n42\ndrwxrwxrwt")


def test_no_busybox(site, tmp_path):
    gone = ("--busybox", tmp_path / "none")
    site.refused("not-found", "install a static busybox",
                 args=(*gone, "resolve", "busybox-x86_64-minimal"))
    site.refused("not-found", "is no ELF program",
                 args=("--busybox", "/etc/passwd", "resolve", "busybox-x86_64-minimal"))
    site.refused("not-found", "busybox-static",
                 args=("--busybox", "/bin/true", "resolve", "busybox-x86_64-minimal"))
    assert not site.run(*gone, "list").warnings()


# ---- real data

def test_real_ubuntu(site, data_dir):
    real = data_dir / "signed-directory"
    site.source(url="file:///srv", trust="signature", keyring="ubuntu.gpg",
                fingerprints="D2EB44626FDDC30B513D5BB71A5D6C4C7DB87C81")
    shutil.copy(real / "keyring.gpg", site.keys / "ubuntu.gpg")
    for name in ("SHA256SUMS", "SHA256SUMS.gpg"):
        shutil.copy(real / name, site.tree)
    ask = ("resolve", "ubuntu-jammy-oci-amd64-root")
    site.refused("bad-signature", "SHA-1", "weak_digests=yes", args=ask)
    conf = site.sources / "s.conf"
    conf.write_text(conf.read_text() + 'weak_digests="yes"\n')
    got = site.ok(*ask)
    assert got["digest"] == \
        "sha256:f0af08f75f78780c8a93f896581de94c134a2b27fcfee8dccd85b9844eb8a9d8"
    assert any("forgeable SHA-1" in line for line in got.warnings())
    assert site.ok("resolve", "ubuntu-jammy")["name"] == "ubuntu-jammy-oci-amd64-root"


def test_real_templates(site, data_dir):
    for path in (data_dir / "templates").iterdir():
        (site.tree / path.name).symlink_to(path) if path.name.endswith("gz") else \
            shutil.copy(path, site.tree)
    site.source(url="file:///srv")
    assert site.ok("resolve", "alpine")["name"] == "alpine-minirootfs-3.19.4-x86_64"
    assert site.ok("resolve", "alpine-minirootfs-3.10")["name"] == \
        "alpine-minirootfs-3.10.9-x86_64"
    assert site.ok("--arch", "i386", "resolve", "alpine")["name"] == "alpine-minirootfs-3.19.4-x86"
    assert site.ok("resolve", "debian")["name"] == "debian-12-x86_64-minbase"


def test_without_permission_to_remember(site, ring, as_root):
    """Somebody who may only read resolves names all the same."""
    site.put(signature=lambda t: ring.sign(t, ring.good))
    site.signed_source(ring, ring.good)
    site.top.chmod(0o755)
    (site.keys / "s.gpg").chmod(0o644)
    tool = site.top / "tool"
    shutil.copy(site.tool, tool)
    tool.chmod(0o755)
    run = subprocess.run(["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups",
                          str(tool), "--root", str(site.top), "resolve", NAME],
                         capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert f"digest=sha256:{sha256(ONE)}" in run.stdout
    assert not (site.top / "cache").exists()
