# SPDX-License-Identifier: LGPL-2.1-or-later
"""
create, template pull and destroy with one fault at one system call: a kill or an error.

What must hold, where "the tree" is the whole --root directory except the cache and the prepared
forms of templates beside the private areas; those are held to rules of their own (check_cache,
check_forms):
- killed, then "recover": the tree is as before, or it is that of the finished command;
- an error: a message, the exit status of its class, and the tree as before at once; or success and
  the finished tree, where the call did not matter. Where taking back was what failed, that is said
  and the next "recover" ends it.
Random and dated contents (MASKED) are compared by kind, owner and mode only.
"""
import hashlib
import http.server
import re
import sys
import threading

import pytest

import archives
import filesystems
from points import choose, copy_tree, record, remove_tree
from world import World, difference, domain, ok

FAULTS = {
    "kill": ("signal=KILL", None),
    "ENOSPC": ("error=ENOSPC", {5}),
    "EIO": ("error=EIO", {1}),
    "EDQUOT": ("error=EDQUOT", {5}),
}
UUID = "4dea22b3-1d52-d8f3-2516-782e98ab3fa0"
FORMS = "vz/private/.vzroot/base"
CACHE = [r"var/cache/vzroot(/.*)?", re.escape(FORMS) + "(/.*)?"]
MASKED = re.compile(r"var/lib/vzroot/containers/.*|vz/private/\d+/etc/machine-id"
                    r"|vz/private/\d+/etc/ssh/.*|vz/private/\d+/var/lib/dbus/machine-id")

# What overlayfs notes of its layers, by inode numbers.
NOTES = re.compile(r" trusted\.overlay\.\w+=\w+")


def look(world):
    """The tree as it is compared."""
    found = world.snapshot(CACHE)
    return {path: " ".join(text.split()[:2]) if MASKED.fullmatch(path) else NOTES.sub("", text)
            for path, text in found.items()}


def check_cache(world):
    """Whatever is visible in the cache is whole: each blob has the digest that is its name."""
    top = world.path("var/cache/vzroot")
    for path in (top / "blobs").rglob("*"):
        if path.is_file():
            name = re.sub(r"[^0-9a-f]", "", path.name)
            found = hashlib.sha256(path.read_bytes()).hexdigest()
            assert path.name.endswith(found) or name == found, f"{path.name} is not its digest"
    for entry in ok(world.run("--json", "template", "list")).last:
        if entry["cached"]:
            ok(world.run("template", "verify", entry["name"]))


def look_at_forms(world):
    return world.snapshot([r"(?!vz$|vz/private$|vz/private/\.vzroot$|vz/private/\.vzroot/base)"
                           r".*"])


def check_forms(world, whole):
    """A prepared form is there whole, or its name is not there."""
    forms = look_at_forms(world)
    for path in list(forms):
        if re.fullmatch(re.escape(FORMS) + "/[0-9a-f]{64}", path):
            inside = {p: d for p, d in forms.items() if p.startswith(path + "/root")}
            wanted = {p: d for p, d in whole.items() if p.startswith(path + "/root")}
            assert not wanted or inside == wanted, difference(wanted, inside)[:5]
    for pin in world.path(FORMS).glob("*.pins/*"):
        record = world.path("var/lib/vzroot/containers", f"{pin.name}.json")
        assert record.exists(), f"{pin.name} pins a form and is no container"


class Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A file system in memory for all the worlds, so that fsync costs little."""
    where = tmp_path_factory.mktemp("faults")
    with filesystems.mounted("ext4", where, 256):
        yield where


class Scene:
    """One command: the world before it, its points, and the tree when it is done."""

    def __init__(self, vzroot, place, name):
        self.place, self.name = place, name
        remove_tree(place / "before")
        self.world = World(self.reset_dir(), vzroot)
        self.server = None
        getattr(self, "prepare_" + name.replace("-", "_"))()
        self.before = look(self.world)
        copy_tree(self.world.top, place / "before")
        self.points = record(self.world, self.arguments, str(self.world.root))
        self.done = look(self.world)
        self.forms = look_at_forms(self.world)

    def reset_dir(self):
        top = self.place / "world"
        remove_tree(top)
        top.mkdir()
        return top

    def reset(self):
        remove_tree(self.world.top)
        copy_tree(self.place / "before", self.world.top)

    def close(self):
        if self.server:
            self.server.shutdown()
            self.server.server_close()
        remove_tree(self.world.top)
        remove_tree(self.place / "before")

    def add_template(self, url=None):
        archives.write(self.world.templates)
        self.world.publish()
        more = {"trust": "none"} if url else {}
        self.world.add_source(url=url, **more)

    def warm_up(self):
        """All that a first container leaves behind for good is there."""
        ok(self.world.create(file="warm.xml", name="200", limits=LIMITS, metadata=OWNERS))
        ok(self.world.run("destroy", 200))

    def prepare_create(self):
        self.add_template()
        self.warm_up()
        text = domain(name="101", limits=LIMITS, metadata=OWNERS)
        document = self.world.document(text=text.replace("</name>",
                                                         f"</name><uuid>{UUID}</uuid>", 1))
        self.arguments = ["create", document]

    def prepare_again(self):
        """A template that has been used before: its prepared form is there."""
        self.prepare_create()
        self.warm_up()

    def prepare_overlay(self):
        """The prepared form becomes part of the container."""
        self.prepare_again()
        self.arguments += ["--area", "overlay"]

    def prepare_destroy(self):
        self.prepare_create()
        ok(self.world.run(*self.arguments))
        self.arguments = ["destroy", "101"]

    def prepare_pull_file(self):
        self.add_template()
        self.arguments = ["template", "pull", "small"]
        self.make_cache()

    def prepare_pull_http(self):
        folder = str(self.world.templates)
        self.server = http.server.ThreadingHTTPServer(
            ("127.0.0.1", 0), lambda *a: Handler(*a, directory=folder))
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.add_template(url=f"http://127.0.0.1:{self.server.server_address[1]}/")
        self.arguments = ["template", "pull", "small"]
        self.make_cache()

    def make_cache(self):
        """The directories of an empty cache and state are there."""
        ok(self.world.run(*self.arguments))
        ok(self.world.run("template", "remove", "small"))

    # ---- one fault

    def settled(self, tree):
        return tree in (self.before, self.done)

    def explain(self, tree):
        near = min((self.before, self.done), key=lambda t: len(difference(t, tree)))
        return "the tree is neither: " + "; ".join(difference(near, tree)[:5])

    def after_kill(self):
        recovered = self.world.run("recover")
        if recovered.code != 0:
            return f"recover: {recovered}"
        tree = look(self.world)
        if not self.settled(tree):
            return self.explain(tree)
        return None

    def after_error(self, result, point, codes):
        tree = look(self.world)
        said = [line for line in result.err.splitlines() if line.startswith("vzroot: ")]
        # What was printed last could not be: the work is done all the same.
        unseen = [line for line in said if "cannot write standard output" in line]
        if result.code == 0 or unseen:
            wanted = self.done
        elif not said:
            return f"exit {result.code} without a message"
        elif result.code == 7 and "area strategy overlay is not possible" in said[0]:
            wanted = self.before  # trying whether it is was what failed
        elif result.code not in codes and not (result.code == 1 and self.is_foreign(point)):
            return f"exit {result.code}, not {sorted(codes)}: {said[0]}"
        else:
            wanted = self.before
        if tree == wanted:
            return None
        # Said, and ended by the next command: a removal that stopped half way, something that
        # could not be taken back, or not be tidied up after the work was done.
        if said and (self.name == "destroy" or len(said) > 1 or result.code == 0):
            return self.after_kill()
        what = "; ".join(difference(wanted, tree)[:5])
        return f"exit {result.code} and {what}" + (f" ({said[0]})" if said else "")

    @staticmethod
    def is_foreign(point):
        """Files that libraries open in the child, of locales and the like: no matter of room."""
        return point.role == "any" and point.call == "openat"

    def strike(self, point, fault, codes):
        """What went wrong with this fault at this point, or None."""
        self.reset()
        result = self.world.run(*self.arguments, prefix=point.prefix(fault), timeout=60)
        if "AddressSanitizer" in result.err or result.code in (-11, -6, 139, 134):
            return f"crashed: {result}"
        why = self.after_kill() if codes is None else self.after_error(result, point, codes)
        if why is None:
            try:
                check_cache(self.world)
                check_forms(self.world, self.forms)
            except AssertionError as error:
                why = f"the cache: {error}"
        return why


LIMITS = "<space_hard_limit unit='MiB'>100</space_hard_limit>"
OWNERS = "<v:user name='root'><v:blocks hard='50' unit='MiB'/></v:user>"


@pytest.fixture(scope="module")
def scenes(vzroot_path, place, as_root):
    """Scenes are made when they are first asked for, one at a time."""
    made = {}

    def get(name):
        if name not in made:
            for old in list(made):
                made.pop(old).close()
            made[name] = Scene(vzroot_path, place, name)
        return made[name]
    yield get
    for scene in made.values():
        scene.close()


@pytest.mark.parametrize("role", ["main", "any"])
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("command", ["create", "again", "overlay", "destroy", "pull-file",
                                     "pull-http"])
def test_fault(request, scenes, command, fault, role):
    scene = scenes(command)
    injection, codes = FAULTS[fault]
    points = choose(scene.points, role, injection, request.config.getoption("--points"),
                    request.config.getoption("--seed"))
    if not points and role == "any":
        assert command != "create"  # it has a child
        return
    assert points
    wrong = []
    for point in points:
        why = scene.strike(point, injection, codes)
        if why:
            wrong.append(f"{command}: {fault} at {point}: {why}")
            print(wrong[-1], file=sys.stderr)
    assert not wrong, f"{len(wrong)} of {len(points)} points\n" + "\n".join(wrong)


def test_points_cover_the_work(scenes):
    """The recording sees what a creation is known to do; an empty one would prove nothing."""
    points = scenes("create").points
    for call in ("openat2", "write", "mkdirat", "fsync", "syncfs", "renameat2", "unlinkat"):
        assert any(p.call == call and p.role == "main" for p in points), points
    for call in ("openat", "write", "fchown", "fsetxattr", "mknodat", "linkat", "symlinkat"):
        assert any(p.call == call and p.role == "any" for p in points), points
    assert len(points) > 100
