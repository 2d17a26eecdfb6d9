"""A fresh etcd and apiserver for one measurement, with our kinds, one Template, and Sessions."""
import json
import os
import re
import shutil
import subprocess
import tempfile
import time

import bodies
import procs
from lib import cluster
from lib.kube import ApiError, Kube, place
from lib.serve import ROOT

LOADER = os.path.join(ROOT, 'build', 'loader')
OURS = ('sessions', 'templates', 'deployments', 'services', 'ingresses', 'controllerrevisions', 'events',
        'persistentvolumeclaims', 'connections', 'templaterepositories', 'pods')
COUNTER = re.compile(r'^apiserver_request_total\{(.*)\} (\S+)$', re.M)
READS = ('GET', 'LIST', 'WATCH')
IN_FLIGHT = 16  # sessions, of which each has three requests out


class Plane:
    """With a namespace of its own; taken away at the end."""

    def __init__(self, *parts, **env):
        cluster.NAME = 'carrel-bench'
        self.name, self.kubeconfig = cluster.up('plane', '--rootless', *parts, **env)
        self.run = os.path.dirname(self.kubeconfig)
        self.folder = tempfile.mkdtemp(prefix='carrel-bench-')
        self.log = os.path.join(self.folder, 'log')
        self.kube = Kube(self.kubeconfig, cluster.kubectl(), 'carrel-bench')
        self.pids = {file.name: int(self.text(file.path).split()[0])
                     for file in os.scandir(os.path.join(self.run, 'pid'))}
        self.apiserver, self.etcd = self.pids['kube-apiserver'], self.pids['etcd']

    @staticmethod
    def text(path):
        with open(path) as file:
            return file.read()

    def __enter__(self):
        try:
            self.install()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        cluster.down(self.name)
        shutil.rmtree(self.folder, ignore_errors=True)

    def install(self):
        kinds = ('sessions', 'templates', 'connections', 'templaterepositories')
        self.kube.kubectl('apply', '-f', os.path.join(ROOT, 'crds'))
        self.kube.kubectl('wait', '--for=condition=Established', '--timeout=60s', 'crd',
                          *(f'{kind}.carrel.dev' for kind in kinds))
        self.kube.create('namespaces', None, {'metadata': {'name': bodies.NS}})
        for kind in (*kinds, 'deployments', 'services', 'ingresses', 'pods', 'persistentvolumeclaims',
                     'controllerrevisions', 'replicasets'):
            self.warm(kind)
        self.kube.create('templates', bodies.NS, bodies.template())

    def warm(self, kind):
        """A new kind's watch cache refuses lists for a second; nobody shall wait for that while measured."""
        deadline = time.monotonic() + 30
        while True:
            try:
                return self.kube.call('GET', f'{self.place(kind)}?resourceVersion=0')
            except ApiError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    @staticmethod
    def place(kind):
        return place(kind, bodies.NS)

    # --- Sessions ---

    def load(self, path, at_once):
        """The loader on a file; what it says."""
        done = subprocess.run([LOADER, self.kubeconfig, path, str(at_once)], text=True, capture_output=True)
        if not done.stdout.startswith('{'):
            raise RuntimeError(f'the loader failed: {done.stderr.strip()[-300:]}')
        said = json.loads(done.stdout)
        if said['refused']:
            raise RuntimeError(f'{said["refused"]} requests were refused, first: {said["first"]}')
        return said

    def make_sessions(self, names):
        path = os.path.join(self.folder, 'sessions')
        bodies.sessions_file(path, names)
        said = self.load(path, 32)
        os.unlink(path)
        return said

    def uids(self):
        return {s['metadata']['name']: s['metadata']['uid'] for s in self.kube.list('sessions', bodies.NS)}

    def count(self, kind):
        found = self.kube.call('GET', f'{self.place(kind)}?limit=1')
        return len(found['items']) + found['metadata'].get('remainingItemCount', 0)

    def verify(self, n):
        """All the work was done, by whoever was measured: else a figure would mean nothing."""
        for kind in ('deployments', 'services', 'ingresses'):
            if self.count(kind) != n:
                raise RuntimeError(f'{self.count(kind)} {kind} for {n} sessions')
        for s in self.kube.list('sessions', bodies.NS):
            said = s.get('status', {})
            conditions = {c['type'] for c in said.get('conditions', ())}
            stands = said.get('observedGeneration') == s['metadata']['generation'] and said.get('phase')
            if not stands or len(conditions) != 7:
                raise RuntimeError(f'the status of {s["metadata"]["name"]} does not stand: {said}')

    # --- what the server counts ---

    def counters(self):
        """'VERB resource/sub code' -> requests, of the kinds that operators deal with."""
        code, text = self.kube.raw('GET', '/metrics')
        if code != 200:
            raise RuntimeError(f'/metrics answers {code}')
        found = {}
        for labels, number in COUNTER.findall(text):
            label = dict(re.findall(r'(\w+)="([^"]*)"', labels))
            if label['resource'] in OURS and label['verb'] != 'WATCH':
                sub = f'/{label["subresource"]}' if label['subresource'] else ''
                key = f'{label["verb"]} {label["resource"]}{sub} {label["code"]}'
                found[key] = found.get(key, 0) + int(float(number))
        return found

    def wait_still(self, seconds=5, limit=900):
        """Until nobody at all has written anything for so long."""
        deadline, before = time.monotonic() + limit, None
        while time.monotonic() < deadline:
            now = {key: n for key, n in self.counters().items() if key.split()[0] not in READS}
            if now == before:
                return
            before = now
            time.sleep(seconds)
        raise TimeoutError(f'somebody writes and writes: {before}')

    def cpu(self):
        return {'apiserver': procs.cpu_s(self.apiserver), 'etcd': procs.cpu_s(self.etcd)}


def between(before, after):
    """What was counted in between, without what the measurer itself sends."""
    grown = {key: n - before.get(key, 0) for key, n in sorted(after.items())}
    return {key: n for key, n in grown.items() if n and not key.startswith('POST sessions ')}


def only_writes(requests):
    return {key: n for key, n in requests.items() if key.split()[0] not in READS}


def spent(before, after):
    return {f'{name}_cpu_s': round(after[name] - before[name], 2) for name in before}
