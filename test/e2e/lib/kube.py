"""A Kubernetes API, spoken to as the tests need it: plain dicts, one kept connection a thread."""
import base64
import http.client
import json
import os
import ssl
import subprocess
import tempfile
import threading
import urllib.parse

GROUPS = {
    'sessions': '/apis/carrel.dev/v1alpha1', 'templates': '/apis/carrel.dev/v1alpha1',
    'connections': '/apis/carrel.dev/v1alpha1', 'templaterepositories': '/apis/carrel.dev/v1alpha1',
    'deployments': '/apis/apps/v1', 'replicasets': '/apis/apps/v1',
    'controllerrevisions': '/apis/apps/v1', 'services': '/api/v1', 'pods': '/api/v1',
    'persistentvolumeclaims': '/api/v1', 'namespaces': '/api/v1', 'resourcequotas': '/api/v1',
    'serviceaccounts': '/api/v1', 'configmaps': '/api/v1', 'secrets': '/api/v1',
    'ingresses': '/apis/networking.k8s.io/v1', 'leases': '/apis/coordination.k8s.io/v1',
    'events': '/apis/events.k8s.io/v1',
    'customresourcedefinitions': '/apis/apiextensions.k8s.io/v1',
}
PATCHES = {'merge': 'application/merge-patch+json', 'json': 'application/json-patch+json',
           'strategic': 'application/strategic-merge-patch+json',
           'apply': 'application/apply-patch+yaml'}


class ApiError(Exception):
    def __init__(self, code, message):
        super().__init__(f'{code}: {message}')
        self.code = code


def place(kind, ns=None, name=None, sub=None):
    path = GROUPS[kind] + (f'/namespaces/{ns}' if ns else '') + f'/{kind}'
    return path + (f'/{name}' if name else '') + (f'/{sub}' if sub else '')


class Kube:
    """The cluster of a kubeconfig, as its current user."""

    def __init__(self, kubeconfig, kubectl='kubectl', agent='carrel-e2e'):
        self.kubeconfig, self.kubectl_path, self.agent = kubeconfig, kubectl, agent
        config = json.loads(self.kubectl('config', 'view', '--raw', '--minify', '--flatten',
                                         '-o', 'json'))
        self.cluster = config['clusters'][0]['cluster']
        self.user = config['users'][0]['user']
        self.url = urllib.parse.urlsplit(self.cluster['server'])
        self.tls = self.make_tls()
        self.local = threading.local()

    def make_tls(self):
        if self.url.scheme != 'https':
            return None
        if self.cluster.get('insecure-skip-tls-verify'):
            tls = ssl._create_unverified_context()
        else:
            authority = base64.b64decode(self.cluster.get('certificate-authority-data', ''))
            tls = ssl.create_default_context(cadata=authority.decode() or None)
        if 'client-certificate-data' in self.user:
            with tempfile.NamedTemporaryFile() as both:
                for part in ('client-certificate-data', 'client-key-data'):
                    both.write(base64.b64decode(self.user[part]) + b'\n')
                both.flush()
                tls.load_cert_chain(both.name)
        return tls

    def kubectl(self, *args, check=True, text=None):
        """What kubectl prints, as a user would call it."""
        env = {**os.environ, 'KUBECONFIG': self.kubeconfig}
        done = subprocess.run([self.kubectl_path, *args], capture_output=True, text=True, env=env,
                              timeout=120, input=text)
        if check and done.returncode != 0:
            raise ApiError(done.returncode, f'kubectl {" ".join(args)}: {done.stderr.strip()}')
        return done.stdout + ('' if check else done.stderr)

    def connect(self):
        if self.tls:
            return http.client.HTTPSConnection(self.url.hostname, self.url.port or 443,
                                               context=self.tls, timeout=30)
        return http.client.HTTPConnection(self.url.hostname, self.url.port or 80, timeout=30)

    def raw(self, method, path, body=None, kind='application/json'):
        """Code and text. A kept connection that the server has closed meanwhile is made anew."""
        headers = {'Content-Type': kind, 'User-Agent': self.agent}
        if self.user.get('token'):
            headers['Authorization'] = 'Bearer ' + self.user['token']
        body = json.dumps(body) if body is not None else None
        for fresh in (False, True):
            connection = getattr(self.local, 'connection', None)
            if connection is None or fresh:
                connection = self.local.connection = self.connect()
            try:
                connection.request(method, self.url.path.rstrip('/') + path, body, headers)
                reply = connection.getresponse()
                return reply.status, reply.read().decode(errors='replace')
            except (OSError, http.client.HTTPException):
                self.local.connection = None
                if fresh:
                    raise
        raise AssertionError

    def call(self, method, path, body=None, kind='application/json'):
        code, text = self.raw(method, path, body, kind)
        try:
            value = json.loads(text)
        except ValueError:
            value = {'message': text}
        if code >= 300:
            raise ApiError(code, value.get('message', text))
        return value

    def get(self, kind, ns, name):
        return self.call('GET', place(kind, ns, name))

    def find(self, kind, ns, name):
        """None where it is not."""
        try:
            return self.get(kind, ns, name)
        except ApiError as error:
            if error.code == 404:
                return None
            raise

    def list(self, kind, ns=None, labels='', fields=''):
        query = urllib.parse.urlencode({k: v for k, v in
                                        (('labelSelector', labels), ('fieldSelector', fields)) if v})
        return self.call('GET', place(kind, ns) + (f'?{query}' if query else ''))['items']

    def create(self, kind, ns, thing):
        return self.call('POST', place(kind, ns), thing)

    def patch(self, kind, ns, name, change, how='merge', sub=None, manager='rogue'):
        return self.call('PATCH', place(kind, ns, name, sub) + f'?fieldManager={manager}', change,
                         PATCHES[how])

    def replace(self, kind, ns, name, thing):
        return self.call('PUT', place(kind, ns, name), thing)

    def delete(self, kind, ns, name):
        """Fine where it is gone already."""
        try:
            self.call('DELETE', place(kind, ns, name), {'propagationPolicy': 'Background'})
        except ApiError as error:
            if error.code != 404:
                raise
