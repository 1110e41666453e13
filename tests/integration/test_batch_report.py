# SPDX-License-Identifier: LGPL-2.1-or-later
"""The report of a batch: one page that needs nothing but itself, as a browser shows it."""
import html.parser
import os
import re
import shutil
import subprocess

import pytest

import png
from batch_world import documents
from world import domain, ok, refused

# Colours of the page: the bars of the stage "area", and the background of light and dark.
AREA = (0x3f, 0x7f, 0xc4)
LIGHT = (0xfb, 0xfb, 0xfa)
DARK = (0x15, 0x18, 0x1b)
BAD_LIGHT = (0xb3, 0x26, 0x1e)


class Page(html.parser.HTMLParser):
    """What is in a page: its elements, its text, and whether they are closed."""
    VOID = {"meta"}

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.text, self.attributes = [], [], "", []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def evil(world, count):
    """Documents of which one fails with a text that would be an element in a careless page."""
    folder = documents(world, [f"ct-{n}" for n in range(count)])
    bad = "<v:user name='&lt;script&gt;x&amp;y'><v:blocks hard='9' unit='MiB'/></v:user>"
    (folder / "2.xml").write_text(domain(name="ct-2", metadata=bad))
    return folder


@pytest.fixture
def page(world):
    path = world.top / "report.html"
    refused(world.run("batch", "-j", 2, "-k", "-q", "--report", path, evil(world, 9)), 3,
            "<script>x&y")
    return path


def test_what_is_in_it(page):
    text = page.read_text()
    found = Page(text)
    assert "script" not in found.tags and "<script" not in text
    assert "user '<script>x&y'" in found.text
    assert found.tags.count("h1") == 1 and "vzroot batch: 9 containers" in found.text
    assert "8created" in found.text and "1failed" in found.text
    for name in [f"ct-{n}" for n in range(9)]:
        assert name in found.text
    for stage in ("claim", "area", "quota", "sync", "handoff"):
        assert stage in found.text
    bars = re.findall(r"left:([0-9.]+)%;width:([0-9.]+)%", text)
    assert len(bars) >= 9 * 5
    assert all(float(left) + float(width) <= 100.1 for left, width in bars)


def test_it_needs_nothing_else(page):
    text = page.read_text()
    found = Page(text)
    assert not {"link", "img", "iframe", "object", "script"} & set(found.tags)
    assert not [a for a in found.attributes if a[0] in ("src", "href") or a[0].startswith("on")]
    assert "url(" not in text and "@import" not in text and "://" not in text
    assert "default-src 'none'" in text
    assert "prefers-color-scheme:dark" in text


def test_of_a_batch_that_stopped(world):
    path = world.top / "report.html"
    world.run("batch", "-j", 1, "-q", "--report", path, evil(world, 9))
    text = Page(path.read_text()).text
    assert "not made" in text and "1failed" in text


def test_report_that_cannot_be_written(world):
    out = world.run("batch", "-q", "--report", "/nowhere/report.html", documents(world, ["a"]))
    refused(out, 1, "cannot write the report /nowhere/report.html")
    assert world.conf(101).exists()


def screenshot(page, where, *more):
    chromium = shutil.which("chromium")
    if not chromium:
        pytest.skip("there is no chromium here")
    where.mkdir()
    picture = where / "page.png"
    out = subprocess.run(
        [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
         "--no-first-run", "--disable-background-networking", "--disable-component-update",
         "--disable-sync", f"--user-data-dir={where}/profile", "--hide-scrollbars",
         "--force-device-scale-factor=1", "--force-color-profile=srgb",
         "--window-size=1000,1100", *more, f"--screenshot={picture}", page.as_uri()],
        capture_output=True, timeout=120, check=False, env={**os.environ, "HOME": str(where)})
    assert picture.exists(), out.stderr.decode("utf-8", "replace")
    return png.colours(picture)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_in_a_browser(page, world, dark):
    # 0 is dark, 1 light.
    width, height, found = screenshot(
        page, world.top / "browser", f"--blink-settings=preferredColorScheme={0 if dark else 1}")
    assert (width, height) == (1000, 1100)
    mine, other = (DARK, LIGHT) if dark else (LIGHT, DARK)
    assert found.get(mine, 0) > 0.05 * width * height and not found.get(other)
    # Bars of the timeline, and text in many shades: it is not blank.
    assert found.get(AREA, 0) > 200
    assert len(found) > 60
    if not dark:
        assert found.get(BAD_LIGHT, 0) > 100
    assert max(found.values()) < 0.95 * width * height
