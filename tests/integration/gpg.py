# SPDX-License-Identifier: LGPL-2.1-or-later
"""OpenPGP keys made for one test run: good, expired, revoked, and what they sign."""
import pathlib
import shutil
import subprocess
import tempfile


class KeyRing:
    """A gpg home of its own. Signing keys are ed25519: made in an instant."""

    def __init__(self):
        # Short, because the agent's socket lies in it.
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="vzr-gpg-"))
        self.home.chmod(0o700)

    def close(self):
        subprocess.run(["gpgconf", "--homedir", str(self.home), "--kill", "all"], check=False)
        shutil.rmtree(self.home, ignore_errors=True)

    def gpg(self, *args, data=None, time=None):
        command = ["gpg", "--homedir", str(self.home), "--batch", "--yes", "--quiet",
                   "--pinentry-mode", "loopback", "--passphrase", "", "--no-permission-warning",
                   "--trust-model", "always"]
        if time:
            command += ["--faked-system-time", time + "!"]
        run = subprocess.run([*command, *args], input=data, capture_output=True, check=False)
        assert run.returncode == 0, run.stderr.decode()
        return run.stdout

    def make(self, name, expires="never", time=None, algorithm="ed25519"):
        """A new key; its fingerprint."""
        self.gpg("--quick-gen-key", f"{name} <{name}@example.org>", algorithm, "sign", expires,
                 time=time)
        listing = self.gpg("--with-colons", "--list-keys", f"={name} <{name}@example.org>",
                           time=time).decode()
        return next(line.split(":")[9] for line in listing.splitlines() if line.startswith("fpr:"))

    def add_subkey(self, fingerprint):
        """A signing sub key; its fingerprint."""
        self.gpg("--quick-add-key", fingerprint, "ed25519", "sign", "never")
        listing = self.gpg("--with-colons", "--list-keys", fingerprint).decode()
        return [line.split(":")[9] for line in listing.splitlines() if line.startswith("fpr:")][-1]

    def revoke(self, fingerprint):
        text = (self.home / "openpgp-revocs.d" / f"{fingerprint}.rev").read_text()
        # gpg puts a colon there so that it is not imported by accident.
        self.gpg("--import", data=text.replace(":-----BEGIN", "-----BEGIN").encode())

    def export(self, *fingerprints, armor=False):
        return self.gpg(*(["--armor"] if armor else []), "--export", *fingerprints)

    def sign(self, data, *fingerprints, armor=True, time=None, extra=()):
        """A detached signature over @data by each of the keys."""
        users = [x for f in fingerprints for x in ("-u", f + "!" if len(f) == 40 else f)]
        return self.gpg(*(["--armor"] if armor else []), *users, *extra, "--detach-sign",
                        data=data, time=time)
