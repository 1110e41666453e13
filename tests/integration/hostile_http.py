# SPDX-License-Identifier: LGPL-2.1-or-later
"""HTTP(S) servers on loopback that misbehave in a chosen way, and a proxy: for tests of downloads.

    with HostileServer() as server:            # http; tls=certificate_authority for https
        server.put("/a.tar.gz", data)          # an honest resource
        server.put("/b", data, "cut", after=1000)
        ... server.url("/b") ...
        server.requests("/b")                  # [Request(method, path, headers, ...)]
        server.count("/b"), server.sent("/b")  # requests, bytes of bodies

Behaviours are the methods do_NAME of Behaviours; keyword arguments of put() reach them as options.
Every server picks a free port, answers each request in a thread of its own and is gone at the end
of the with block, whatever its clients do. Nothing but the standard library and openssl(1).
"""
import base64
import dataclasses
import hashlib
import os
import select
import socket
import socketserver
import ssl
import subprocess
import threading
import time

LAST_MODIFIED = "Mon, 01 Jan 2024 00:00:00 GMT"


@dataclasses.dataclass
class Request:
    """One request as the server saw it; header names in lower case."""
    method: str
    path: str
    headers: dict
    sent: int = 0
    status: int = 0

    @property
    def range_start(self):
        """First byte of a "bytes=N-" range, or None."""
        value = self.headers.get("range", "")
        if value.startswith("bytes=") and value.endswith("-"):
            return int(value[len("bytes="):-1])
        return None


@dataclasses.dataclass
class Resource:
    data: bytes
    behaviour: str
    options: dict
    etag: str
    last_modified: str


class CertificateAuthority:
    """A CA of its own in @directory, with a certificate for 127.0.0.1 and localhost."""

    def __init__(self, directory):
        self.directory = str(directory)
        self.ca_file = os.path.join(self.directory, "ca.pem")
        self._ca_key = os.path.join(self.directory, "ca.key")
        self._openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                      "-subj", "/CN=test authority", "-keyout", self._ca_key,
                      "-out", self.ca_file)
        self.cert, self.key = self.issue("server", "IP:127.0.0.1,DNS:localhost")

    def _openssl(self, *args):
        subprocess.run(["openssl", *args], check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, cwd=self.directory)

    def issue(self, name, san, days="2"):
        """Makes a certificate; returns the paths of it and its key."""
        key, csr, cert, ext = (os.path.join(self.directory, f"{name}.{e}")
                               for e in ("key", "csr", "pem", "ext"))
        with open(ext, "w", encoding="ascii") as f:
            f.write(f"subjectAltName={san}\n")
        self._openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}",
                      "-keyout", key, "-out", csr)
        self._openssl("x509", "-req", "-in", csr, "-CA", self.ca_file, "-CAkey", self._ca_key,
                      "-CAcreateserial", "-days", days, "-extfile", ext, "-out", cert)
        return cert, key

    def context(self, cert=None, key=None):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert or self.cert, key or self.key)
        return context


class _Connection:
    """One client: reads requests, sends raw bytes, counts."""

    def __init__(self, sock, server):
        self.sock = sock
        self.server = server
        self.buffer = b""
        self.request = None

    def read_request(self):
        while b"\r\n\r\n" not in self.buffer:
            chunk = self.sock.recv(65536)
            if not chunk or len(self.buffer) > 1 << 20:
                return None
            self.buffer += chunk
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        lines = head.decode("latin-1").split("\r\n")
        method, path, _version = lines[0].split(" ", 2)
        headers = {}
        for line in lines[1:]:
            name, value = line.split(":", 1)
            headers[name.strip().lower()] = value.strip()
        return Request(method, path, headers)

    def send(self, data):
        self.sock.sendall(data)

    def body(self, data):
        """Sends bytes of a body and counts them as they go."""
        view = memoryview(data)
        for at in range(0, len(view), 65536):
            piece = view[at:at + 65536]
            self.sock.sendall(piece)
            self.request.sent += len(piece)

    def head(self, status, headers=(), reason="Whatever"):
        self.request.status = status
        lines = [f"HTTP/1.1 {status} {reason}"] + [f"{n}: {v}" for n, v in headers]
        self.send(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))

    def sleep(self, seconds):
        """Sleeps, but not past the end of the server or of the client's connection."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and not self.server.closing.is_set():
            readable, _, _ = select.select([self.sock], [], [], 0.05)
            if readable:
                return


class Behaviours:
    """What a path does. True: the connection can be used again."""

    def __init__(self, connection, request, resource):
        self.c = connection
        self.request = request
        self.resource = resource
        self.data = resource.data
        self.o = resource.options

    def validators(self):
        headers = [("Date", time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime()))]
        if self.resource.etag:
            headers.append(("ETag", self.resource.etag))
        if self.resource.last_modified:
            headers.append(("Last-Modified", self.resource.last_modified))
        return headers

    def wanted(self):
        """First byte to send: honours Range and If-Range."""
        start = self.request.range_start
        condition = self.request.headers.get("if-range")
        if condition and condition not in (self.resource.etag, self.resource.last_modified):
            return None
        return start

    def begin(self, length=None, extra=()):
        """Sends the head of an honest answer; returns the bytes that its body has."""
        start = self.wanted()
        total = len(self.data)
        if start is not None and start >= total:
            self.c.head(416, [("Content-Range", f"bytes */{total}"), ("Content-Length", "0")])
            return b""
        body = self.data[start or 0:]
        headers = self.validators() + list(extra)
        if length is not False:
            headers.append(("Content-Length", str(len(body) if length is None else length)))
        if start is None:
            self.c.head(200, headers, "OK")
        else:
            headers.append(("Content-Range", f"bytes {start}-{total - 1}/{total}"))
            self.c.head(206, headers, "Partial Content")
        return body

    def do_ok(self):
        self.c.body(self.begin())
        return True

    def do_chunked(self):
        body = self.begin(False, [("Transfer-Encoding", "chunked")])
        for at in range(0, len(body), 4096):
            piece = body[at:at + 4096]
            self.c.send(b"%x\r\n" % len(piece))
            self.c.body(piece)
            self.c.send(b"\r\n")
        self.c.send(b"0\r\nContent-Length: 1\r\nX-Trailer: x\r\n\r\n")
        return True

    def do_cut(self):
        """Closes after= bytes of the body; times= limits how often (then: ok)."""
        if self.o.get("times") is not None and self.c.server.count(self.request.path) > \
                self.o["times"]:
            return self.do_ok()
        self.c.body(self.begin()[:self.o.get("after", 1000)])
        return False

    def do_close_delimited(self):
        """No length; after= bytes, then the connection just ends."""
        body = self.begin(False, [("Connection", "close")])
        self.c.body(body[:self.o.get("after", len(body))])
        return False

    def do_stall(self):
        """Sends after= bytes and then nothing for seconds=."""
        self.c.body(self.begin()[:self.o.get("after", 1000)])
        self.c.sleep(self.o.get("seconds", 60))
        return False

    def do_stall_before(self):
        """Takes the request and says nothing."""
        self.c.sleep(self.o.get("seconds", 60))
        return False

    def do_trickle(self):
        """bytes= every interval= seconds."""
        body = self.begin()
        step = self.o.get("bytes", 10)
        for at in range(0, len(body), step):
            if self.c.server.closing.is_set():
                break
            self.c.body(body[at:at + step])
            time.sleep(self.o.get("interval", 0.1))
        return False

    def do_throttle(self):
        """rate= bytes per second, steadily."""
        body = self.begin()
        step = max(1, self.o.get("rate", 1 << 20) // 50)
        for at in range(0, len(body), step):
            if self.c.server.closing.is_set():
                break
            self.c.body(body[at:at + step])
            time.sleep(0.02)
        return False

    def do_length(self):
        """A Content-Length that is by= off."""
        self.c.body(self.begin(len(self.data) + self.o["by"]))
        return False

    def do_raw_head(self):
        """Exactly lines= as the head, then the body."""
        self.c.send(self.o["lines"].encode("latin-1") + b"\r\n\r\n")
        self.c.body(self.data)
        return False

    def do_ignores_range(self):
        self.request.headers.pop("range", None)
        return self.do_ok()

    def do_wrong_range(self):
        """Asked for a range: sends another one, shift= bytes later."""
        start = self.request.range_start
        if start is None:
            return self.do_first_part()
        start += self.o.get("shift", 1)
        total = len(self.data)
        self.c.head(206, self.validators() + [
            ("Content-Range", f"bytes {start}-{total - 1}/{total}"),
            ("Content-Length", str(total - start))])
        self.c.body(self.data[start:])
        return False

    def do_first_part(self):
        """Without a range and the first time= only after= bytes come."""
        if self.c.server.count(self.request.path) == 1:
            self.c.body(self.begin()[:self.o.get("after", len(self.data) // 2)])
            return False
        return self.do_ok()

    def do_range_refused(self):
        """416 for any range."""
        if self.request.range_start is None:
            return self.do_first_part()
        self.c.head(416, [("Content-Range", f"bytes */{len(self.data)}"), ("Content-Length", "0")])
        return True

    def do_corrupt_range(self):
        """The rest that it sends is not of this file."""
        if self.request.range_start is None:
            return self.do_first_part()
        body = self.begin()
        self.c.body(b"x" * len(body))
        return False

    def do_partial_unasked(self):
        total = len(self.data)
        self.c.head(206, [("Content-Range", f"bytes 0-{total - 1}/{total}"),
                          ("Content-Length", str(total))])
        self.c.body(self.data)
        return False

    def do_status(self):
        """status= with headers= and body=."""
        body = self.o.get("body", b"")
        headers = list(self.o.get("headers", ()))
        if self.o["status"] not in (204, 304):
            headers.append(("Content-Length", str(len(body))))
        self.c.head(self.o["status"], headers)
        self.c.body(body)
        return True

    def do_status_then_ok(self):
        """status= for times= requests, then ok."""
        if self.c.server.count(self.request.path) <= self.o.get("times", 1):
            return self.do_status()
        return self.do_ok()

    def do_redirect(self):
        """status= (302) to to=; a callable is given the request's path."""
        to = self.o["to"]
        if callable(to):
            to = to(self.request.path)
        self.c.head(self.o.get("status", 302), [("Location", to), ("Content-Length", "5")])
        self.c.body(b"moved")
        return True

    def do_encoded(self):
        self.c.body(self.begin(None, [("Content-Encoding", self.o.get("encoding", "gzip"))]))
        return True

    def do_endless(self):
        """A body without an end, of unknown length."""
        self.begin(False, [("Connection", "close")])
        block = bytes(65536)
        while not self.c.server.closing.is_set():
            self.c.body(block)
        return False

    def do_endless_headers(self):
        self.c.send(b"HTTP/1.1 200 OK\r\n")
        while not self.c.server.closing.is_set():
            self.c.send(b"X-More: " + b"x" * 900 + b"\r\n")
        return False

    def do_continue_forever(self):
        while not self.c.server.closing.is_set():
            self.c.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        return False

    def do_closed_in_headers(self):
        self.c.send(b"HTTP/1.1 200 OK\r\nContent-Le")
        return False

    def do_closed(self):
        return False

    def do_http09(self):
        self.c.body(self.data)
        return False

    def do_auth(self):
        """Basic authentication with user= and password=."""
        want = base64.b64encode(f"{self.o['user']}:{self.o['password']}".encode()).decode()
        if self.request.headers.get("authorization") != f"Basic {want}":
            self.c.head(401, [("WWW-Authenticate", 'Basic realm="x"'), ("Content-Length", "0")])
            return True
        return self.do_ok()


class _Threaded(socketserver.ThreadingMixIn, socketserver.TCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64


class _Loopback:
    """A listening socket with a thread, closed with everything that hangs on it."""

    def __init__(self, tls=None):
        self.closing = threading.Event()
        self.lock = threading.Lock()
        self._tls = tls
        self._sockets = set()
        outer = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                outer._handle(self.request)

        self._server = _Threaded(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,),
                                        daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        with self.lock:
            for sock in self._sockets:
                try:
                    sock.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def _handle(self, sock):
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls:
                sock = self._tls.wrap_socket(sock, server_side=True)
            with self.lock:
                self._sockets.add(sock)
            self.serve(sock)
        except (OSError, ValueError):
            pass  # the client went away, or does not trust us
        finally:
            with self.lock:
                self._sockets.discard(sock)
            try:
                sock.close()
            except OSError:
                pass

    def serve(self, sock):
        raise NotImplementedError


class HostileServer(_Loopback):
    """A server of resources, each with its behaviour. tls: a CertificateAuthority or SSLContext."""

    def __init__(self, tls=None):
        super().__init__(tls.context() if isinstance(tls, CertificateAuthority) else tls)
        self._scheme = "https" if tls else "http"
        self._resources = {}
        self._log = []

    def url(self, path, host="127.0.0.1"):
        return f"{self._scheme}://{host}:{self.port}{path}"

    def put(self, path, data=b"", behaviour="ok", *, etag="auto",
            last_modified=LAST_MODIFIED, **options):
        """Serves (or replaces) @path. Returns its URL. etag: text with its quotes, or None."""
        if not hasattr(Behaviours, f"do_{behaviour}"):
            raise ValueError(f"no behaviour {behaviour}")
        if etag == "auto":
            etag = f'"{hashlib.sha256(data).hexdigest()[:16]}"'
        with self.lock:
            self._resources[path] = Resource(data, behaviour, options, etag, last_modified)
        return self.url(path)

    def put_tree(self, directory, prefix="/"):
        """Serves every file below @directory honestly."""
        for base, _dirs, names in os.walk(directory):
            for name in names:
                path = os.path.join(base, name)
                with open(path, "rb") as f:
                    self.put(prefix + os.path.relpath(path, directory), f.read())

    def requests(self, path=None):
        """What was asked for so far, in order; of one path only if it is given."""
        with self.lock:
            return [r for r in self._log if path is None or r.path == path]

    def count(self, path=None):
        return len(self.requests(path))

    def sent(self, path=None):
        """Bytes of bodies that were sent."""
        return sum(r.sent for r in self.requests(path))

    def forget(self):
        """Empties the log of requests."""
        with self.lock:
            self._log.clear()

    def serve(self, sock):
        connection = _Connection(sock, self)
        while not self.closing.is_set():
            request = connection.read_request()
            if request is None:
                return
            connection.request = request
            with self.lock:
                self._log.append(request)
                resource = self._resources.get(request.path)
            if resource is None:
                resource = Resource(b"", "status", {"status": 404, "body": b"nothing here"},
                                    None, None)
            what = Behaviours(connection, request, resource)
            if not getattr(what, f"do_{resource.behaviour}")():
                return


class Proxy(_Loopback):
    """A forward proxy: absolute GETs and CONNECT. log: request lines. status: refuse with it."""

    def __init__(self, status=None, user=None):
        super().__init__()
        self.status = status
        self.user = user
        self.log = []

    @property
    def url(self):
        return f"http://{self.user + '@' if self.user else ''}127.0.0.1:{self.port}"

    def serve(self, sock):
        head = b""
        while b"\r\n\r\n" not in head:
            chunk = sock.recv(65536)
            if not chunk:
                return
            head += chunk
        lines = head.split(b"\r\n")
        method, target, _version = lines[0].decode("latin-1").split(" ", 2)
        with self.lock:
            self.log.append(f"{method} {target}")
        want = base64.b64encode(self.user.encode()).decode() if self.user else None
        if want and f"Basic {want}".encode() not in head:
            sock.sendall(b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n")
            return
        if self.status:
            sock.sendall(f"HTTP/1.1 {self.status} No\r\nContent-Length: 0\r\n\r\n".encode())
            return
        if method == "CONNECT":
            host, port = target.rsplit(":", 1)
            with socket.create_connection((host, int(port)), 10) as upstream:
                sock.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                self._relay(sock, upstream)
            return
        where, path = target[len("http://"):].split("/", 1)
        host, port = where.rsplit(":", 1)
        kept = [l for l in lines[1:] if not l.lower().startswith((b"proxy-", b"connection:"))]
        with socket.create_connection((host, int(port)), 10) as upstream:
            upstream.sendall(b"\r\n".join([f"{method} /{path} HTTP/1.1".encode(),
                                            b"Connection: close"] + kept))
            self._relay(sock, upstream)

    def _relay(self, a, b):
        while not self.closing.is_set():
            readable, _, _ = select.select([a, b], [], [], 0.1)
            for sock in readable:
                data = sock.recv(65536)
                if not data:
                    return
                (b if sock is a else a).sendall(data)


def unused_port():
    """A port of loopback that nobody listens on (for "connection refused")."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]
