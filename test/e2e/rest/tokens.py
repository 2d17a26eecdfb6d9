"""Who may do what with which token."""
import base64
import contextlib
import hashlib
import hmac
import json
import os
import secrets
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from lib.api import Api
from lib.serve import free_port
from lib.tests import equal, expect, test, until
from rest.serving import problem

SECRET = secrets.token_hex(32)


def plain(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b'=').decode()


def token(secret=SECRET, **claims):
    """As another program would make one."""
    claims.setdefault('exp', int(time.time()) + 600)
    text = '.'.join(plain(json.dumps(part).encode()) for part in ({'alg': 'HS256', 'typ': 'JWT'}, claims))
    return f'{text}.{plain(hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest())}'


@contextlib.contextmanager
def place(world, word):
    """A namespace, the template `plain`, and a function that gives somebody's API."""
    path = os.path.join(world.folder, 'secret')
    with open(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), 'w') as file:
        file.write(SECRET + '\n')
    port = world.kept.setdefault('token port', free_port())
    with world.namespace(word) as ns:
        world.operator('--listen', f'0.0.0.0:{port}', '--auth-mode', 'token', '--auth-secret-file', path)
        world.template(ns)
        yield lambda name, role='user': Api(port, ns, token(sub=name, role=role)), ns


@test('rest', 'people see and change what is theirs, operators what is everybody\'s, and only admins templates')
def _(world):
    with place(world, 'roles') as (of, ns):
        ann, bob, viewer, op, admin = of('ann'), of('bob'), of('ann', 'viewer'), of('op', 'operator'), of('root', 'admin')
        equal(ann.post('/api/v1/sessions', {'name': 'a', 'template': 'plain', 'persistentHome': False}).json['user'], 'ann')
        equal(op.post('/api/v1/sessions', {'name': 'b', 'user': 'bob', 'template': 'plain', 'persistentHome': False}).code, 201)
        problem(ann.post('/api/v1/sessions', {'user': 'bob', 'template': 'plain'}), 403, 'not-allowed', 'user')
        until(lambda: op.get('/api/v1/sessions').json['total'] == 2, 5, 'both are in the cache')
        for who, seen in ((ann, ['a']), (bob, ['b']), (viewer, ['a']), (op, ['a', 'b']), (admin, ['a', 'b'])):
            equal([s['name'] for s in who.get('/api/v1/sessions').json['sessions']], seen)
        equal(ann.get('/api/v1/sessions?user=bob').json['total'], 0)
        problem(ann.get('/api/v1/sessions/b'), 404, 'not-found')
        for ask in (lambda who: who.patch('/api/v1/sessions/b', {'state': 'hibernated'}), lambda who: who.delete('/api/v1/sessions/b'),
                    lambda who: who.post('/api/v1/sessions/b/restart')):
            problem(ask(ann), 404, 'not-found')
        problem(viewer.patch('/api/v1/sessions/a', {'state': 'hibernated'}), 403, 'not-allowed')
        equal(ann.patch('/api/v1/sessions/a', {'state': 'hibernated'}).json['state'], 'hibernated')
        equal(op.post('/api/v1/sessions/a/start').json['state'], 'running')
        template = {'name': 'x', 'displayName': 'x', 'baseImage': 'x'}
        problem(op.post('/api/v1/templates', template), 403, 'not-allowed')
        problem(op.delete('/api/v1/templates/plain'), 403, 'not-allowed')
        equal(admin.post('/api/v1/templates', template).code, 201)
        equal(ann.get('/api/v1/templates').json['total'], 2)
        expect(world.kube.find('sessions', ns, 'b'), 'it is still there')


@test('rest', 'who has no good token gets nothing but health, version and the documents, and no token stands in the log')
def _(world):
    with place(world, 'tokens') as (of, _):
        port = of('ann').port
        for bad, hint in ((None, 'Authorization'), ('x', 'three parts'), (token(secret='y' * 40, sub='ann'), 'not signed'),
                          (token(sub='ann', exp=int(time.time()) - 60), 'exp'), (token(role='admin'), 'who you are'),
                          (token(sub='ann', role='king'), 'no role')):
            answer = Api(port, token=bad).get('/api/v1/sessions')
            said = problem(answer, 401, 'not-authenticated')
            expect(hint in said, said)
            expect(answer.headers['WWW-Authenticate'].startswith('Bearer'), repr(answer.headers))
        for path in '/health', '/version', '/openapi.json', '/docs':
            equal(Api(port).get(path).code, 200, path)
        equal(of('ann').get('/api/v1/sessions', Host='carrel.example').code, 200, 'any name, where a token is asked for')
        with open(world.running.log_path) as file:
            log = file.read()
        expect(SECRET not in log and 'eyJ' not in log, 'a secret or a token in the log')


@test('rest', 'who asks too often waits, and nobody else does')
def _(world):
    with place(world, 'rate') as (of, _):
        codes = [of('ann').get('/api/v1/templates').code]
        ann = of('ann')
        codes += [ann.get('/api/v1/templates').code for _ in range(400)]
        expect(429 in codes and codes[:100] == [200] * 100, codes)
        answer = until(lambda: (lambda a: a if a.code == 429 else None)(ann.get('/api/v1/templates')), 10, 'too often again', every=0)
        problem(answer, 429, 'too-often')
        equal(answer.headers['Retry-After'], '1')
        equal(of('bob').get('/api/v1/templates').code, 200)
        until(lambda: ann.get('/api/v1/templates').code == 200, 5, 'later it may')


class Issuer:
    """An OpenID provider as far as its keys go: discovery, a JWK set, and tokens that OpenSSL signs with Ed25519."""

    def __init__(self, folder):
        self.folder, self.asked, self.away = folder, [], False
        self.server = ThreadingHTTPServer(('127.0.0.1', 0), self.handler())
        self.url = f'http://127.0.0.1:{self.server.server_port}/realm'
        self.new_key()
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def handler(self):
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                issuer.asked.append(self.path)
                found = {'/realm/.well-known/openid-configuration': {'issuer': issuer.url, 'jwks_uri': f'{issuer.url}/keys'},
                         '/realm/keys': {'keys': [issuer.jwk]}}.get(self.path)
                body = json.dumps(found).encode()
                self.send_response(500 if issuer.away else 200 if found else 404)
                self.send_header('Content-Length', str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass
        return Handler

    def new_key(self):
        self.key = os.path.join(self.folder, f'issuer-{secrets.token_hex(4)}.pem')
        subprocess.run(['openssl', 'genpkey', '-algorithm', 'ed25519', '-out', self.key], check=True, capture_output=True)
        public = subprocess.run(['openssl', 'pkey', '-in', self.key, '-pubout', '-outform', 'DER'], check=True, capture_output=True).stdout
        self.jwk = {'kty': 'OKP', 'crv': 'Ed25519', 'kid': os.path.basename(self.key), 'x': plain(public[-32:])}

    def token(self, **claims):
        claims = {'iss': self.url, 'exp': int(time.time()) + 600, **claims}
        header = {'alg': 'EdDSA', 'kid': self.jwk['kid']}
        text = '.'.join(plain(json.dumps(part).encode()) for part in (header, claims))
        file = os.path.join(self.folder, 'to-sign')
        with open(file, 'w') as out:
            out.write(text)
        done = subprocess.run(['openssl', 'pkeyutl', '-sign', '-inkey', self.key, '-rawin', '-in', file], check=True, capture_output=True)
        return f'{text}.{plain(done.stdout)}'

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


@test('rest', 'the keys of an issuer are found by discovery, kept while it is away, and fetched anew when it has others')
def _(world):
    with Issuer(world.folder) as issuer:
        port = free_port()
        world.operator('--listen', f'127.0.0.1:{port}', '--auth-mode', 'token', '--auth-issuer', issuer.url)

        def code(token):
            return Api(port, token=token).get('/api/v1/sessions').code
        until(lambda: code(issuer.token(sub='ann')) == 200, 10, 'its keys are there')
        equal(issuer.asked[:2], ['/realm/.well-known/openid-configuration', '/realm/keys'])
        equal(code(issuer.token(sub='ann', iss='https://other.example')), 401)
        equal(code(token(sub='ann')), 401, 'signed with a secret that it never had')
        issuer.away = True
        equal(code(issuer.token(sub='ann')), 200)
        old, issuer.away = issuer.token(sub='ann'), False
        issuer.new_key()
        until(lambda: code(issuer.token(sub='ann')) == 200, 45, 'its new keys are there', every=1)
        equal(code(old), 401, 'the old key is gone')
        expect(len(issuer.asked) < 8, issuer.asked)
