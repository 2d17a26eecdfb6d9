"""Servers on loopback that behave as badly as a test wants, and the keys for them."""
import os
import socket
import ssl
import struct
import subprocess
import threading


class Keys:
    """A certificate authority and a server certificate for 127.0.0.1 and the name apiserver."""

    def __init__(self, folder):
        self.folder = folder
        self.ca = os.path.join(folder, 'ca.crt')
        self.other_ca = os.path.join(folder, 'other.crt')
        self.cert, self.key = os.path.join(folder, 's.crt'), os.path.join(folder, 's.key')
        ca_key, request = os.path.join(folder, 'ca.key'), os.path.join(folder, 's.csr')
        names = os.path.join(folder, 'names')
        with open(names, 'w') as f:
            f.write('subjectAltName=IP:127.0.0.1,DNS:apiserver\n')
        new = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
        self.openssl('req', '-x509', *new, '-subj', '/CN=ca', '-keyout', ca_key, '-out', self.ca)
        self.openssl('req', '-x509', *new, '-subj', '/CN=no', '-keyout', ca_key + '2', '-out', self.other_ca)
        self.openssl('req', *new, '-subj', '/CN=apiserver', '-keyout', self.key, '-out', request)
        self.openssl('x509', '-req', '-in', request, '-CA', self.ca, '-CAkey', ca_key, '-CAcreateserial',
                     '-extfile', names, '-out', self.cert)

    @staticmethod
    def openssl(*args):
        subprocess.run(['openssl', *args], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def context(self, *protocols):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.cert, self.key)
        if protocols:
            context.set_alpn_protocols(list(protocols))
        return context


class Server:
    """One thread a connection; `serve(connection, number)` is the behaviour. With a context it speaks TLS."""

    def __init__(self, serve, context=None):
        self.serve, self.context = serve, context
        self.listener = socket.create_server(('127.0.0.1', 0), backlog=256)
        self.port = self.listener.getsockname()[1]
        self.url = f'{"https" if context else "http"}://127.0.0.1:{self.port}'
        self.connections = 0
        self.lock = threading.Lock()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with self.lock:
                self.connections += 1
                number = self.connections
            threading.Thread(target=self.run, args=(connection, number), daemon=True).start()

    def run(self, connection, number):
        try:
            if self.context:
                connection = self.context.wrap_socket(connection, server_side=True)
            self.serve(connection, number)
        except (OSError, EOFError, ValueError):
            pass
        finally:
            connection.close()

    def stop(self):
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()


def read_exactly(connection, n):
    data = b''
    while len(data) < n:
        piece = connection.recv(n - len(data))
        if not piece:
            raise EOFError
        data += piece
    return data


def read_http1(connection):
    """The next HTTP/1.1 request: (method, path, headers in lower case, body)."""
    head = b''
    while not head.endswith(b'\r\n\r\n'):
        head += read_exactly(connection, 1)
    lines = head.decode().split('\r\n')
    method, path, _ = lines[0].split(' ')
    headers = [tuple(part.strip() for part in line.split(':', 1)) for line in lines[1:] if line]
    headers = {name.lower(): value for name, value in headers}
    return method, path, headers, read_exactly(connection, int(headers.get('content-length', 0)))


def answer_http1(connection, body, status='200 OK', headers=()):
    head = [f'HTTP/1.1 {status}', 'Content-Type: application/json', f'Content-Length: {len(body)}', *headers]
    connection.sendall('\r\n'.join(head).encode() + b'\r\n\r\n' + body)


class Http2:
    """Just enough of HTTP/2 to misbehave on purpose: frames in, frames out; requests' headers stay unread."""
    DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY = 0, 1, 3, 4, 6, 7
    NO_ERROR, INTERNAL_ERROR, REFUSED_STREAM = 0, 2, 7

    def __init__(self, connection, streams=100):
        self.connection = connection
        self.lock = threading.Lock()
        if read_exactly(connection, 24) != b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n':
            raise ValueError('no preface')
        self.send(self.SETTINGS, 0, 0, struct.pack('>HI', 3, streams))

    def send(self, kind, flags, stream, payload=b''):
        with self.lock:
            self.connection.sendall(struct.pack('>I', len(payload))[1:] + bytes([kind, flags]) +
                                    struct.pack('>I', stream) + payload)

    def next_request(self):
        """The id of the next stream whose request is whole."""
        while True:
            head = read_exactly(self.connection, 9)
            payload = read_exactly(self.connection, int.from_bytes(head[:3], 'big'))
            kind, flags, stream = head[3], head[4], struct.unpack('>I', head[5:])[0]
            if kind == self.SETTINGS and not flags & 1:
                self.send(self.SETTINGS, 1, 0)
            elif kind == self.PING and not flags & 1:
                self.send(self.PING, 1, 0, payload)
            elif kind in (self.HEADERS, self.DATA) and flags & 1:
                return stream

    def begin(self, stream):
        self.send(self.HEADERS, 4, stream, b'\x88')  # static table: :status 200

    def data(self, stream, body, end=True):
        self.send(self.DATA, 1 if end else 0, stream, body)

    def answer(self, stream, body):
        self.begin(stream)
        self.data(stream, body)

    def reset(self, stream, code):
        self.send(self.RST_STREAM, 0, stream, struct.pack('>I', code))

    def goaway(self, last):
        self.send(self.GOAWAY, 0, 0, struct.pack('>II', last, self.NO_ERROR))
