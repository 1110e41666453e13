# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a name could mean, what is taken and why; and finding templates by words."""
import os

import pytest

import archives
from world import ok, refused

NAMES = ["debian-11-x86_64-minimal", "debian-12-x86_64", "debian-12-x86_64-minimal",
         "debian-12.5-i386-minimal", "fedora-core6-i386-minimal"]


@pytest.fixture
def many(empty_world):
    """Two sources: the first has all the names, the second one of them too."""
    for name in NAMES:
        archives.write(empty_world.templates, name)
    empty_world.publish()
    empty_world.add_source("first", priority="30")
    other = empty_world.path("srv/other")
    other.mkdir()
    archive = next(empty_world.templates.glob("debian-12-x86_64.tar*"))
    os.link(archive, other / archive.name)
    sums = (empty_world.templates / "SHA256SUMS").read_text()
    (other / "SHA256SUMS").write_text(
        "".join(line + "\n" for line in sums.splitlines() if line.endswith(archive.name)))
    empty_world.add_source("second", url="file:///srv/other", priority="40")
    ok(empty_world.run("--set", "ARCH=x86_64", "doctor"))
    return empty_world


def explain(world, name):
    return ok(world.run("--set", "ARCH=x86_64", "--json", "template", "explain", name)).last


def by_name(candidates):
    return {(c["name"], c["source"]): c for c in candidates}


def test_a_partial_name(many):
    found = explain(many, "debian-12")
    assert found[0]["name"] == "debian-12-x86_64" and found[0]["chosen"]
    assert found[0]["source"] == "first" and found[0]["reason"].startswith("the best match")
    assert [c["chosen"] for c in found].count(True) == 1
    others = by_name(found[1:])
    assert others["debian-12-x86_64", "second"]["reason"] == \
        "the same name, from what is asked later"
    assert "words that were not asked for" in \
        others["debian-12-x86_64-minimal", "first"]["reason"]
    # Another version or architecture is no candidate.
    assert not any(c["name"].startswith(("debian-11", "debian-12.5", "fedora")) for c in found)
    assert all("checksum" in c["trust"] for c in found)


def test_an_exact_name(many):
    found = explain(many, "debian-12-x86_64")
    assert found[0]["chosen"] and found[0]["reason"] == \
        "exactly this name, in the source that is asked first"
    others = by_name(found[1:])
    assert others["debian-12-x86_64-minimal", "first"]["reason"] == \
        "the other one has exactly this name"


def test_a_cached_one(many):
    ok(many.run("template", "pull", "debian-12-x86_64"))
    found = explain(many, "debian-12-x86_64")
    assert found[0]["cached"] and found[0]["reason"] == "exactly this name, in the cache"


def test_an_ambiguous_name(many):
    for word in ("alpha", "omega"):
        archives.write(many.templates, f"suse-15-x86_64-{word}")
    many.publish()
    result = many.run("--set", "ARCH=x86_64", "--json", "template", "explain", "suse-15")
    assert result.code != 0 and "can mean 2 templates" in result.err
    found = [e for e in result.events if isinstance(e, list)][-1]
    assert len(found) == 2 and not any(c["chosen"] for c in found)
    assert {c["reason"] for c in found} == {"as good as another: the name does not say which"}


def test_a_name_that_nobody_has(many):
    refused(many.run("template", "explain", "slackware"), 3, "there is no template 'slackware'")


def test_as_text(many):
    out = ok(many.run("--set", "ARCH=x86_64", "template", "explain", "debian-12")).out
    assert out.splitlines()[0] == "debian-12-x86_64: chosen"
    assert "debian-12-x86_64-minimal: not chosen" in out
    assert ok(many.run("--set", "ARCH=x86_64", "-q", "template", "explain",
                       "debian-12")).out == "debian-12-x86_64\n"


def others(names):
    """Without the one that every host can build."""
    return {name for name in names if not name.startswith("busybox-")}


@pytest.mark.parametrize("words, names", [
    (["minimal"], {n for n in NAMES if "minimal" in n}),
    (["DEBIAN", "i386"], {"debian-12.5-i386-minimal"}),
    (["second"], {"debian-12-x86_64"}),
    (["core6", "minimal"], {"fedora-core6-i386-minimal"})])
def test_search(many, words, names):
    found = ok(many.run("-q", "template", "search", *words)).out.split()
    assert others(found) == names
    listed = ok(many.run("--json", "template", "search", *words)).last
    assert others(t["name"] for t in listed) == names


def test_search_finds_nothing(many):
    refused(many.run("template", "search", "slackware"), 3, "no template has these words")
