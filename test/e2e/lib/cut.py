"""The line between one replica and the apiserver, which can be cut: nothing moves on it any more, and nobody is told.

Bytes that were under way when it was cut never arrive: mending it closes what was open, as a firewall that has forgotten
its connections does.
"""
import contextlib
import os
import selectors
import socket
import threading

CHUNK = 1 << 16


class Line:
    """One client's connection and ours to the server; bytes wait here for as long as the other side is slow."""

    def __init__(self, client, server):
        self.ends = {client: server, server: client}
        self.waiting = {client: b'', server: b''}

    def close(self):
        for end in self.ends:
            end.close()


class Cut:
    def __init__(self, kube, folder):
        self.server = kube.url.hostname, kube.url.port
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.wake, self.waker = socket.socketpair()
        self.selector = selectors.DefaultSelector()
        self.lines, self.is_cut, self.to_drop, self.ending = set(), False, False, False
        for end in self.listener, self.wake:
            end.setblocking(False)
            self.selector.register(end, selectors.EVENT_READ)
        port = self.listener.getsockname()[1]
        self.kubeconfig = os.path.join(folder, f'cut-{port}')
        with open(kube.kubeconfig) as whole, open(self.kubeconfig, 'w', opener=private) as ours:
            ours.write(whole.read().replace(kube.url.netloc, f'127.0.0.1:{port}'))
        self.thread = threading.Thread(target=self.run, daemon=True, name='cut')
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.ending = True
        with contextlib.suppress(OSError):  # its thread may have seen it already, and closed this
            self.waker.send(b'x')
        self.thread.join()

    # --- for the test's thread ---

    def cut(self):
        self.is_cut = True
        self.waker.send(b'x')

    def mend(self):
        self.to_drop, self.is_cut = True, False
        self.waker.send(b'x')

    def drop(self):
        """Every connection ends at once; new ones are let through."""
        self.mend()

    # --- the thread's own ---

    def run(self):
        while not self.ending:
            # while it is cut only the waker is listened to: the kernel keeps what comes
            if self.is_cut:
                self.wake.setblocking(True)
                self.wake.recv(64)
                self.wake.setblocking(False)
            if self.to_drop and not self.is_cut:
                self.to_drop = False
                for line in list(self.lines):
                    self.forget(line)
            for key, events in [] if self.is_cut else self.selector.select():
                self.turn(key, events)
        for line in list(self.lines):
            self.forget(line)
        for end in self.listener, self.wake, self.waker:
            end.close()
        self.selector.close()

    def turn(self, key, events):
        if key.fileobj is self.listener:
            self.accept()
        elif key.fileobj is self.wake:
            self.wake.recv(64)
        elif key.data in self.lines:
            try:
                self.move(key.data, key.fileobj, events)
            except OSError:
                self.forget(key.data)

    def accept(self):
        client, _ = self.listener.accept()
        try:
            server = socket.create_connection(self.server, timeout=5)
        except OSError:
            client.close()
            return
        line = Line(client, server)
        self.lines.add(line)
        for end in line.ends:
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            end.setblocking(False)
            self.selector.register(end, selectors.EVENT_READ, line)

    def move(self, line, end, events):
        other = line.ends[end]
        if events & selectors.EVENT_READ:
            got = end.recv(CHUNK)
            if not got:
                raise ConnectionResetError
            line.waiting[other] += got
            self.push(line, other)
        if events & selectors.EVENT_WRITE:
            self.push(line, end)

    def push(self, line, end):
        with contextlib.suppress(BlockingIOError):
            sent = end.send(line.waiting[end])
            line.waiting[end] = line.waiting[end][sent:]
        mask = selectors.EVENT_READ | (selectors.EVENT_WRITE if line.waiting[end] else 0)
        self.selector.modify(end, mask, line)

    def forget(self, line):
        for end in line.ends:
            with contextlib.suppress(KeyError, ValueError):
                self.selector.unregister(end)
        line.close()
        self.lines.discard(line)


def private(path, flags):
    return os.open(path, flags, 0o600)
