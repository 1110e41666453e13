# SPDX-License-Identifier: LGPL-2.1-or-later
"""The caller's own world must not matter: environment, locale, umask, descriptors, limits."""
import os
import subprocess

import pytest

import archives
from scaffold import clean, pulled
from world import difference, domain, ok, owner, read_conf, snapshot



def compare_with_plain(world, **options):
    """The same container as a plain call makes it, and nothing else."""
    ok(world.create(name="101"))
    ok(world.create(name="102", **options))
    mask = [r"etc/(machine-id|hostname|hosts|ssh(/.*)?)"]
    assert difference(snapshot(world.private(101), mask),
                      snapshot(world.private(102), mask)) == []
    one, two = read_conf(world.conf(101)), read_conf(world.conf(102))
    assert one == two


def test_environment(world):
    evil = world.top / "evil"
    evil.mkdir()
    for name in ("gzip", "tar", "gpgv", "xz", "lrzip"):
        (evil / name).write_text(f"#!/bin/sh\ntouch {evil}/ran-{name}\n")
        (evil / name).chmod(0o755)
    compare_with_plain(world, options={"env": {
        "TAR_OPTIONS": "--checkpoint=1", "PATH": str(evil), "TMPDIR": "/nonexistent",
        "http_proxy": "http://127.0.0.1:1", "CURL_CA_BUNDLE": "/nonexistent",
        "SSL_CERT_FILE": "/nonexistent", "XML_CATALOG_FILES": "/nonexistent",
        "GNUPGHOME": str(evil), "IFS": "x", "POSIXLY_CORRECT": "1", "TZ": "Asia/Tokyo"}})
    assert not list(evil.glob("ran-*"))


@pytest.mark.parametrize("locale", ["C", "tr_TR.UTF-8", "de_DE.UTF-8", "nonsense", None])
def test_locale(world, locale):
    members = archives.small_members() + [(archives.member("./caf\u00e9"), b"x"),
                                          (archives.member("./odd\udcff"), b"x")]
    archives.write(world.templates, members=members)
    world.publish()
    compare_with_plain(world, options={"env": {"LC_ALL": locale} if locale else {}})
    assert os.path.exists(os.path.join(os.fsencode(world.private(102)), b"odd\xff"))


@pytest.mark.parametrize("mask", ["000", "077", "777"])
def test_umask(world, mask):
    compare_with_plain(world, prefix=["sh", "-c", f'umask {mask}; exec "$@"', "-"])


def test_closed_descriptors(world):
    """No file of ours becomes descriptor 0, 1 or 2, where messages would be written into it."""
    ok(world.create(name="101"))
    document = world.document(file="102.xml", text=domain(name="102"))
    command = " ".join(f"'{c}'" for c in world.command("create", document))
    out = subprocess.run(["sh", "-c", f"{command} <&- >&- 2>&-"], check=False)
    assert out.returncode == 0
    mask = [r"etc/(machine-id|hostname|hosts|ssh(/.*)?)"]
    assert difference(snapshot(world.private(101), mask),
                      snapshot(world.private(102), mask)) == []


def test_inherited_state(world):
    """Ignored SIGCHLD, blocked signals, descriptors that the caller left open."""
    with open("/etc/hostname", "rb") as leak:
        compare_with_plain(world, prefix=["env", "--ignore-signal=CHLD", "--ignore-signal=PIPE",
                                          "--block-signal=TERM"],
                           options={"pass_fds": (leak.fileno(),)})


def test_deleted_working_directory(world):
    ok(world.run("template", "pull", "small"))
    document = world.document()
    command = " ".join(f"'{c}'" for c in world.command("create", document))
    out = subprocess.run(["sh", "-c", f'cd "$(mktemp -d)" && rmdir "$PWD" && {command}'],
                         capture_output=True, text=True, check=False)
    assert out.returncode == 0, out.stderr


@pytest.mark.parametrize("limit", ["--fsize=4096", "--nofile=12"])
def test_resource_limits(world, limit, is_sanitized):
    if is_sanitized and "nofile" in limit:
        limit = "--nofile=16"
    before = pulled(world)
    result = world.run("create", world.document(), prefix=["prlimit", limit], timeout=60)
    if result.code == 0:
        assert world.private(101).is_dir()
        return
    assert 0 < result.code < 126, str(result)
    ok(world.run("recover"))
    clean(world, before)


# ---- the built-in template

def test_busybox(empty_world):
    """No source at all: the built-in template, and a shell in it."""
    world = empty_world
    machine = os.uname().machine
    result = ok(world.create(template=f"busybox-{machine}-minimal",
                             limits="<space_hard_limit unit='MiB'>50</space_hard_limit>",
                             metadata=owner("user", "root", 20)))
    root = world.private(101)

    def enter():
        os.chroot(root)
        os.chdir("/")
    out = subprocess.run(["/bin/sh", "-c", "echo $((6 * 7)); ls -ld /etc /sbin/init"],
                         preexec_fn=enter, capture_output=True, text=True, check=False)
    assert out.stdout.startswith("42\n"), out.stderr
    assert result.last["quota"]["limits"]["users"][0]["name"] == "root"
    assert world.quota(101).exists()
    ok(world.run("destroy", 101))
    assert not root.exists()
