"""What every route has in common: who may ask from where, heads, errors, and what happens while it starts and stops."""
import socket
import threading

from lib.serve import free_port, run_once
from lib.tests import equal, expect, test, until
from rest.serving import api, place, problem


@test('rest', 'without authentication it listens on this machine alone, unless told otherwise, and warns')
def _(world):
    code, said = run_once('serve', '--kubeconfig', world.kubeconfig, '--listen', f'0.0.0.0:{free_port()}')
    equal(code, 1)
    expect('--listen' in said and '--open-anywhere' in said and 'run code on the cluster' in said, said)
    it = api(world)
    expect('the API asks nobody who they are' in ''.join(world.running.tail(30)), 'no warning')
    equal(it.get('/health').json['status'], 'healthy')
    equal(it.get('/version').json['api'], 'v1')


@test('rest', 'a web page of another site, or one whose name leads here, gets nothing')
def _(world):
    it = api(world)
    problem(it.get('/api/v1/sessions', Host='evil.example'), 421, 'wrong-host')
    problem(it.get('/api/v1/sessions', Origin='http://evil.example'), 403, 'foreign-origin')
    equal(it.get('/api/v1/sessions', Origin=f'http://127.0.0.1:{it.port}').code, 200)
    answer = it.get('/api/v1/sessions')
    expect('Access-Control-Allow-Origin' not in answer.headers, 'CORS is closed')
    equal((answer.headers['X-Content-Type-Options'], answer.headers['Referrer-Policy']), ('nosniff', 'no-referrer'))
    equal(it.get('/health', X_Request_ID='abc-1').headers['X-Request-ID'], 'abc-1')
    expect(it.get('/health', X_Request_ID='a b').headers['X-Request-ID'] != 'a b', 'an odd id')


@test('rest', 'what is not there is said to be so: path, method, parameter')
def _(world):
    it = api(world)
    problem(it.get('/api/v1/nothing'), 404, 'no-such-path')
    answer = it.ask('PUT', '/api/v1/sessions', {})
    problem(answer, 405, 'no-such-method')
    equal(answer.headers['Allow'], 'GET, HEAD, POST')
    problem(it.get('/api/v1/sessions?user=%ff'), 400, 'invalid-parameter')
    problem(it.get('/%00'), 400, 'malformed-request')
    equal(it.ask('HEAD', '/api/v1/sessions').code, 200)
    equal(it.ask('OPTIONS', '/api/v1/sessions').code, 204)


@test('rest', 'a hundred clients at once, some of whom vanish, are all answered')
def _(world):
    with place(world, 'many') as (it, ns):
        world.session(ns, 'x', persistentHome=False)
        until(lambda: it.get('/api/v1/sessions/x').code == 200, 5, 'it is in the cache')
        wrong = []

        def client(number):
            mine = api(world, ns)
            for i in range(20):
                if (number + i) % 10 == 0:
                    with socket.create_connection(('127.0.0.1', mine.port)) as sock:
                        sock.sendall(b'GET /api/v1/sessions HTTP/1.1\r\nHost: localhost\r\n')
                answer = mine.get('/api/v1/sessions')
                if answer.code != 200 or answer.json['total'] != 1:
                    wrong.append(repr(answer))
        threads = [threading.Thread(target=client, args=(i,)) for i in range(100)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        equal(wrong, [])
