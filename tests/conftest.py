# SPDX-License-Identifier: LGPL-2.1-or-later
"""Options and fixtures that every Python suite shares. Standard library and pytest only."""
import os
import pathlib
import subprocess

import pytest

SOURCE = pathlib.Path(__file__).resolve().parent.parent


def pytest_addoption(parser):
    parser.addoption("--vzroot", help="the command to test (default: newest build*/cli/vzroot)")
    parser.addoption("--data", help="directory of real templates and documents "
                                    "(default: ../shared/data beside the project, if it is there)")
    parser.addoption("--build", help="build directory without sanitizers, for the symbol check "
                                     "and for tests of memory and system calls")
    parser.addoption("--tsan", help="build directory with ThreadSanitizer, for the tests of races")
    parser.addoption("--seed", type=int, default=1, help="choice of the sampled fault points")
    parser.addoption("--points", type=int, default=0,
                     help="most fault points per command; 0: every one")


def find_vzroot(config):
    given = config.getoption("--vzroot")
    if given:
        return pathlib.Path(given).resolve()
    found = sorted(SOURCE.glob("build*/cli/vzroot"), key=lambda p: p.stat().st_mtime)
    return found[-1].resolve() if found else None


def find_data(config):
    given = config.getoption("--data")
    path = pathlib.Path(given) if given else SOURCE.parent / "shared" / "data"
    return path.resolve() if path.is_dir() else None


@pytest.fixture(scope="session")
def source_root():
    """Root of the source tree."""
    return SOURCE


@pytest.fixture(scope="session")
def vzroot_path(request):
    """Path of the command under test."""
    path = find_vzroot(request.config)
    if path is None or not os.access(path, os.X_OK):
        pytest.fail("no vzroot to test: build it, or name it with --vzroot")
    return path


@pytest.fixture(scope="session")
def data_dir(request):
    """Directory of real inputs; tests that need it are skipped where it is absent."""
    path = find_data(request.config)
    if path is None:
        pytest.skip("no real data: there is no ../shared/data")
    return path


@pytest.fixture(scope="session")
def build_dir(request):
    """A build without sanitizers."""
    path = request.config.getoption("--build")
    if not path:
        pytest.skip("no --build directory without sanitizers was named")
    return pathlib.Path(path).resolve()


@pytest.fixture(scope="session")
def as_root():
    """Tests that make devices, mounts and foreign owners."""
    if os.geteuid() != 0:
        pytest.skip("needs root")


@pytest.fixture(scope="session")
def is_sanitized(vzroot_path):
    """Whether the command was built with AddressSanitizer (its memory and time mean nothing)."""
    out = subprocess.run(["nm", "-D", str(vzroot_path)], capture_output=True, text=True,
                         check=False)
    return "__asan_init" in out.stdout
