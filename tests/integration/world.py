# SPDX-License-Identifier: LGPL-2.1-or-later
"""A world of its own for each test: a --root directory like an OpenVZ host, and what changed."""
import dataclasses
import hashlib
import json
import os
import pathlib
import re
import shutil
import stat
import subprocess

VZ_CONF = """# Global parameters
VIRTUOZZO=yes
LOCKDIR=/vz/lock
TEMPLATE=/vz/template
VE_ROOT=/vz/root/$VEID
VE_PRIVATE=/vz/private/$VEID
DISK_QUOTA=yes
CONFIGFILE="basic"
"""

# As a host has it: suffixes that libvirt does not read, a duplicate, values that a create replaces.
SAMPLE = """# UBC parameters (in form of barrier:limit)
PHYSPAGES="0:256M"
SWAPPAGES="0:512M"

# Disk quota parameters (in form of softlimit:hardlimit)
DISKSPACE="2G:2.2G"
DISKINODES="131072:144179"
QUOTATIME="0"

# CPU fair scheduler parameter
CPUUNITS="1000"
CPUUNITS="2000"

NETFILTER="stateless"
VE_ROOT="/somewhere/$VEID"
"""


@dataclasses.dataclass
class Result:
    """What one run of the command did."""
    code: int
    out: str
    err: str

    @property
    def events(self):
        """The JSON values of standard output, one a line."""
        return [json.loads(line) for line in self.out.splitlines() if line[:1] in ("{", "[")]

    @property
    def last(self):
        return self.events[-1]

    def __str__(self):
        return f"exit {self.code}\n{self.out}{self.err}"


def describe(path):
    """Everything about one file that must not change unseen, as a comparable text."""
    st = os.lstat(path)
    parts = [stat.filemode(st.st_mode), f"{st.st_uid}:{st.st_gid}"]
    if stat.S_ISREG(st.st_mode):
        with open(path, "rb") as f:
            parts.append(hashlib.file_digest(f, "sha256").hexdigest()[:16])
        parts.append(f"links={st.st_nlink}")
    elif stat.S_ISLNK(st.st_mode):
        parts.append("-> " + os.fsdecode(os.readlink(path)))
    elif stat.S_ISCHR(st.st_mode) or stat.S_ISBLK(st.st_mode):
        parts.append(f"{os.major(st.st_rdev)},{os.minor(st.st_rdev)}")
    try:
        for name in sorted(os.listxattr(path, follow_symlinks=False)):
            if name != "security.selinux":
                value = os.getxattr(path, name, follow_symlinks=False)
                parts.append(f"{name}={value.hex()}")
    except OSError:
        pass
    return " ".join(parts)


def snapshot(top, without=()):
    """{path: description} of all below @top, without paths that match a pattern of @without."""
    leave = re.compile("|".join(f"(?:{p})" for p in without)) if without else None
    found = {}
    for folder, dirs, files in os.walk(os.fsencode(top)):
        for name in [*dirs, *files]:
            path = os.path.join(folder, name)
            relative = os.fsdecode(os.path.relpath(path, os.fsencode(top)))
            if leave and leave.fullmatch(relative):
                if name in dirs:
                    dirs.remove(name)
                continue
            found[relative] = describe(path)
    return found


def difference(before, after):
    """One line for each path that is not the same."""
    lines = []
    for path in sorted(set(before) | set(after)):
        old, new = before.get(path), after.get(path)
        if old != new:
            lines.append(f"{path!r}: {old or 'absent'} => {new or 'absent'}")
    return lines


def read_conf(path):
    """{key: value} as vzctl reads them: the first of duplicates, up to the last quote."""
    values = {}
    for line in pathlib.Path(path).read_text(encoding="utf-8").splitlines():
        line = line.lstrip()
        if not line or line.startswith("#") or "=" not in line:
            continue
        key, _, value = line.partition("=")
        if value.startswith('"') and value.rfind('"') > 0:
            value = value[1:value.rfind('"')]
        values.setdefault(key, value)
    return values


def owner(kind, name, mib):
    """Block limits of one user or group, soft as hard, for domain(metadata=...)."""
    return f"<v:{kind} name='{name}'><v:blocks hard='{mib}' unit='MiB'/></v:{kind}>"


def domain(name="101", template="small", limits="", metadata="", extra=""):
    """An openvz document. @limits stands inside <filesystem>, @metadata inside our limits."""
    meta = f"<metadata><v:limits xmlns:v='urn:vzroot:1'>{metadata}</v:limits></metadata>" \
        if metadata else ""
    return f"""<domain type='openvz'>
  <name>{name}</name>
  {meta}
  <memory unit='KiB'>262144</memory>
  <vcpu>1</vcpu>
  <os><type>exe</type><init>/sbin/init</init></os>
  <devices>
    <filesystem type='template'>
      <source name='{template}'/>
      <target dir='/'/>
      {limits}
    </filesystem>
    {extra}
  </devices>
</domain>
"""


class World:
    """One --root directory and the command."""

    def __init__(self, top, vzroot):
        self.top = pathlib.Path(top)
        self.root = self.top / "root"
        self.vzroot = vzroot
        (self.root / "etc/vz/conf").mkdir(parents=True)
        (self.root / "etc/vz/vz.conf").write_text(VZ_CONF)
        (self.root / "etc/vz/conf/ve-basic.conf-sample").write_text(SAMPLE)
        (self.root / "etc/vzroot/sources.d").mkdir(parents=True)
        # URLs are paths below the root like all others.
        self.templates = self.root / "srv/templates"
        self.templates.mkdir(parents=True)

    # ---- what is in it

    def path(self, *parts):
        return self.root.joinpath(*(str(p).lstrip("/") for p in parts))

    def private(self, ctid):
        return self.path("vz/private", ctid)

    def conf(self, ctid):
        return self.path("etc/vz/conf", f"{ctid}.conf")

    def quota(self, ctid):
        return self.path("var/vzquota", f"quota.{ctid}")

    def add_source(self, name="local", url=None, **keys):
        """A directory of archives with checksums, over file:// unless @url says otherwise."""
        lines = {"kind": "directory", "url": url or "file:///srv/templates", "trust": "checksum",
                 **keys}
        text = "".join(f'{key}="{value}"\n' for key, value in lines.items())
        (self.root / f"etc/vzroot/sources.d/{name}.conf").write_text(text)

    def publish(self):
        """Writes SHA256SUMS over the archives of the source's directory."""
        lines = [f"{hashlib.sha256(p.read_bytes()).hexdigest()}  {p.name}\n"
                 for p in sorted(self.templates.iterdir()) if ".tar" in p.name]
        (self.templates / "SHA256SUMS").write_text("".join(lines))

    def document(self, text=None, file="domain.xml", **keys):
        path = self.top / file
        path.write_text(text or domain(**keys))
        return path

    # ---- what is done in it

    def command(self, *args):
        return [str(self.vzroot), "--root", str(self.root), *map(str, args)]

    def run(self, *args, prefix=(), timeout=120, **options):
        if "strace" in prefix:
            # LeakSanitizer is a tracer itself and cannot work under another.
            options.setdefault("env", {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"})
        out = subprocess.run([*map(str, prefix), *self.command(*args)], capture_output=True,
                             timeout=timeout, check=False, stdin=options.pop("stdin",
                                                                            subprocess.DEVNULL),
                             **options)
        return Result(out.returncode, out.stdout.decode("utf-8", "replace"),
                      out.stderr.decode("utf-8", "replace"))

    def start(self, *args, prefix=(), **options):
        """Starts the command without waiting; standard output and error are pipes."""
        return subprocess.Popen([*map(str, prefix), *self.command(*args)],
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, **options)

    def create(self, *args, prefix=(), timeout=120, options=None, **keys):
        """create of the document that @keys describe; the result with --json."""
        document = self.document(**keys)
        return self.run("--json", "create", document, *args, prefix=prefix, timeout=timeout,
                        **(options or {}))

    # ---- what came of it

    def snapshot(self, without=()):
        return snapshot(self.root, without)

    def remove(self):
        """Takes all of it away, immutable files included; what a test left mounted first."""
        with open("/proc/self/mounts", encoding="utf-8") as mounts:
            left = [line.split()[1] for line in mounts if f"{self.top}/" in line]
        for where in reversed(left):
            subprocess.run(["umount", "-l", where], check=False)
        subprocess.run(["chattr", "-R", "-f", "-i", "-a", str(self.top)], check=False,
                       capture_output=True)
        shutil.rmtree(self.top, ignore_errors=True)


def ok(result):
    """The result, which must be a success."""
    assert result.code == 0, str(result)
    return result


def refused(result, code, *texts):
    """The result, which must be this exit status with these texts in its one message."""
    assert result.code == code, str(result)
    messages = [line for line in result.err.splitlines() if not line.startswith("vzroot: warning")]
    assert len(messages) == 1, str(result)
    assert messages[0].startswith("vzroot: "), str(result)
    for text in texts:
        assert text in messages[0], str(result)
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", result.err), repr(result.err)
    return result
