# SPDX-License-Identifier: LGPL-2.1-or-later
"""The schema that is shipped agrees with what the command accepts and refuses."""
import shutil
import subprocess

import pytest

# Well-formed documents only vzroot itself can refuse; a grammar does not see what is wrong.
CORPUS = "tests/fuzz/corpus/domain"


def validate(source_root, path):
    if not shutil.which("xmllint"):
        pytest.fail("xmllint is not installed (libxml2-utils)")
    schema = source_root / "engine" / "domain" / "domain.rng"
    return subprocess.run(["xmllint", "--noout", "--nonet", "--relaxng", schema, path],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)


def corpus(source_root, pattern):
    found = sorted((source_root / CORPUS).glob(pattern))
    assert len(found) >= 10
    return found


def test_accepts_what_is_meant(source_root):
    for path in corpus(source_root, "good-*.xml"):
        run = validate(source_root, path)
        assert run.returncode == 0, run.stderr


def test_refuses_what_is_not(source_root):
    for path in corpus(source_root, "bad-*.xml"):
        run = validate(source_root, path)
        assert run.returncode in (1, 3), f"{path.name}: {run.stderr}"
        assert "failed to compile" not in run.stderr


def test_agrees_with_the_command(source_root, vzroot_path):
    """check refuses the same documents, as bad input with a place."""
    for path in corpus(source_root, "bad-*.xml"):
        run = subprocess.run([vzroot_path, "check", path], stdin=subprocess.DEVNULL,
                             capture_output=True, text=True, check=False)
        assert run.returncode == 8, f"{path.name}: {run.stderr}"
        assert f"{path.name}:" in run.stderr


def test_accepts_real_documents(source_root, data_dir):
    count = 0
    for path in sorted((data_dir / "domains").glob("*.xml")):
        run = validate(source_root, path)
        if path.name == "hist-2007-03-14-rfc-filesystem.xml":
            assert run.returncode == 1 and "mismatch" in run.stderr
            continue
        assert run.returncode == 0, run.stderr
        count += 1
    assert count >= 20
