# SPDX-License-Identifier: LGPL-2.1-or-later
"""create unpacks a template while it is being downloaded; whatever the servers do."""
import hashlib
import os
import random
import re
import signal
import tarfile
import time

import pytest

import archives
import filesystems
import tree
from hostile_http import HostileServer
from world import difference, domain, ok, refused

QUICK = ("--set", "RETRIES=1", "--set", "BACKOFF_MS=1")


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """A template of some MiB that do not compress."""
    folder = tmp_path_factory.mktemp("archive")
    source = random.Random(11)
    members = archives.small_members()
    members.append((archives.member("./srv", tarfile.DIRTYPE, 0o755), None))
    for i in range(40):
        members.append((archives.member(f"./srv/{i}", mtime=1600000000 + i),
                        source.randbytes(100000)))
    archives.write(folder, "large", members=members)
    return (folder / "large.tar.gz").read_bytes()


@pytest.fixture
def server():
    with HostileServer() as made:
        yield made


@pytest.fixture
def hosted(empty_world, server, archive):
    """A world whose source is the server, with the template "large" behaving as well."""
    server.put("/SHA256SUMS", f"{hashlib.sha256(archive).hexdigest()}  large.tar.gz\n".encode())
    server.put("/large.tar.gz", archive)
    empty_world.add_source(url=server.url("/"), trust="none")
    return empty_world


def create(world, ctid=101, *args):
    document = world.document(domain(name=str(ctid), template="large"), f"{ctid}.xml")
    return world.run("--json", *QUICK, "create", document, *args)


def stages(result):
    return [(e["event"], e["stage"]) for e in result.events
            if e.get("event", "").startswith("stage")
            and e["stage"] in ("area", "fetch", "admit", "claim", "prepare")]


STREAMED = [("stage-begin", "claim"), ("stage-end", "claim"), ("stage-begin", "area"),
            ("stage-begin", "fetch"), ("stage-end", "fetch"), ("stage-end", "area")]


# Empty directories that the first command makes for good.
KEPT = re.compile(r"'(var(/lib(/vzroot(/(containers|journal))?)?)?|vz(/lock|/root)?"
                  r"|vz/private(/\.vzroot(/(staging|base))?)?)': absent => d|'var/cache")


def nothing_left(world, before):
    """The cache may keep what can be resumed; nothing else may be there."""
    left = [line for line in difference(before, world.snapshot()) if not KEPT.match(line)]
    assert left == [], left
    blobs = world.path("var/cache/vzroot/blobs")
    assert [p for p in blobs.rglob("*") if p.is_file()] == [] if blobs.exists() else True
    names = world.path("var/cache/vzroot/names")
    assert not names.exists() or os.listdir(names) == []


def same_as_from_the_cache(world, first, second):
    ok(create(world, second, "--area", "stream"))
    own = (b"etc/hostname", b"etc/hosts", b"etc/machine-id", b"etc/resolv.conf", b"etc")
    listings = [{path: {k: v for k, v in entry.items() if k != "blocks"}
                 for path, entry in tree.listing(world.private(ctid)).items() if path not in own}
                for ctid in (first, second)]
    assert tree.difference(*listings) == []


def test_once_over_the_network_and_never_read_again(hosted, server, archive):
    result = ok(create(hosted))
    assert stages(result)[-6:] == STREAMED
    assert "admit" not in [stage for _, stage in stages(result)]
    assert server.sent("/large.tar.gz") == len(archive)
    template = ok(hosted.run("--json", "template", "show", "large")).last
    assert template["cached"] and template["unpacked_kib"] > 4000
    ok(hosted.run("template", "verify", "large"))
    same_as_from_the_cache(hosted, 101, 102)
    assert server.sent("/large.tar.gz") == len(archive)


def test_a_wrong_last_byte_leaves_nothing(hosted, server, archive):
    wrong = archive[:-1] + bytes([archive[-1] ^ 1])
    server.put("/large.tar.gz", wrong)
    before = hosted.snapshot()
    refused(create(hosted), 4, "cannot download large", "digest is sha256:")
    nothing_left(hosted, before)


def test_other_bytes_from_the_first_mirror(hosted, server, archive):
    """The unpacking of wrong bytes is for nothing; what the next mirror has is unpacked."""
    server.put("/bad/large.tar.gz", archive[:200000] + b"\0" * (len(archive) - 200000))
    hosted.add_source(url=f"{server.url('/bad')} {server.url('/')}", trust="none")
    server.put("/bad/SHA256SUMS",
               f"{hashlib.sha256(archive).hexdigest()}  large.tar.gz\n".encode())
    ok(create(hosted))
    assert server.count("/bad/large.tar.gz") == 1
    same_as_from_the_cache(hosted, 101, 102)


def test_a_broken_line_is_resumed_without_unpacking_again(hosted, server, archive):
    server.put("/large.tar.gz", archive, "cut", after=len(archive) // 2, times=1)
    result = ok(create(hosted))
    assert stages(result)[-6:] == STREAMED
    assert server.sent("/large.tar.gz") == len(archive)
    same_as_from_the_cache(hosted, 101, 102)


def test_a_refused_member_is_told_once_and_leaves_nothing(hosted, server):
    members = [(archives.member("./ok"), b"x" * 300000), (archives.member("../out"), b"y")]
    folder = hosted.top / "evil"
    folder.mkdir()
    archives.write(folder, "evil", members=members)
    bad = (folder / "evil.tar.gz").read_bytes()
    server.put("/SHA256SUMS", f"{hashlib.sha256(bad).hexdigest()}  large.tar.gz\n".encode())
    server.put("/large.tar.gz", bad)
    before = hosted.snapshot()
    refused(create(hosted), 8, "member '../out'", "may lead out of the tree")
    nothing_left(hosted, before)


def test_no_room_for_the_tree_keeps_the_template(hosted, server, archive):
    """What was downloaded is right: the next attempt does not need the network."""
    with filesystems.mounted("tmpfs", hosted.path("vz"), 2):
        result = create(hosted)
        assert result.code == 5, str(result)
        assert ok(hosted.run("--json", "template", "show", "large")).last["cached"]
    assert server.sent("/large.tar.gz") == len(archive)
    ok(create(hosted))
    assert server.sent("/large.tar.gz") == len(archive)


def test_no_room_in_the_cache_takes_the_tree_back(hosted):
    before = hosted.snapshot()
    with filesystems.mounted("tmpfs", hosted.path("var/cache"), 2):
        result = create(hosted)
        assert result.code == 5, str(result)
    nothing_left(hosted, before)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_killed_in_the_middle(hosted, server, archive, number):
    server.put("/large.tar.gz", archive, "stall", after=len(archive) * 2 // 3, seconds=30)
    before = hosted.snapshot()
    document = hosted.document(domain(name="101", template="large"), "101.xml")
    process = hosted.start("create", document)
    staging = hosted.path("vz/private/.vzroot/staging")
    deadline = time.monotonic() + 30
    while not list(staging.glob("*/srv/10")):
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.01)
    process.send_signal(number)
    process.communicate(timeout=30)
    assert process.returncode == (130 if number == signal.SIGTERM else -number)
    ok(hosted.run("recover"))
    nothing_left(hosted, before)
    assert list(staging.iterdir()) == []
    # What came so far is unpacked from the cache while the rest comes.
    already = server.sent("/large.tar.gz")
    server.put("/large.tar.gz", archive)
    assert stages(ok(create(hosted)))[-6:] == STREAMED
    assert server.sent("/large.tar.gz") - already < len(archive)
    same_as_from_the_cache(hosted, 101, 102)


def test_two_at_once_download_once(hosted, server, archive):
    server.put("/large.tar.gz", archive, "throttle", rate=4 << 20)
    documents = [hosted.document(domain(name=str(ctid), template="large"), f"{ctid}.xml")
                 for ctid in (101, 102)]
    running = [hosted.start("create", document) for document in documents]
    for process in running:
        assert process.communicate(timeout=60)[1] is not None and process.returncode == 0
    assert server.sent("/large.tar.gz") == len(archive)
    for ctid in (101, 102):
        assert len(list((hosted.private(ctid) / "srv").iterdir())) >= 40


def test_a_way_that_is_asked_for_is_taken(hosted):
    result = ok(create(hosted, 101, "--area", "copy"))
    assert ("stage-begin", "admit") in stages(result)
    assert ("stage-begin", "prepare") in stages(result)
