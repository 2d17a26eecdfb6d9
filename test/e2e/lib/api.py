"""Our API as its clients use it: one kept connection, JSON in and out."""
import http.client
import json


class Answer:
    def __init__(self, code, headers, text):
        self.code, self.headers, self.text = code, headers, text

    @property
    def json(self):
        return json.loads(self.text)

    def __repr__(self):
        return f'{self.code} {self.text[:500]}'


class Api:
    def __init__(self, port, ns=None, token=None):
        self.port, self.ns, self.token = port, ns, token
        self.connection = None

    def ask(self, method, path, body=None, headers=None, kind='application/json'):
        """body: anything but text and bytes is sent as JSON. The namespace, if there is one, is added."""
        headers = dict(headers or {})
        if self.token:
            headers['Authorization'] = f'Bearer {self.token}'
        if body is not None:
            headers.setdefault('Content-Type', kind)
            body = body if isinstance(body, (str, bytes)) else json.dumps(body)
        if self.ns and path.startswith('/api/') and 'namespace=' not in path:
            path += ('&' if '?' in path else '?') + f'namespace={self.ns}'
        for fresh in (False, True):
            if self.connection is None or fresh:
                self.connection = http.client.HTTPConnection('127.0.0.1', self.port, timeout=30)
            try:
                self.connection.request(method, path, body, headers)
                reply = self.connection.getresponse()
                return Answer(reply.status, reply.headers, reply.read().decode())
            except (OSError, http.client.HTTPException):
                self.connection = None
                if fresh:
                    raise
        raise AssertionError

    def get(self, path, **headers):
        return self.ask('GET', path, headers={k.replace('_', '-'): v for k, v in headers.items()})

    def post(self, path, body=None, **more):
        return self.ask('POST', path, body, **more)

    def patch(self, path, body, **more):
        return self.ask('PATCH', path, body, **more)

    def delete(self, path, **more):
        return self.ask('DELETE', path, **more)
