# SPDX-License-Identifier: LGPL-2.1-or-later
"""Worlds for the tests of whole containers."""
import pathlib
import subprocess
import sys
import tempfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import archives  # noqa: E402
from world import World  # noqa: E402


@pytest.fixture
def empty_world(vzroot_path, as_root):
    """A host without any template source."""
    made = World(tempfile.mkdtemp(prefix="vzroot-test-"), vzroot_path)
    made.top.chmod(0o755)
    yield made
    made.remove()


@pytest.fixture
def world(empty_world):
    """A host with one source, which has the template "small"."""
    archives.write(empty_world.templates)
    empty_world.publish()
    empty_world.add_source()
    return empty_world


@pytest.fixture
def real_world(empty_world, data_dir):
    """A host whose source is the directory of real templates with its own SHA256SUMS."""
    subprocess.run(["cp", "--reflink=auto", "-RT", data_dir / "templates", empty_world.templates],
                   check=True)
    empty_world.add_source("real")
    return empty_world
