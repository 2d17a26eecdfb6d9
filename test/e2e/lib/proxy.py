"""Between the operator and the apiserver: a line that is slow, silent, cut or corrupt, and a gate that holds requests back.

`Line` carries bytes and cannot read them, for they are encrypted: what it does to them happens to HTTP/2 as it is spoken.
`Gate` ends TLS with a certificate of its own, speaks HTTP/1.1 alone, and knows each request before it passes it on.
"""
import random
import select
import socket
import ssl
import struct
import threading
import time


def reset(sock):
    """Closed without a goodbye."""
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    except OSError:
        pass
    sock.close()


class Listener:
    """A thread that accepts, and one for each connection."""

    def __init__(self):
        self.listener = socket.create_server(('127.0.0.1', 0), backlog=128)
        self.port = self.listener.getsockname()[1]
        self.lock = threading.Lock()
        self.open = []
        self.accepted = 0
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            with self.lock:
                self.accepted += 1
            threading.Thread(target=self.begin, args=(client,), daemon=True).start()

    def begin(self, client):
        raise NotImplementedError

    def cut(self):
        """All that is open now."""
        with self.lock:
            pairs, self.open = self.open, []
        for pair in pairs:
            pair.end()

    def close(self):
        # shut down first: a thread that waits in accept holds the socket open otherwise
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        self.cut()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Pair:
    """A client's connection and ours to the server."""

    def __init__(self, client, server):
        self.client, self.server = client, server
        self.silent = False
        self.rate = None
        self.down = 0  # bytes so far
        self.limit = None

    def end(self):
        # both are shut down first, which wakes whoever waits for them
        for sock in (self.client, self.server):
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        reset(self.client)
        reset(self.server)


class Line(Listener):
    """Everything may be changed while it carries.

    refuses   new connections are closed at once
    rate      bytes a second from the server, of each connection; None: as they come
    latency_s each piece waits so long
    lifetime  (low, high): a connection is cut after so many bytes from the server, drawn at random
    flips     one bit in about so many bytes is turned, in both directions; 0: none
    deaf      what the server says is thrown away, what we say is passed on
    """

    def __init__(self, host, port, seed=1):
        self.target = host, port
        self.refuses = self.deaf = False
        self.rate = self.lifetime = None
        self.latency_s = 0
        self.flips = 0
        self.flipped = self.cuts = 0
        self.random = random.Random(seed)
        super().__init__()

    def silence(self):
        """The connections that are open now stay open, and nothing more passes through them."""
        with self.lock:
            for pair in self.open:
                pair.silent = True
            return len(self.open)

    def drip(self):
        """Those that are open now pass on a byte a second."""
        with self.lock:
            for pair in self.open:
                pair.rate = 1
            return len(self.open)

    def begin(self, client):
        if self.refuses:
            reset(client)
            return
        try:
            server = socket.create_connection(self.target, timeout=10)
        except OSError:
            reset(client)
            return
        server.settimeout(None)
        for sock in (client, server):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        pair = Pair(client, server)
        if self.lifetime:
            pair.limit = self.random.randint(*self.lifetime)
        with self.lock:
            self.open.append(pair)
        threading.Thread(target=self.carry, args=(pair, client, server, False), daemon=True).start()
        self.carry(pair, server, client, True)

    def carry(self, pair, source, sink, down):
        try:
            while True:
                rate = (pair.rate or self.rate) if down else None
                data = source.recv(min(65536, max(1, rate // 10)) if rate else 65536)
                if not data:
                    break
                data = self.treat(pair, data, down, rate)
                if data:
                    sink.sendall(data)
                if pair.limit is not None and pair.down >= pair.limit:
                    self.cuts += 1
                    break
        except OSError:
            pass
        finally:
            with self.lock:
                if pair in self.open:
                    self.open.remove(pair)
            pair.end()

    def treat(self, pair, data, down, rate):
        if self.latency_s:
            time.sleep(self.latency_s)
        if rate:
            time.sleep(len(data) / rate)
        if down:
            pair.down += len(data)
        if pair.silent or (down and self.deaf):
            return b''
        if self.flips and self.random.random() < len(data) / self.flips:
            at = self.random.randrange(len(data))
            data = data[:at] + bytes([data[at] ^ 1 << self.random.randrange(8)]) + data[at + 1:]
            self.flipped += 1
        return data


class Gate(Listener):
    """hold(method, path) says of each request, as it arrives, whether it waits; a request that waits is passed on by `release`,
    also when nobody waits for its answer any more."""

    def __init__(self, certificate, key, host, port, upstream, hold=None):
        self.target, self.upstream, self.hold = (host, port), upstream, hold
        self.certificate = certificate, key
        self.requests = 0
        self.held, self.answers = [], []
        self.opened = threading.Event()
        super().__init__()

    def serve_with(self, certificate, key):
        """For connections from now on; those that are open are cut."""
        self.certificate = certificate, key
        self.cut()

    def release(self):
        self.hold = None
        self.opened.set()

    def context(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.certificate)
        context.set_alpn_protocols(['http/1.1'])
        return context

    def begin(self, client):
        server = None
        try:
            client = self.context().wrap_socket(client, server_side=True)
            server = self.upstream.wrap_socket(socket.create_connection(self.target, timeout=30),
                                               server_hostname=self.target[0])
            with self.lock:
                self.open.append(Pair(client, server))
            self.carry(client, server)
        except (OSError, ValueError):
            pass
        finally:
            for sock in (client, server):
                if sock:
                    reset(sock)

    def carry(self, client, server):
        """Both ways in one thread: two must not use one TLS connection at once."""
        asked = b''
        while True:
            ready = [sock for sock in (client, server) if sock.pending()]
            for sock in ready or select.select([client, server], [], [])[0]:
                data = sock.recv(65536)
                if not data:
                    return
                if sock is server:
                    client.sendall(data)
                else:
                    asked = self.pass_on(server, asked + data)

    def pass_on(self, server, asked):
        """What is left when all whole requests are on their way."""
        while True:
            head, end, rest = asked.partition(b'\r\n\r\n')
            length = [line.split(b':')[1] for line in head.lower().split(b'\r\n')
                      if line.startswith(b'content-length:')]
            size = int(length[0]) if length else 0
            if not end or len(rest) < size:
                return asked
            request, asked = head + end + rest[:size], rest[size:]
            method, path, _ = head.split(b'\r\n', 1)[0].decode().split(' ')
            self.requests += 1
            if self.hold and self.hold(method, path):
                self.held.append((method, path))
                threading.Thread(target=self.late, args=(method, path, request), daemon=True).start()
            else:
                server.sendall(request)

    def late(self, method, path, request):
        """On a connection of its own, for whoever asked may be gone by then."""
        self.opened.wait(300)
        with self.upstream.wrap_socket(socket.create_connection(self.target, timeout=30),
                                       server_hostname=self.target[0]) as server:
            server.sendall(request)
            code = int(server.recv(4096).split(b' ', 2)[1])
        self.answers.append((method, path, code))
