# SPDX-License-Identifier: LGPL-2.1-or-later
"""The benchmark runs to its end and reports every figure. No time is asserted here."""
import json
import pathlib
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "integration"))

import archives  # noqa: E402


@pytest.fixture
def archive(tmp_path):
    """A small template: what is shown here is that everything runs."""
    archives.write(tmp_path, "small")
    return next(tmp_path.glob("small.tar.gz"))


def test_smoke(vzroot_path, as_root, tmp_path, archive):
    out = subprocess.run([str(x) for x in [
        pathlib.Path(__file__).parent / "run", "--vzroot", vzroot_path, "--archive", archive,
        "--runs", 1, "--scale", 0.001, "--json", tmp_path / "result.json"]],
        capture_output=True, text=True, check=False)
    assert out.returncode == 0, out.stdout + out.stderr
    tables = json.loads((tmp_path / "result.json").read_text())["tables"]
    wanted = {"cold tar.gz (ext4)": {"vzroot create", "tar", "bsdtar", "umoci raw unpack",
                                     "lxc-create -t local (xz)"},
              "cold tar.zst, durable (ext4)": {"vzroot create", "tar", "bsdtar"},
              "next container (ext4)": {"copy", "overlay", "stream", "cp -a --reflink=never", "tar",
                                        "buildah from (overlay)", "buildah from (vfs)"},
              "next container (btrfs)": {"snapshot", "btrfs subvolume snapshot", "tar"},
              "next container (xfs)": {"reflink", "cp -a --reflink=always"},
              "fetched at 50 MB/s (ext4)": {"vzroot create", "vzroot template pull, create",
                                            "curl, sha256sum, tar"},
              "commands": {"version", "check", "list, 10 containers"}}
    for title, names in wanted.items():
        assert names <= {row["what"] for row in tables[title]}, (title, tables[title])
    for kind in ("copy (ext4)", "snapshot (btrfs)", "overlay (ext4)"):
        assert any(kind in title for title in tables), tables.keys()
    for title, rows in tables.items():
        for row in rows:
            assert 0 < row["min_s"] <= row["median_s"] <= row["max_s"], (title, row)
            assert row["peak_kib"] > 0
