# SPDX-License-Identifier: LGPL-2.1-or-later
"""Containers whose root is an overlay: mounted by the very scripts that vzctl would run."""
import os
import re
import shutil
import subprocess

import pytest

import filesystems
import tree
from world import difference, domain, ok, owner, read_conf, refused

SIZE = {"ext4": 200, "xfs": 400, "btrfs": 300}

# What vzctl does around a start and a stop, in a mount namespace of its own: simfs shows the
# private area at VE_ROOT, then the scripts run with what it tells them.
SESSION = r"""
set -e
cd "$1"; shift
mkdir -p usr proc dev
for d in bin sbin lib lib64; do [ -e $d ] || ln -s usr/$d $d; done
mount --make-rprivate /
mount --bind /usr usr; mount -t proc proc proc; mount --bind /dev dev
for ctid in $CTIDS; do
	mount --bind vz/private/$ctid vz/root/$ctid
	VEID=$ctid VE_CONFFILE=/etc/vz/conf/$ctid.conf chroot . /etc/vz/conf/$ctid.mount
done
"$@"
for ctid in $CTIDS; do
	VEID=$ctid VE_CONFFILE=/etc/vz/conf/$ctid.conf chroot . /etc/vz/conf/$ctid.umount
	! grep "vz/root/$ctid overlay" /proc/self/mountinfo
	umount vz/root/$ctid
done
"""


@pytest.fixture(params=sorted(SIZE))
def hosted(request, world):
    with filesystems.mounted(request.param, world.path("vz"), SIZE[request.param]):
        yield world


def create(world, ctid, *args, **keys):
    document = world.document(domain(name=str(ctid), **keys), f"{ctid}.xml")
    return world.run("--json", "create", "--area", "overlay", document, *args)


def started(world, ctids, script):
    """Runs a shell script while the containers' roots are mounted, in the world's directory."""
    conf = world.path("etc/vz/vz.conf")
    if not conf.exists():
        conf.write_text('VE_ROOT="/vz/root/$VEID"\nVE_PRIVATE="/vz/private/$VEID"\n')
    done = subprocess.run(["unshare", "-m", "bash", "-c", SESSION, "session", str(world.root),
                           "bash", "-ec", script], capture_output=True, text=True, check=False,
                          env={**os.environ, "CTIDS": " ".join(map(str, ctids))}, timeout=60)
    for name in ("usr", "proc", "dev"):
        os.rmdir(world.path(name))
    for name in ("bin", "sbin", "lib", "lib64"):
        if world.path(name).is_symlink():
            os.unlink(world.path(name))
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def plain(listing):
    """What a tar of a mounted overlay keeps: not how blocks are allocated."""
    return {path: {k: v for k, v in entry.items() if k not in ("blocks", "nlink")}
            for path, entry in listing.items()}


def test_the_mounted_root_is_the_template(hosted, tmp_path):
    ok(create(hosted, 101))
    ok(hosted.run("--json", "create", "--area", "stream",
                  hosted.document(domain(name="102"), "102.xml")))
    started(hosted, [101], f"tar -C vz/root/101 --xattrs --xattrs-include='*' --acls "
                           f"--numeric-owner -cf {tmp_path}/merged.tar .")
    shutil.rmtree(tmp_path / "merged", ignore_errors=True)
    os.mkdir(tmp_path / "merged")
    subprocess.run(["tar", "-C", tmp_path / "merged", "--xattrs", "--xattrs-include=*", "--acls",
                    "--numeric-owner", "-xpf", tmp_path / "merged.tar"], check=True)
    own = re.compile(rb"(etc/(hostname|hosts|machine-id|resolv.conf))?|etc")

    def listing(path):
        return plain(tree.listing(path, lambda p: not own.fullmatch(p)))

    assert tree.difference(listing(hosted.private(102)), listing(tmp_path / "merged")) == []
    names = [sorted(os.listdir(top / "etc")) for top in (tmp_path / "merged", hosted.private(102))]
    assert names[0] == names[1]
    st, want = os.stat(tmp_path / "merged"), os.stat(hosted.private(102))
    assert (st.st_mode, st.st_uid, st.st_gid) == (want.st_mode, want.st_uid, want.st_gid)


def test_changes_stay_in_their_container(hosted):
    ok(create(hosted, 101))
    ok(create(hosted, 102))
    out = started(hosted, [101, 102], "echo mine > vz/root/101/etc/new; rm -r vz/root/101/bin; "
                                      "ls -d vz/root/102/bin; ! ls vz/root/102/etc/new")
    assert out == "vz/root/102/bin\n"
    out = started(hosted, [101, 102], "cat vz/root/101/etc/new; ! ls vz/root/101/bin; "
                                      "ls -d vz/root/102/bin")
    assert out == "mine\nvz/root/102/bin\n"
    assert not hosted.path("vz/private/101/upper/usr").exists()


def test_the_form_stays_while_a_container_lives_on_it(hosted):
    ok(create(hosted, 100001))
    ok(hosted.run("destroy", "100001"))
    before = hosted.snapshot()
    ok(create(hosted, 101))
    ok(create(hosted, 102))
    out = ok(hosted.run("--json", "template", "prune"))
    assert [e["result"] for e in out.events if "digest" in e and "result" in e] == ["in-use"]
    ok(hosted.run("destroy", "101"))
    out = ok(hosted.run("--json", "template", "prune", "--dry-run"))
    assert [e["result"] for e in out.events if "digest" in e and "result" in e] == ["in-use"]
    ok(hosted.run("destroy", "102"))
    out = ok(hosted.run("--json", "template", "prune"))
    assert [e["result"] for e in out.events if "digest" in e and "result" in e] == ["removed"]
    assert os.listdir(hosted.path("vz/private/.vzroot/base")) == []
    left = [line for line in difference(before, hosted.snapshot())
            if ".vzroot" not in line and "var/" not in line]
    assert left == [], left


def test_another_script_is_in_the_way(hosted):
    conf = hosted.path("etc/vz/conf")
    conf.mkdir(parents=True, exist_ok=True)
    (conf / "101.mount").write_text("#!/bin/sh\n")
    before = sorted(os.listdir(conf))
    refused(create(hosted, 101), 1, "101.mount is there already, and an overlay needs one of its")
    assert sorted(os.listdir(conf)) == before
    assert (conf / "101.mount").read_text() == "#!/bin/sh\n"
    out = ok(hosted.run("--json", "template", "prune"))
    assert [e["result"] for e in out.events if "digest" in e and "result" in e] == ["removed"]


def test_limits_of_users_are_resolved_through_the_overlay(hosted):
    ok(create(hosted, 101, metadata=owner("user", "root", 50)))
    assert int(read_conf(hosted.conf(101))["QUOTAUGIDLIMIT"]) > 0
    assert hosted.quota(101).exists()


def test_a_path_that_no_option_can_hold(world):
    ok(world.run("--json", "--set", "VE_PRIVATE=/vz/pri,vate/$VEID", "create",
                 world.document(domain(name="101"), "101.xml")))
    refused(world.run("--json", "--set", "VE_PRIVATE=/vz/pri,vate/$VEID", "create", "--area",
                      "overlay", world.document(domain(name="102"), "102.xml")), 7,
            "VE_PRIVATE '/vz/pri,vate/102' has characters other than")
