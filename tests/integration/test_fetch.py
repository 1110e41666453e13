# SPDX-License-Identifier: LGPL-2.1-or-later
"""Downloads into the cache from servers, mirrors and proxies that misbehave (tool tests/fetch)."""
import hashlib
import os

import pytest

from fetch_world import (DATA, HEX, HEX512, SIZE, authority, cache,  # noqa: F401
                         fetch_tool, server)
from hostile_http import HostileServer, Proxy, unused_port


# ---- what works

def test_plain(cache, server):
    url = server.put("/a", DATA)
    cache.got("--sha256", HEX, "--size", SIZE, url)
    assert server.requests("/a")[0].headers["user-agent"].startswith("vzroot/")
    assert "accept-encoding" not in server.requests("/a")[0].headers
    cache.got("--sha256", HEX, "--size", SIZE, url, cached=True)
    assert server.count() == 1


@pytest.mark.parametrize("behaviour", ["chunked", "close_delimited"])
def test_without_a_length(cache, server, behaviour):
    cache.got("--sha256", HEX, server.put("/a", DATA, behaviour))


def test_without_a_digest(cache, server):
    cache.got(server.put("/a", DATA))


def test_sha512(cache, server):
    cache.got("--sha512", HEX512, server.put("/a", DATA))


def test_empty(cache, server):
    cache.got(server.put("/a", b""), digest=hashlib.sha256(b"").hexdigest())


def test_redirects(cache, server):
    server.put("/last", DATA)
    for i in range(5):
        server.put(f"/r{i}", b"", "redirect", to=f"/r{i + 1}" if i < 4 else "/last",
                   status=(301, 302, 303, 307, 308)[i])
    cache.got("--sha256", HEX, server.url("/r0"))
    assert server.count() == 6


def test_file(cache, tmp_path):
    (cache.root / "a b").write_bytes(DATA)
    cache.got("--sha256", HEX, "--size", SIZE, "file:///a%20b")


def test_progress(cache, server):
    run = cache.got("--progress", "--sha256", HEX, server.put("/a", DATA))
    steps = [line.split() for line in run.stderr.splitlines() if line.startswith("progress ")]
    assert all(s[1] == "fetch" and s[3] == SIZE for s in steps)
    assert [int(s[2]) for s in steps] == sorted(int(s[2]) for s in steps)
    assert steps[-1][2] == SIZE


def test_memory(cache, server):
    run = cache.run("--memory", server.put("/i", b"index", "chunked"))
    assert run.stdout == f"5 sha256:{hashlib.sha256(b'index').hexdigest()}\n"
    assert not cache.store.exists()


# ---- what a server can do wrong; (behaviour, options, error code, part of the message)

REFUSED = {
    "cut": ("cut", {}, "network", "the connection was closed after 1000 bytes, before the end"),
    "close-delimited": ("close_delimited", {"after": 1000}, "network",
                        f" of {SIZE} bytes"),
    "stall": ("stall", {}, "network", "timed out: slower than 1 KiB/s for 1 s, after 1000 bytes"),
    "stall-before": ("stall_before", {}, "network", "timed out: slower than 1 KiB/s for 1 s"),
    "trickle": ("trickle", {}, "network", "timed out: slower than 1 KiB/s"),
    "length-long": ("length", {"by": 100}, "wrong-digest",
                    f"the server has {len(DATA) + 100} bytes, expected {SIZE}"),
    "length-short": ("length", {"by": -100}, "wrong-digest",
                     f"the server has {len(DATA) - 100} bytes, expected {SIZE}"),
    "length-junk": ("raw_head", {"lines": "HTTP/1.1 200 OK\r\nContent-Length: 12x"}, "network",
                    "http://127.0.0.1"),
    "length-negative": ("raw_head", {"lines": "HTTP/1.1 200 OK\r\nContent-Length: -5"},
                        "network", "http://127.0.0.1"),
    "length-twice": ("raw_head", {"lines": "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"
                                           f"Content-Length: {SIZE}"},
                     "network", "the Content-Length cannot be believed"),
    "206-unasked": ("partial_unasked", {}, "network",
                    "HTTP status 206 although the whole was asked for"),
    "204": ("status", {"status": 204}, "network", "HTTP status 204"),
    "205": ("status", {"status": 205}, "network", "HTTP status 205"),
    "300": ("status", {"status": 300}, "network", "HTTP status 300 without a place to go to"),
    "304": ("status", {"status": 304}, "network", "HTTP status 304 without a place to go to"),
    "302-nowhere": ("status", {"status": 302}, "network",
                    "HTTP status 302 without a place to go to"),
    "302-empty": ("status", {"status": 302, "headers": [("Location", "")]}, "network",
                  "HTTP status 302 without a place to go to"),
    "400": ("status", {"status": 400}, "network", "HTTP status 400"),
    "403": ("status", {"status": 403, "body": b"x" * 200000}, "network", "HTTP status 403"),
    "404": ("status", {"status": 404}, "not-found", "HTTP status 404"),
    "410": ("status", {"status": 410}, "not-found", "HTTP status 410"),
    "416": ("status", {"status": 416}, "network", "HTTP status 416"),
    "500": ("status", {"status": 500}, "network", "(2 attempts at 1 place)"),
    "loop": ("redirect", {"to": lambda path: path}, "network", "more than 5 redirects"),
    "to-file": ("redirect", {"to": "file:///etc/passwd"}, "network",
                "a redirect to file:///etc/passwd is refused"),
    "to-ftp": ("redirect", {"to": "ftp://127.0.0.1/x"}, "network",
               "a redirect to ftp://127.0.0.1/x is refused"),
    "to-password": ("redirect", {"to": "http://user:secret@127.0.0.1/x"}, "network",
                    "a redirect to http://127.0.0.1/x is refused"),
    "gzip": ("encoded", {}, "network", "Content-Encoding that was not asked for"),
    "endless": ("endless", {}, "wrong-digest", f"more than the {SIZE} bytes it should have"),
    "endless-headers": ("endless_headers", {}, "network", "more than 65536 bytes of header lines"),
    "endless-100": ("continue_forever", {}, "network", "more than 65536 bytes of header lines"),
    "closed-in-headers": ("closed_in_headers", {}, "network", "closed inside the headers"),
    "closed": ("closed", {}, "network", "closed without an answer"),
    "http09": ("http09", {}, "network", "the answer is not HTTP/1"),
    "auth": ("auth", {"user": "u", "password": "p"}, "network", "HTTP status 401"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(cache, server, case):
    behaviour, options, code, message = REFUSED[case]
    url = server.put("/a?token=secret", DATA, behaviour, **options)
    run = cache.refused(code, "cannot download thing", message,
                        args=["--low-speed", 1, "--sha256", HEX, "--size", SIZE, url])
    assert "secret" not in run.stderr
    if behaviour in ("status", "partial_unasked", "encoded", "length"):
        assert cache.files("partial") == []


# Those that need a size to be known, or take long, say nothing new of a small document.
IN_MEMORY = [case for case, (behaviour, *_) in REFUSED.items()
             if behaviour not in ("close_delimited", "length", "trickle", "stall", "endless")]


@pytest.mark.parametrize("case", IN_MEMORY)
def test_refused_in_memory(cache, server, case):
    behaviour, options, code, message = REFUSED[case]
    url = server.put("/a", DATA, behaviour, **options)
    message = "HTTP status 500" if case == "500" else message
    cache.refused(code, "cannot download", message,
                  args=["--memory", "--low-speed", 1, "--max", 5 << 20, url])
    assert server.count() == {"500": 2, "stall-before": 2, "loop": 6, "closed": 2,
                              "closed-in-headers": 2}.get(case, server.count())


def test_endless_document(cache, server):
    cache.refused("limit-exceeded", "more than the 5000 bytes that are allowed",
                  args=["--memory", "--max", 5000, server.put("/a", b"", "endless")])


def test_wrong_bytes(cache, server):
    bad = DATA[:-1] + b"x"
    cache.refused("wrong-digest", f"expected sha256:{HEX}", partial=False,
                  args=["--sha256", HEX, "--size", SIZE, server.put("/a", bad)])
    assert server.count() == 1
    cache.refused("wrong-digest", f"expected sha512:{HEX512[:64]}", partial=False,
                  args=["--sha512", HEX512, server.put("/a", bad)])


def test_too_large(cache, server):
    url = server.put("/a", DATA)
    cache.refused("limit-exceeded", f"{SIZE} bytes, more than the 1000 that are allowed",
                  args=["--max", 1000, url], partial=False)
    cache.refused("limit-exceeded", "more than the 1000 bytes that are allowed",
                  args=["--max", 1000, "--sha256", HEX, server.put("/e", b"", "endless")],
                  partial=False)
    cache.refused("limit-exceeded", "5000 bytes, more than the 1000 that are allowed",
                  args=["--max", 1000, "--size", 5000, url])
    cache.refused("limit-exceeded", f"{SIZE} bytes, more than the 1048576 that are allowed",
                  args=["--memory", url])


def test_announced_too_much_is_not_taken(cache, server):
    cache.refused("wrong-digest", "the server has 67108864 bytes, expected 5",
                  args=["--size", 5, server.put("/a", bytes(64 << 20))], partial=False)
    assert server.sent() < 32 << 20


def test_end_that_nothing_can_tell(cache, server):
    cache.refused("network", "the server does not say where the body ends", partial=False,
                  args=[server.put("/a", DATA, "close_delimited", after=1000)])


def test_verify_refuses(cache, server):
    cache.refused("bad-signature", f"no signature over these {SIZE} bytes", partial=False,
                  args=["--forge", server.put("/a", DATA)])


def test_refused_connection_and_name(cache):
    cache.refused("network", "cannot connect: Connection refused", partial=False,
                  args=[f"http://127.0.0.1:{unused_port()}/a"])
    cache.refused("network", "the host name cannot be resolved (DNS)",
                  args=["http://no-such-host.invalid/a"])


@pytest.mark.parametrize("url", ["ftp://h/a", "http://u:p@h/a", "http:///a", "http://h/a b", "",
                                 "file://host/a", "http://h:0/", "https://h:99999/", "a"])
def test_bad_url(cache, url):
    run = cache.refused("bad-input", "not a http, https or file URL", args=[url])
    assert ":p@" not in run.stderr


def test_files_that_are_none(cache):
    cache.refused("not-found", "file:///none: there is no such file", args=["file:///none"])
    os.mkfifo(cache.root / "fifo")
    cache.refused("network", "file:///fifo: not a regular file", args=["file:///fifo"])
    os.symlink("/etc/passwd", cache.root / "link")
    cache.refused("not-found", "file:///link", args=["file:///link"])
    (cache.root / "short").write_bytes(b"x")
    cache.refused("wrong-digest", "file:///short", partial=False,
                  args=["--sha256", HEX, "file:///short"])


# ---- mirrors

def test_failover(cache, server):
    urls = [server.put("/404", b"", "status", status=404),
            server.put("/500", b"", "status", status=500),
            server.put("/wrong", DATA[::-1]),
            server.put("/short", DATA[:1000]),
            server.put("/stall", DATA, "stall_before"),
            f"http://127.0.0.1:{unused_port()}/a",
            "file:///none",
            server.put("/cut", DATA, "cut"),
            server.put("/good", DATA)]
    run = cache.got("--low-speed", 1, "--sha256", HEX, *urls)
    warnings = [line for line in run.stderr.splitlines() if line.startswith("warning: thing: ")]
    assert len(warnings) == 8
    for url, line in zip(urls, warnings):
        assert url in line
    # What the cut one had sent was not thrown away.
    assert server.requests("/good")[0].headers["range"] == "bytes=1000-"


def test_every_place_is_named_wrong(cache, server):
    cache.refused("not-found", "(2 attempts at 2 places)",
                  args=[server.url("/x"), server.url("/y")])
    cache.refused("network", "(3 attempts at 2 places)",
                  args=[server.url("/x"), server.put("/z", b"", "status", status=503)])
    assert server.count("/x") == 2 and server.count("/z") == 2


def test_503_then_ok(cache, server):
    url = server.put("/a", DATA, "status_then_ok", status=503, times=2)
    run = cache.got("--retries", 2, "--backoff", 50, "--sha256", HEX, url)
    assert run.stderr.count("HTTP status 503") == 2
    url = server.put("/b", b"index", "status_then_ok", status=503, times=1)
    assert cache.run("--memory", url).returncode == 0


def test_a_line_that_breaks_often(cache, server):
    # Three breaks and one retry: every break is behind more than 1 MiB of new bytes.
    url = server.put("/a", DATA + DATA, "cut", after=1500000, times=4)
    double = hashlib.sha256(DATA + DATA).hexdigest()
    cache.got("--retries", 1, "--sha256", double, url, digest=double)
    assert server.sent() == 2 * len(DATA)


# ---- TLS, proxies, credentials

def test_https(cache, authority):
    with HostileServer(tls=authority) as server:
        url = server.put("/a", DATA)
        cache.refused("network", "the TLS certificate is not trusted", args=[url], partial=False)
        assert server.count() == 0
        cache.got("--ca", authority.ca_file, "--sha256", HEX, url)


def test_https_other_name(cache, authority, tmp_path):
    cert, key = authority.issue("elsewhere", "DNS:elsewhere.invalid")
    with HostileServer(tls=authority.context(cert, key)) as server:
        cache.refused("network", "the TLS certificate is not trusted",
                      args=["--ca", authority.ca_file, server.put("/a", DATA)])


def test_no_way_back_from_https(cache, server, authority):
    server.put("/a", DATA)
    with HostileServer(tls=authority) as tls:
        down = tls.put("/down", b"", "redirect", to=server.url("/a"))
        up = server.put("/up", b"", "redirect", to=down)
        for url in (down, up):
            cache.refused("network", "a redirect from https to http://127.0.0.1",
                          "without TLS is refused",
                          args=["--ca", authority.ca_file, "--sha256", HEX, url])
        assert server.count("/a") == 0
        fine = tls.put("/b", DATA)
        cache.got("--ca", authority.ca_file, server.put("/up2", b"", "redirect", to=fine))


def test_http_to_a_tls_port(cache, authority):
    with HostileServer(tls=authority) as server:
        server.put("/a", DATA)
        cache.refused("network", args=[server.url("/a").replace("https", "http")])


def test_proxy(cache, server, authority):
    with Proxy() as proxy, HostileServer(tls=authority) as tls:
        url, secure = server.put("/a", DATA), tls.put("/b", DATA[1:])
        cache.got("--proxy", proxy.url, url)
        assert proxy.log == [f"GET {url}"]
        cache.got("--proxy", proxy.url, "--ca", authority.ca_file, secure,
                  digest=hashlib.sha256(DATA[1:]).hexdigest())
        assert proxy.log[1:] == [f"CONNECT 127.0.0.1:{tls.port}"]


def test_proxy_by_scheme(cache, server, authority):
    dead = f"http://127.0.0.1:{unused_port()}"
    with Proxy() as proxy, HostileServer(tls=authority) as tls:
        there = server.put("/a", b"", "redirect", to=tls.put("/b", DATA))
        cache.got("--https-proxy", proxy.url, "--ca", authority.ca_file, there)
        assert proxy.log == [f"CONNECT 127.0.0.1:{tls.port}"]
        cache.got("--http-proxy", dead, "--https-proxy", dead, "--no-proxy", "127.0.0.1",
                  server.put("/c", b"c"), digest=hashlib.sha256(b"c").hexdigest())


def test_proxy_fails(cache, server, authority):
    url = server.put("/a", DATA)
    with Proxy(status=403) as proxy, HostileServer(tls=authority) as tls:
        cache.refused("network", f"{url} by proxy http://127.0.0.1:{proxy.port}",
                      "HTTP status 403", args=["--proxy", proxy.url, url])
        cache.refused("network", "the proxy answers HTTP status 403",
                      args=["--proxy", proxy.url, "--ca", authority.ca_file, tls.put("/b", DATA)])
    run = cache.refused("network", "cannot connect: Connection refused", "by proxy http://127",
                        args=["--proxy", f"http://u:secret@127.0.0.1:{unused_port()}", url])
    assert "secret" not in run.stderr
    cache.refused("network", "the proxy's name cannot be resolved (DNS)",
                  args=["--proxy", "http://no-such-proxy.invalid:1", url])
    cache.refused("bad-config", "proxy 'ftp://x' is not of a kind that is known",
                  args=["--proxy", "ftp://x", url])
    assert server.count() == 0


def test_proxy_with_a_password(cache, server):
    with Proxy(user="me:secret") as proxy:
        cache.got("--proxy", proxy.url, server.put("/a", DATA))
        run = cache.run("--proxy", f"http://127.0.0.1:{proxy.port}", server.url("/b"))
        assert "HTTP status 407" in run.stderr


def test_the_environment_counts_for_nothing(cache, server, tmp_path):
    dead = f"http://127.0.0.1:{unused_port()}"
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login u password p\n")
    cache.env |= {name: dead for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY",
                                          "HTTPS_PROXY", "ALL_PROXY")}
    cache.env |= {"HOME": str(tmp_path), "no_proxy": "*", "NO_PROXY": "*"}
    cache.got(server.put("/a", DATA))
    assert "authorization" not in server.requests("/a")[0].headers
    with Proxy() as proxy:
        cache.got("--proxy", proxy.url, server.put("/b", b"b"),
                  digest=hashlib.sha256(b"b").hexdigest())
        assert len(proxy.log) == 1


def test_netrc(cache, server, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine localhost login u password sesame\n")
    server.put("/a", DATA, "auth", user="u", password="sesame")
    cache.refused("network", "HTTP status 401", args=["--netrc", netrc, server.url("/a")])
    run = cache.got("--netrc", netrc, server.url("/a", host="localhost"))
    assert "sesame" not in run.stderr
    run = cache.run("--netrc", tmp_path / "none", server.url("/a"))
    assert "error bad-config: cannot read the netrc file" in run.stderr
    run = cache.run("--ca", tmp_path / "none", server.url("/a"))
    assert "error bad-config: cannot read the CA file" in run.stderr


def test_credentials_stay_with_their_host(cache, server, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine localhost login u password sesame\n")
    with HostileServer() as other:
        other.put("/b", DATA)
        server.put("/a", b"", "redirect", to=other.url("/b"))
        cache.got("--netrc", netrc, server.url("/a", host="localhost"))
        assert "authorization" in server.requests("/a")[0].headers
        assert "authorization" not in other.requests("/b")[0].headers
