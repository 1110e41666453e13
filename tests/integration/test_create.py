# SPDX-License-Identifier: LGPL-2.1-or-later
"""create: from one document to a container whose shell runs."""
import os
import pathlib
import platform
import re
import subprocess

import pytest

import openvz_model
from world import difference, domain, ok, owner, read_conf, refused, snapshot

# What first-start customisation may write, add or remove in a root.
CUSTOMISED = [r"etc", r"etc/hostname", r"etc/hosts", r"etc/resolv\.conf", r"etc/machine-id",
              r"etc/crontab", r"etc/cron\.d(/.*)?", r"etc/passwd", r"etc/shadow",
              r"etc/ssh(/.*)?", r"etc/sysconfig(/.*)?", r"etc/conf\.d(/.*)?",
              r"var/lib/dbus(/machine-id)?"]

REAL = [
    ("alpine-minirootfs-3.19.4-x86_64", "x86_64"),
    ("alpine-minirootfs-3.19.4-x86", "i386"),
    ("debian-12-x86_64-minbase", "x86_64"),
]


def in_chroot(root, *command):
    """Runs a program with @root as its root directory; its standard output."""
    def enter():
        os.chroot(root)
        os.chdir("/")
    out = subprocess.run(command, preexec_fn=enter, capture_output=True, text=True, check=False,
                         timeout=30, env={"PATH": "/bin:/usr/bin:/sbin:/usr/sbin"})
    assert out.returncode == 0, out.stderr
    return out.stdout


def can_run(arch):
    if arch == "i386" and platform.machine() == "x86_64":
        with open(f"/boot/config-{platform.release()}", encoding="utf-8") \
                if os.path.exists(f"/boot/config-{platform.release()}") else open(os.devnull) as f:
            text = f.read()
        return not text or "CONFIG_IA32_EMULATION=y" in text
    return True


@pytest.mark.parametrize("template,arch", REAL)
def test_real_templates(real_world, data_dir, tmp_path, template, arch):
    result = ok(real_world.create(name="101", template=template,
                                  limits="<space_hard_limit unit='MiB'>500</space_hard_limit>"))
    root = real_world.private(101)
    last = result.last
    assert last["result"] == "created"
    assert last["ctid"] == 101
    assert last["private"] == "/vz/private/101"
    assert last["template"] == template
    assert last["quota"]["backend"] == "vzquota"
    assert last["quota"]["limits"]["vm"]["block_hard_kib"] == 500 * 1024
    assert last["handoff"] == "openvz"
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", last["digest"])

    # The same tree as tar makes it, but for what customisation is for.
    archive = data_dir / "templates" / f"{template}.tar.gz"
    subprocess.run(["tar", "--numeric-owner", "--xattrs", "--xattrs-include=*", "--acls", "-xpf",
                    archive, "-C", tmp_path], check=True)
    assert difference(snapshot(tmp_path, CUSTOMISED), snapshot(root, CUSTOMISED)) == []
    for path in pathlib.Path(tmp_path).rglob("*"):
        relative = path.relative_to(tmp_path)
        if not any(re.fullmatch(p, str(relative)) for p in CUSTOMISED) and path.is_file():
            assert os.lstat(path).st_mtime_ns == os.lstat(root / relative).st_mtime_ns, relative

    assert can_run(arch)
    assert in_chroot(root, "/bin/sh", "-c", "echo shell; cat /etc/hostname").startswith("shell\n")
    assert in_chroot(root, "/bin/sh", "-c", "id -u") == "0\n"

    conf = read_conf(real_world.conf(101))
    assert conf["OSTEMPLATE"] == template
    assert conf["DISKSPACE"] == f"{500 * 1024}:{500 * 1024}"
    shown = ok(real_world.run("--json", "show", 101)).last
    assert shown["ctid"] == 101
    ok(real_world.run("destroy", 101))
    assert not root.exists()


def test_second_use_needs_no_source(real_world):
    """The template is cached: its source may be gone."""
    template = REAL[0][0]
    ok(real_world.create(name="101", template=template))
    real_world.path("etc/vzroot/sources.d/real.conf").unlink()
    ok(real_world.create(name="102", template=template))
    assert difference(snapshot(real_world.private(101), CUSTOMISED),
                      snapshot(real_world.private(102), CUSTOMISED)) == []


def test_every_kind_of_member(world, tmp_path):
    ok(world.create())
    archive = world.templates / "small.tar.gz"
    subprocess.run(["tar", "--numeric-owner", "--xattrs", "--xattrs-include=*", "--acls", "-xpf",
                    archive, "-C", tmp_path], check=True)
    assert difference(snapshot(tmp_path, CUSTOMISED),
                      snapshot(world.private(101), CUSTOMISED)) == []
    assert (world.private(101).stat().st_mode & 0o7777) == 0o755
    assert os.getxattr(world.private(101) / "bin/ping", "security.capability")


def test_configuration(world):
    """CTID.conf is what vzctl and libvirt both read, and says it once."""
    document = domain(
        name="105",
        limits="<space_hard_limit unit='MiB'>100</space_hard_limit>"
               "<space_soft_limit unit='MiB'>90</space_soft_limit>",
        extra="<interface type='ethernet'><ip address='10.0.0.5'/></interface>")
    ok(world.create(text=document))
    path = world.conf(105)
    text = path.read_text()
    conf = read_conf(path)
    keys = [line.split("=")[0] for line in text.splitlines()
            if line and not line.startswith("#") and "=" in line]
    assert len(keys) == len(set(keys)), keys
    for key, value in conf.items():
        assert openvz_model.libvirt_value(text, key) == value or value == ""
        assert not re.search(r'[`\\"]', value)
    assert conf["DISKSPACE"] == "92160:102400"
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", conf["DISKINODES"])
    assert conf["VE_PRIVATE"] == "/vz/private/$VEID"
    assert conf["VE_ROOT"] == "/vz/root/$VEID"
    assert conf["VE_LAYOUT"] == "simfs"
    assert conf["OSTEMPLATE"] == "small"
    assert conf["ORIGIN_SAMPLE"] == "basic"
    assert conf["PHYSPAGES"] == "0:65536"
    assert conf["SWAPPAGES"] == "0:512M"
    assert conf["CPUS"] == "1"
    assert conf["IP_ADDRESS"] == "10.0.0.5"
    assert conf["CPUUNITS"] == "1000"
    assert len(re.findall(r"^#UUID: [0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", text,
                          re.M)) == 1
    assert str(world.root) not in text
    # A shell sources it without a word.
    out = subprocess.run(["bash", "-eu", "-c", f'VEID=105; . "{path}"; echo "$VE_PRIVATE"'],
                         capture_output=True, text=True, check=True)
    assert (out.stdout, out.stderr) == ("/vz/private/105\n", "")


def test_name_and_uuid(world):
    uuid = "c7a5fdbd-edaf-9455-926a-d65c16db1809"
    text = domain(name="web-server").replace("</name>", f"</name><uuid>{uuid}</uuid>")
    result = ok(world.create("--ctid", 300, text=text))
    assert result.last["ctid"] == 300
    assert f"#UUID: {uuid}" in world.conf(300).read_text()
    assert read_conf(world.conf(300))["NAME"] == "web-server"
    link = world.path("etc/vz/names/web-server")
    assert link.is_symlink() and os.readlink(link).endswith("300.conf")
    ok(world.run("destroy", 300))
    assert not link.is_symlink()


def test_first_free_id(world):
    assert ok(world.create(name="one")).last["ctid"] == 101
    assert ok(world.create(name="two")).last["ctid"] == 102
    ok(world.run("destroy", 101))
    assert ok(world.create(name="three")).last["ctid"] == 101
    # An id that OpenVZ uses is not free, whoever made it.
    world.conf(103).write_text('VE_PRIVATE="/vz/private/103"\n')
    assert ok(world.create(name="four")).last["ctid"] == 104


def test_no_sample(world):
    world.path("etc/vz/conf/ve-basic.conf-sample").unlink()
    ok(world.create(limits="<space_hard_limit unit='MiB'>100</space_hard_limit>"))
    conf = read_conf(world.conf(101))
    assert conf["DISKSPACE"] == "102400:102400"
    # vzctl refuses to start a container without memory parameters and to mount one without inodes.
    assert "PHYSPAGES" in conf and "SWAPPAGES" in conf and "DISKINODES" in conf


def test_dry_run_and_check_change_nothing(world):
    ok(world.run("template", "pull", "small"))
    before = world.snapshot()
    document = world.document(limits="<space_hard_limit unit='MiB'>100</space_hard_limit>")
    plan = ok(world.run("--json", "create", "--dry-run", document)).last["plan"]
    assert plan["template"] == "small"
    assert plan["area"] == "stream"
    assert plan["quota"] == "vzquota"
    assert plan["handoff"] == "openvz"
    assert plan["needs_kib"] > 0 and plan["free_kib"] > plan["needs_kib"]
    ok(world.run("check", document))
    assert difference(before, world.snapshot()) == []


@pytest.mark.parametrize("limits,code,texts", [
    ("<space_hard_limit unit='KiB'>8</space_hard_limit>", 5, ["8"]),
    ("<space_soft_limit unit='MiB'>8</space_soft_limit>", 8, ["hard"]),
    ("<space_hard_limit unit='MiB'>8</space_hard_limit>"
     "<space_soft_limit unit='MiB'>9</space_soft_limit>", 8, ["soft"]),
    ("<space_hard_limit unit='parsec'>8</space_hard_limit>", 8, ["parsec"]),
    ("<space_hard_limit unit='EiB'>99999</space_hard_limit>", 8, ["space_hard_limit"]),
])
def test_refused_limits_leave_nothing(world, limits, code, texts):
    ok(world.run("template", "pull", "small"))
    before = world.snapshot()
    refused(world.run("create", world.document(limits=limits)), code, *texts)
    assert difference(before, world.snapshot()) == []


def test_quota_that_cannot_hold(world):
    """No quota on the host: refused, unless the user says in so many words that none is wanted."""
    conf = world.path("etc/vz/vz.conf")
    conf.write_text(conf.read_text().replace("DISK_QUOTA=yes", "DISK_QUOTA=no"))
    limits = "<space_hard_limit unit='MiB'>100</space_hard_limit>"
    before = world.snapshot()
    refused(world.run("create", world.document(limits=limits)), 7, "DISK_QUOTA")
    after = {p: d for p, d in world.snapshot().items() if not p.startswith("var")}
    assert difference({p: d for p, d in before.items() if not p.startswith("var")}, after) == []
    last = ok(world.create("--quota=none", limits=limits)).last
    assert last["quota"]["backend"] == "none"
    assert ok(world.run("--json", "show", 101)).last["quota"]["backend"] == "none"


def test_unknown_user(world):
    before = world.snapshot()
    document = world.document(metadata=owner("user", "nobody-here", 5))
    result = world.run("create", document)
    assert result.code != 0
    assert "nobody-here" in result.err
    assert not world.private(101).exists() and not world.conf(101).exists()
    assert not difference({p: d for p, d in before.items() if "vz/" in p},
                          {p: d for p, d in world.snapshot().items()
                           if "vz/" in p and not re.match(r"vz/(private|lock|root)", p)})


def test_staging_on_another_file_system(world):
    """What cannot be renamed into its place is not unpacked first."""
    own = world.path("vz/private/.vzroot")
    own.mkdir(parents=True)
    own.chmod(0o700)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=700", "tmpfs", own], check=True)
    try:
        result = refused(world.create(), 8, "is not on the file system of /vz/private")
        assert '"area"}' in result.out and '"guest"' not in result.out
    finally:
        subprocess.run(["umount", own], check=True)
