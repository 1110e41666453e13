# SPDX-License-Identifier: LGPL-2.1-or-later
"""What people use instead, each made ready for its timed command; absent ones are named."""
import shutil

from measure import Case, run


def untar(archive, target):
    """tar and bsdtar into an empty directory."""
    keep = ["--numeric-owner", "--xattrs", "--acls"]
    yield Case("tar", [["tar", *keep, "-xpf", archive, "-C", target]],
               [["rm", "-rf", target]], [["mkdir", target]])
    if shutil.which("bsdtar"):
        yield Case("bsdtar", [["bsdtar", "--numeric-owner", "-xpf", archive, "-C", target]],
                   [["rm", "-rf", target]], [["mkdir", target]])


def umoci(archive, place):
    """An image of one layer (from a plain tar), unpacked as root."""
    if not shutil.which("umoci"):
        return
    layout = place / "umoci"
    run("umoci", "init", "--layout", layout)
    run("umoci", "new", "--image", f"{layout}:t")
    run("umoci", "raw", "add-layer", "--image", f"{layout}:t", archive)
    target = place / "umoci-target"
    yield Case("umoci raw unpack", [["umoci", "raw", "unpack", "--image", f"{layout}:t", target]],
               [["rm", "-rf", target]])


def buildah(archive, place):
    """A container from an image that is stored already."""
    if not shutil.which("buildah"):
        return
    for driver in ("overlay", "vfs"):
        base = ["buildah", "--root", place / driver, "--runroot", place / f"{driver}-run",
                "--storage-driver", driver]
        made = run(*base, "from", "scratch").strip()
        run(*base, "add", "-q", made, archive)
        run(*base, "commit", "-q", "--rm", made, "bench")
        yield Case(f"buildah from ({driver})",
                   [[*base, "from", "-q", "--pull-never", "--name", "c", "bench"]],
                   [[*base, "rm", "c"]])


def lxc_create(archive, place):
    """lxc-create from a local image, which it wants as .tar.xz with a metadata archive."""
    if not shutil.which("lxc-create"):
        return
    folder = place / "lxc-image"
    (folder / "meta").mkdir(parents=True)
    (folder / "meta/config").write_text("lxc.include = LXC_TEMPLATE_CONFIG/common.conf\n")
    (folder / "meta/create-message").write_text("\n")
    run("tar", "-C", folder / "meta", "-cJf", folder / "meta.tar.xz", ".")
    run("sh", "-c", f"zcat {archive} | xz -1 -T0 > {folder}/root.tar.xz")
    path = place / "lxc"
    path.mkdir()
    yield Case("lxc-create -t local (xz)",
               [["lxc-create", "-P", path, "-n", "c", "-t", "local", "--", "--metadata",
                 folder / "meta.tar.xz", "--fstree", folder / "root.tar.xz"]],
               [["rm", "-rf", path / "c"]])


def settled(kind, top):
    """Commands that wait until the file system has done what it put off."""
    both = [["btrfs", "filesystem", "sync", top], ["btrfs", "subvolume", "sync", top]]
    return both if kind == "btrfs" else []


def many(kind, top, count):
    """@count copies of top/unpacked, one after the other, and the same bytes as plain files."""
    numbers = f"$(seq {count})"
    make = {"ext4": "cp -a unpacked", "btrfs": "btrfs -q subvolume snapshot unpacked"}[kind]
    remove = {"ext4": "rm -rf", "btrfs": "btrfs -q subvolume delete"}[kind]
    yield Case(make.replace(" unpacked", "").replace(" -q", "") + ", each",
               [["sh", "-c", f"cd {top}; for i in {numbers}; do {make} c$i; done; sync -f ."]],
               [["sh", "-c", f"cd {top}; {remove} c*"], *settled(kind, top)])
    if kind == "ext4":
        yield Case("writing as many bytes",
                   [["sh", "-c", f"cd {top}; bytes=$(du -sb unpacked | cut -f1); for i in "
                     f"{numbers}; do head -c $bytes /dev/zero > c$i; done; sync -f ."]],
                   [["sh", "-c", f"cd {top}; rm -f c*"]])


def copies(kind, tree, target):
    """Copies of a tree that is unpacked already, as good as the file system lets them be."""
    mode = "never" if kind == "ext4" else "always"
    yield Case(f"cp -a --reflink={mode}", [["cp", "-a", f"--reflink={mode}", tree, target]],
               [["rm", "-rf", target]])
    if kind == "btrfs":
        yield Case("btrfs subvolume snapshot",
                   [["btrfs", "subvolume", "snapshot", tree, target]],
                   [["btrfs", "subvolume", "delete", target]])
