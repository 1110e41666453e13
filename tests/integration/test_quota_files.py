# SPDX-License-Identifier: LGPL-2.1-or-later
"""The quota file of the first start, byte by byte against a second implementation."""
import os
import re

import pytest

import archives
import openvz_model as model
from world import ok, owner, read_conf, refused

MIB = 1024

LIMITS = ("<space_hard_limit unit='MiB'>100</space_hard_limit>"
          "<space_soft_limit unit='MiB'>90</space_soft_limit>")
OWNERS = owner("user", "root", 50) + owner("user", "bob", 20) + owner("group", "staff", 10)


def owners_in_tree(members):
    """Distinct users and groups of a template, as the kernel counts them."""
    return len({m.uid for m, _ in members}) + len({m.gid for m, _ in members})


@pytest.fixture
def configured(world):
    def configure(abi):
        path = world.path("etc/vzroot/vzroot.conf")
        path.write_text(f'VZQUOTA_ABI="{abi}"\n')
        return world
    return configure


@pytest.mark.parametrize("abi", ["x86_64", "i386"])
def test_bytes(configured, abi):
    world = configured(abi)
    result = ok(world.create(limits=LIMITS, metadata=OWNERS))
    conf = read_conf(world.conf(101))
    assert conf["DISK_QUOTA"] == "yes"
    assert conf["DISKSPACE"] == f"{90 * MIB}:{100 * MIB}"
    ugid_limit = int(conf["QUOTAUGIDLIMIT"])
    # Room for the owners of the tree, the limited ones, and as many again.
    assert ugid_limit >= owners_in_tree(archives.small_members()) + 3 + 100
    # The VM's inode limits come with the sample: the file repeats what the document says.
    expected = model.quota_file(
        abi, "/vz/private/101",
        vm={"block_soft_kib": 90 * MIB, "block_hard_kib": 100 * MIB}, vm_grace=0,
        ugid_limit=ugid_limit,
        records=[(0, model.USER, both(50 * MIB)), (1000, model.USER, both(20 * MIB)),
                 (50, model.GROUP, both(10 * MIB))],
        user_grace=0, group_grace=0)
    found = world.quota(101).read_bytes()
    assert model.read_quota_file(abi, found) == model.read_quota_file(abi, expected)
    assert found == expected
    st = os.stat(world.quota(101))
    assert (st.st_mode & 0o7777, st.st_uid, st.st_gid) == (0o600, 0, 0)
    limits = result.last["quota"]["limits"]
    assert {u["name"]: u["block_hard_kib"] for u in limits["users"]} == \
        {"root": 50 * MIB, "bob": 20 * MIB}
    assert [(g["name"], g["block_hard_kib"]) for g in limits["groups"]] == [("staff", 10 * MIB)]


def both(kib):
    return {"block_soft_kib": kib, "block_hard_kib": kib}


def test_no_owners_no_file(world):
    """Without user limits vzctl makes the file itself; one of ours would only be in its way."""
    ok(world.create(limits=LIMITS))
    assert not world.quota(101).exists()
    assert read_conf(world.conf(101))["DISKSPACE"] == f"{90 * MIB}:{100 * MIB}"


@pytest.mark.parametrize("metadata", ["", OWNERS])
def test_stale_file(world, metadata):
    """A file of an earlier container with this id would have its usage and path believed."""
    world.quota(101).parent.mkdir(parents=True)
    world.quota(101).write_bytes(b"stale" * 100)
    ok(world.create(limits=LIMITS, metadata=metadata))
    if metadata:
        fields = model.read_quota_file("x86_64", world.quota(101).read_bytes())
        assert fields["path"] == "/vz/private/101"
        assert len(fields["records"]) == 3
    else:
        assert not world.quota(101).exists()


def test_stale_file_without_quota(world):
    world.quota(101).parent.mkdir(parents=True)
    world.quota(101).write_bytes(b"stale" * 100)
    ok(world.create("--quota=none", limits=LIMITS))
    assert not world.quota(101).exists()
    conf = read_conf(world.conf(101))
    assert conf["DISK_QUOTA"] == "no"
    assert "DISKSPACE" not in conf and "QUOTAUGIDLIMIT" not in conf


def test_names_are_the_containers(world):
    """bob is 1000 in the template, whatever the host thinks of that name."""
    members = archives.small_members()
    changed = archives.PASSWD.replace("bob:x:1000:1000", "bob:x:4242:1000")
    members = [(m, changed.encode() if m.name == "./etc/passwd" else c) for m, c in members]
    archives.write(world.templates, members=members)
    world.publish()
    ok(world.create(metadata=owner("user", "bob", 20),
                    limits=LIMITS))
    fields = model.read_quota_file("x86_64", world.quota(101).read_bytes())
    assert [(r[0], r[1]) for r in fields["records"]] == [(4242, model.USER)]


def test_passwd_is_hostile(world):
    """A link in place of passwd is not followed to the host's."""
    members = [(m, c) for m, c in archives.small_members() if m.name != "./etc/passwd"]
    import tarfile
    members.append((archives.member("./etc/passwd", tarfile.SYMTYPE, 0o777,
                                    linkname="/etc/passwd"), None))
    archives.write(world.templates, members=members)
    world.publish()
    result = world.run("create", world.document(
        metadata=owner("user", "root", 20), limits=LIMITS))
    assert result.code != 0
    assert re.search(r"passwd|root", result.err)
    assert not world.private(101).exists()


def test_two_names_of_one_id(world):
    members = archives.small_members()
    changed = archives.PASSWD + "toor:x:0:0::/root:/bin/sh\n"
    members = [(m, changed.encode() if m.name == "./etc/passwd" else c) for m, c in members]
    archives.write(world.templates, members=members)
    world.publish()
    document = world.document(limits=LIMITS, metadata=owner("user", "root", 20) +
                              owner("user", "toor", 30))
    refused(world.run("create", document), 8, "root", "toor")
    assert not world.private(101).exists()
