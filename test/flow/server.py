#!/usr/bin/env python3
"""The HTTP server (lib/serve/server.h) against clients that misbehave. Prints N passed, N failed.

    test/flow/server.py [PROBE] [part of a test's name]

PROBE is test/flow/server_probe.c, built; without it this builds it into build/.
"""
import os
import socket
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True  # nothing is left in the tree
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from probe import build, check, run_all  # noqa: E402

BODY_MAX = 100000
PORT, PROBE = 0, ''


def ask(request, until_close=False):
    """What comes back for these bytes: all replies until the server closes, or the first one."""
    with socket.create_connection(('127.0.0.1', PORT)) as s:
        s.settimeout(15)
        s.sendall(request if isinstance(request, bytes) else request.encode('latin-1'))
        data = b''
        while until_close or not whole(data):
            try:
                piece = s.recv(65536)
            except ConnectionResetError:
                break
            if not piece:
                break
            data += piece
        return data


def whole(data):
    head, mark, body = data.partition(b'\r\n\r\n')
    if not mark:
        return False
    if head.startswith(b'HTTP/1.1 100'):
        return whole(body)
    for line in head.split(b'\r\n'):
        if line.lower().startswith(b'content-length:'):
            return len(body) >= int(line.split(b':')[1])
    return True


def get(path, *headers, method='GET', body=''):
    lines = [f'{method} {path} HTTP/1.1', 'Host: a', *headers]
    return ask('\r\n'.join(lines) + '\r\n\r\n' + body)


def refused(data, code):
    """Refused with that code, and the connection is over: what follows in it is nobody's request."""
    check(data.startswith(f'HTTP/1.1 {code} '.encode()) and b'\r\nConnection: close\r\n' in data, data[:300])
    check(data.count(b'HTTP/1.1 ') == 1, data)


SMUGGLED = 'GET /echo/smuggled HTTP/1.1\r\nHost: a\r\n\r\n'


def test_handler_sees_the_request_and_its_reply_goes_out():
    data = get('/echo/a%20b?q=%20', 'X-Tag: t', 'Content-Length: 3', method='POST', body='xyz')
    check(data.startswith(b'HTTP/1.1 200 OK\r\nContent-Type: text/echo\r\n'), data)
    check(data.endswith(b'\r\n\r\nPOST /echo/a b?q=%20 from 127.0.0.1 tag=t body=3:xyz'), data)
    check(b'nosniff' in data and b'no-store' in data and b'Access-Control' not in data, data)


def test_defaults_are_200_and_text():
    check(get('/empty').startswith(b'HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 0'),
          'defaults')
    check(get('/nowhere').startswith(b'HTTP/1.1 404 Not Found\r\n'), 'not found')


def test_replies_without_body_have_none():
    for code in (204, 304):
        check(get(f'/code?{code}').endswith(b'\r\n\r\n'), code)
    head = ask('HEAD /big?5000 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n', until_close=True)
    check(b'Content-Length: 5000\r\n' in head and head.endswith(b'\r\n\r\n'), head)


def test_big_reply_is_whole_and_one_over_the_limit_is_500():
    check(get('/big?3000000').endswith(b'x' * 3000000), 'cut')
    check(get(f'/big?{17 << 20}').startswith(b'HTTP/1.1 500 '), 'over the limit')


def test_connection_is_kept_and_requests_may_be_pipelined():
    one = 'GET /echo/{} HTTP/1.1\r\nHost: a\r\n{}\r\n'
    data = ask(one.format(1, '') + one.format(2, '') + one.format(3, 'Connection: close\r\n'), until_close=True)
    check(data.count(b'HTTP/1.1 200') == 3 and b'/echo/3' in data, data)


def test_http10_gets_its_answer_and_the_end():
    data = ask('GET /echo HTTP/1.0\r\nConnection: keep-alive\r\n\r\n', until_close=True)
    check(b'200 OK' in data and b'Connection: close' in data, data)


def test_chunked_body_is_put_together():
    chunks = '3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n'
    data = get('/echo', 'Transfer-Encoding: chunked', method='POST', body=chunks)
    check(data.endswith(b'body=5:abcde'), data)


def test_expect_is_answered_before_the_body_comes():
    with socket.create_connection(('127.0.0.1', PORT)) as s:
        s.settimeout(15)
        s.sendall(b'PUT /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n')
        check(s.recv(1000) == b'HTTP/1.1 100 Continue\r\n\r\n', 'no 100')
        s.sendall(b'{}')
        check(b'body=2:{}' in s.recv(1000), 'no answer')


def test_body_over_the_limit_is_refused():
    refused(get('/echo', f'Content-Length: {BODY_MAX + 1}', method='POST'), 413)
    chunk = f'{BODY_MAX + 1:x}\r\n' + 'x' * (BODY_MAX + 1) + '\r\n0\r\n\r\n'
    refused(get('/echo', 'Transfer-Encoding: chunked', method='POST', body=chunk), 413)
    data = get('/echo', f'Content-Length: {BODY_MAX}', method='POST', body='x' * BODY_MAX)
    check(data.endswith(b'body=%d:long' % BODY_MAX), data[-100:])


def test_too_many_headers_cannot_hide_a_length():
    many = [f'X-{i}: 1' for i in range(64)]
    length = f'Content-Length: {len(SMUGGLED)}'
    refused(ask('\r\n'.join(['POST /echo HTTP/1.1', 'Host: a', *many, length]) + '\r\n\r\n' + SMUGGLED, True), 431)


def test_length_told_twice_or_oddly_is_refused():
    length, coding = 'Content-Length: 5', 'Transfer-Encoding: chunked'
    for headers in ([length, length], [length, coding], [coding, length], [length + 'abc'], ['Content-Length: +5'],
                    ['Content-Length: -1']):
        head = '\r\n'.join(['POST /echo HTTP/1.1', 'Host: a', *headers]) + '\r\n\r\n'
        data = ask(head + '0\r\n\r\n' + SMUGGLED, True)
        check(data.startswith((b'HTTP/1.1 400 ', b'HTTP/1.1 411 ')) and b'smuggled' not in data, (headers, data))
        check(data.count(b'HTTP/1.1') == 1 and b'Connection: close' in data, (headers, data))


def test_unknown_coding_is_refused():
    refused(ask('POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n' + SMUGGLED, True), 400)


def test_missing_or_double_host_is_refused():
    refused(ask('GET /echo HTTP/1.1\r\n\r\n', True), 400)
    refused(ask('GET /echo HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n', True), 400)


def test_paths_that_hide_something_are_refused():
    for path in ('/echo%00', '/echo/../echo', '/%2e%2e/echo', '/echo/%2Fx', '/echo/%', '/echo/%0d%0aX:1', '/./echo'):
        refused(get(path), 400)
    check(b'GET /echo/%41? ' in get('/echo/%2541'), 'decoded twice')


def test_absolute_form_is_not_served():
    check(b' 200 ' not in get('http://elsewhere/echo/x?q=1'), 'civetweb knows no host of its own')


def test_options_goes_to_the_handler_and_promises_nothing():
    data = get('/echo', 'Origin: https://evil.example', 'Access-Control-Request-Method: POST', method='OPTIONS')
    check(b'OPTIONS /echo?' in data and b'Access-Control' not in data, data)


def test_websocket_upgrade_is_a_request_like_others():
    data = get('/echo', 'Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13',
               'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==')
    check(data.startswith(b'HTTP/1.1 200 ') and b'GET /echo' in data, data)


def test_garbage_ends_the_connection():
    for data in (b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc', b'GET\r\n', b'GET /echo\r\n', b'G T / HTTP/1.1\r\n'):
        reply = ask(data + b'\r\n\r\n', True)
        check(b' 200 ' not in reply, (data, reply))


def test_header_that_never_ends_is_given_up():
    with socket.create_connection(('127.0.0.1', PORT)) as s:
        s.settimeout(12)
        s.sendall(b'GET /echo HTTP/1.1\r\nHost:')
        began = time.monotonic()
        while s.recv(1000):
            pass
        check(time.monotonic() - began < 10, 'it was waited for too long')


def test_many_clients_at_once_are_all_answered():
    replies = []

    def one():
        for i in range(20):
            data = get(f'/echo/{i}', 'Connection: close')
            replies.append(f'/echo/{i}?'.encode() in data)
    threads = [threading.Thread(target=one) for _ in range(10)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    check(len(replies) == 200 and all(replies), replies)


def test_address_that_cannot_be_had_is_named():
    for address in (f'127.0.0.1:{PORT}', '127.0.0.1:99999', 'nonsense', '[::1]:0'):
        done = subprocess.run([PROBE, address, '2', '1000'], capture_output=True, text=True, input='', timeout=20)
        check(done.returncode == 1 and done.stdout.startswith(f'failed listen on {address}: '), done)
        check('in use' in done.stdout or str(PORT) not in address, done.stdout)


def main():
    global PORT, PROBE
    args = sys.argv[1:]
    PROBE = args.pop(0) if args and os.access(args[0], os.X_OK) else build('server_probe')
    server = subprocess.Popen([PROBE, 'localhost:0', '4', str(BODY_MAX)], stdin=subprocess.PIPE, text=True,
                              stdout=subprocess.PIPE)
    PORT = int(server.stdout.readline().split()[1])

    def test_it_stops_when_asked():
        server.stdin.close()
        check(server.wait(20) == 0, server.returncode)
    tests = {**globals(), 'test_it_stops_when_asked': test_it_stops_when_asked}
    try:
        return run_all('server', tests, args[0] if args else '')
    finally:
        if server.poll() is None:
            server.kill()
            server.wait()


if __name__ == '__main__':
    sys.exit(main())
