# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the tests of batches share: documents, and what must hold of a host after a batch."""
import json
import os

from world import domain, read_conf

# A user whom the template does not have is found out in the middle of making a container.
GHOST = "<v:user name='ghost'><v:blocks hard='10' unit='MiB'/></v:user>"


def documents(world, names, bad=(), **keys):
    """A directory with one document for each name; those in @bad fail while they are made."""
    folder = world.top / "documents"
    folder.mkdir(exist_ok=True)
    for number, name in enumerate(names):
        text = domain(name=name, metadata=GHOST if name in bad else "",
                      limits="<space_hard_limit unit='MiB'>64</space_hard_limit>", **keys)
        (folder / f"{number}.xml").write_text(text)
    return folder


def entries(path):
    return sorted(os.listdir(path)) if path.is_dir() else []


def made(world):
    """{ctid: name} of the containers that are there, each whole; nothing else may be left."""
    confs = {p.name[:-5]: read_conf(p) for p in world.path("etc/vz/conf").glob("*.conf")
             if p.name[:-5].isdigit()}
    privates = [e for e in entries(world.path("vz/private")) if e != ".vzroot"]
    records = [e[:-5] for e in entries(world.path("var/lib/vzroot/containers"))]
    assert sorted(confs) == sorted(privates) == sorted(records)
    assert sorted(confs) == entries(world.path("vz/root"))
    names = {e: os.readlink(world.path("etc/vz/names", e)) for e in
             entries(world.path("etc/vz/names"))}
    assert {conf["NAME"] for conf in confs.values() if "NAME" in conf} == set(names)
    assert entries(world.path("vz/private/.vzroot/staging")) == []
    assert entries(world.path("vz/lock")) == []
    assert entries(world.path("var/lib/vzroot/journal")) == []
    for ctid in confs:
        record = json.loads(world.path("var/lib/vzroot/containers", f"{ctid}.json").read_text())
        assert record["ctid"] == int(ctid)
        assert world.private(ctid).joinpath("sbin/init").read_bytes() == b"init\n"
        assert os.stat(world.private(ctid)).st_mode & 0o777 == 0o755
    return {int(ctid): conf.get("NAME") for ctid, conf in confs.items()}


def identities(world):
    """What changes when a container is made a second time."""
    return {p.name: (p.stat().st_ino, p.stat().st_mtime_ns)
            for p in world.path("etc/vz/conf").glob("[0-9]*.conf")}


def state_files(world):
    return entries(world.path("var/lib/vzroot/batch"))


def results(run):
    """{label's last part: object} of the containers' own last objects."""
    return {e["label"].rsplit("/", 1)[-1]: e for e in run.events
            if "result" in e and "label" in e}
