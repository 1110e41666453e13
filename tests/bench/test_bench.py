# SPDX-License-Identifier: LGPL-2.1-or-later
"""The benchmark runs to its end and reports every figure. No time is asserted here."""
import json
import pathlib
import subprocess


def test_area_smoke(vzroot_path, as_root, tmp_path, data_dir):
    archive = ["--archive", data_dir / "templates/debian-12-x86_64-minbase.tar.gz"]
    out = subprocess.run([str(x) for x in [pathlib.Path(__file__).parent / "area", "--vzroot",
                                           vzroot_path, "--runs", 1, "--kinds", "ext4,btrfs",
                                           "--megabytes", 1500, "--json", tmp_path / "area.json",
                                           *archive]],
                         capture_output=True, text=True, check=False)
    assert out.returncode == 0, out.stdout + out.stderr
    result = json.loads((tmp_path / "area.json").read_text())
    assert {"copy", "tar xzf"} <= set(result["ext4"])
    assert {"snapshot", "reflink", "subvolume snapshot"} <= set(result["btrfs"])


def test_smoke(vzroot_path, as_root, tmp_path, pytestconfig):
    from_option = pytestconfig.getoption("--data")
    archive = ["--archive", pathlib.Path(from_option) /
               "templates/debian-12-x86_64-minbase.tar.gz"] if from_option else []
    out = subprocess.run([str(x) for x in [pathlib.Path(__file__).parent / "create", "--vzroot",
                                           vzroot_path, "--runs", 1, "--json",
                                           tmp_path / "result.json", *archive]],
                         capture_output=True, text=True, check=False)
    print(out.stdout)
    assert out.returncode == 0, out.stdout + out.stderr
    result = json.loads((tmp_path / "result.json").read_text())
    for mode in ("sync", "no-sync"):
        rows = {r["what"]: r for r in result["create"][mode]}
        assert {"vzroot create", "tar", "bsdtar"} <= set(rows)
        for r in rows.values():
            assert 0 < r["min_s"] <= r["median_s"] <= r["max_s"]
            assert r["peak_kib"] > 0
    assert [r["what"] for r in result["commands"]] == ["check", "version"]
