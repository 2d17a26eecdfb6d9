"""What the tests of a broken wire share: sessions that change while it is broken, and what must be so in the end."""
import collections
import contextlib
import http.client
import json
import os
import re
import struct
import subprocess
import threading
import time

from lib import cluster, things
from lib.kube import ApiError, Kube
from lib.serve import ROOT
from lib.tests import Failed, equal, expect, until
from lib.world import BASE, CHILDREN, owned_by

SKEW = os.path.join(ROOT, 'test', 'e2e', 'lib', 'skew.c')


# --- The operator, through something ---

def kubeconfig(world, name, server=None, **changes):
    """A kubeconfig of its own, to that server; changes: members of its user and its cluster."""
    where = {**world.kube.cluster, 'server': server or world.kube.cluster['server']}
    who = dict(world.kube.user)
    for key, value in changes.items():
        key = key.replace('_', '-') if key != 'tokenFile' else key
        part = where if key.startswith('certificate-authority') or key.startswith('tls-') else who
        if key in ('certificate-authority', 'client-certificate', 'client-key'):
            part.pop(f'{key}-data', None)
        if key == 'tokenFile':
            who = part = {}
        part[key] = value
    path = os.path.join(world.folder, f'{name}.kubeconfig')
    with open(path, 'w') as file:
        json.dump({'apiVersion': 'v1', 'kind': 'Config', 'current-context': 'it',
                   'clusters': [{'name': 'it', 'cluster': where}], 'users': [{'name': 'it', 'user': who}],
                   'contexts': [{'name': 'it', 'context': {'cluster': 'it', 'user': 'it'}}]}, file)
    return path


@contextlib.contextmanager
def operator(world, ns, config=None, *flags, env=None, ready=True):
    """One that serves this namespace alone; the end of it is part of the test."""
    world.stop_operator()
    op = world.make_operator('--namespace', ns, '--leader-elect', 'false', *BASE[4:], *flags, kubeconfig=config, env=env)
    op.start()
    try:
        if ready:
            op.wait_ready(60)
        yield op
        expect(op.lives(), lambda: f'it has ended with {op.process.returncode}\n{op.tail()}')
        expect(op.memory_kib() < 64 * 1024, lambda: f'it takes {op.memory_kib()} KiB')
        equal(op.stop(), 0, 'exit status')
    finally:
        op.kill()


@contextlib.contextmanager
def place(world, word):
    """A namespace with a template in it that is judged as soon as there is an operator."""
    with world.namespace(word) as ns:
        world.kube.create('templates', ns, things.template('plain'))
        yield ns


# --- Sessions that change meanwhile ---

def insist(call, *args, seconds=60):
    """As a user with a retry loop: the server may refuse, be away, or be too busy."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return call(*args)
        except ApiError as error:
            if error.code == 404 or error.code == 409:
                return None
            why = error
        except OSError as error:
            why = error
        if time.monotonic() > deadline:
            raise Failed(f'the test itself got nowhere: {why}')
        time.sleep(0.05)


class Churn:
    """Creates so many sessions, and changes a part of them: some hibernate, some end, some go, some come back."""

    def __init__(self, world, ns, count, prefix='x'):
        self.world, self.ns, self.trouble = world, ns, None
        self.names = [f'{prefix}-{i}' for i in range(count)]
        self.kube = Kube(world.kubeconfig, world.kube.kubectl_path)
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        try:
            for i, name in enumerate(self.names):
                insist(self.kube.create, 'sessions', self.ns, things.session(name, user=f'u-{i % 7}'))
                if i >= 3:
                    self.change(i - 3)
        except Exception as error:  # a thread's exception is told where it is joined
            self.trouble = error

    def change(self, i):
        kube, ns, name = self.kube, self.ns, self.names[i]
        if i % 5 == 1:
            insist(kube.patch, 'sessions', ns, name, {'spec': {'state': 'hibernated'}})
        if i % 5 == 2:
            insist(kube.patch, 'sessions', ns, name, {'spec': {'state': 'terminated'}})
        if i % 10 == 3:
            insist(kube.delete, 'sessions', ns, name)
        if i % 20 == 3:
            insist(kube.create, 'sessions', ns, things.session(name))
        if i % 10 == 4:
            insist(kube.delete, 'deployments', ns, f'ss-{name}')

    def done(self, seconds=240):
        self.thread.join(seconds)
        if self.trouble:
            raise self.trouble
        expect(not self.thread.is_alive(), 'the changes do not come to an end')


def settled(world, ns):
    """Each session is what its spec asks for, with one of each child or none, and counted; nothing else is there."""
    sessions = {s['metadata']['name']: s for s in world.kube.list('sessions', ns)}
    found = {kind: {c['metadata']['name'].removeprefix('ss-'): c for c in world.kube.list(kind, ns)
                    if not c['metadata'].get('deletionTimestamp')} for kind in CHILDREN}
    for name, session in sessions.items():
        state = session['spec'].get('state', 'running')
        status = things.Status(session)
        expect(status.observed == status.generation, lambda: f'{name}: {status.raw}')
        for kind in CHILDREN:
            child = found[kind].pop(name, None)
            if state == 'terminated':
                expect(child is None, f'{name} is terminated and has one of the {kind}')
                continue
            expect(child, f'{name} has none of the {kind}')
            owned_by(child, session)
        if state == 'terminated':
            equal(status.phase, 'Terminated', name)
        elif state == 'hibernated':
            equal(status.phase, 'Hibernated', name)
            equal(world.kube.get('deployments', ns, f'ss-{name}')['spec']['replicas'], 0, name)
    equal({kind: sorted(left) for kind, left in found.items() if left}, {}, 'children of nobody')
    counted(world, ns, sessions.values())
    return len(sessions) + 1


def counted(world, ns, sessions):
    """The counts of the templates stand too: they follow seconds after the sessions, when all else is quiet already."""
    used = collections.Counter(s['spec'].get('template') for s in sessions)
    for template in world.kube.list('templates', ns):
        name = template['metadata']['name']
        equal(template.get('status', {}).get('sessions'), used[name], f'sessions that the status of template {name} counts')


def ends_well(world, ns, op, churn=None, seconds=180, pid=None):
    """What every one of these tests asks for in the end."""
    if churn:
        churn.done()
    until(lambda: insist(settled, world, ns), seconds, 'all as their specs ask', every=0.2)
    op.quiet(limit=seconds)
    settled(world, ns)
    equal((op.lives(), op.ask('/livez')[0], op.ask('/readyz')[0]), (True, 200, 200), 'lives, /livez, /readyz')
    if pid:
        equal(op.process.pid, pid, 'the process')


def total(op, start, **labels):
    """The sum of a metric's series whose name and labels fit."""
    wanted = [f'{key}="{value}' for key, value in labels.items()]
    return sum(value for name, value in op.metrics().items()
               if name.startswith(start) and all(w in name for w in wanted))


# --- The cluster, with other flags ---

def runs_with(world, component, *more):
    """The component of our cluster runs with these flags besides its own from here on: restarted where it does not."""
    name = world.own_cluster()
    path = os.path.join(os.path.dirname(world.kubeconfig), 'cmd', component)
    now = read_command(world, component)
    plain = world.kept.setdefault(f'{component} as it was started', now)
    wanted = ' '.join([plain, *more])
    if wanted == now:
        return
    cluster.script('component', component, 'kill', cluster=name)
    with open(path, 'w') as file:
        file.write(wanted)
    cluster.script('component', component, 'start', cluster=name)
    serves(world)


def restart(world, component, times=1):
    for _ in range(times):
        cluster.script('component', component, 'kill', cluster=world.own_cluster())
        cluster.script('component', component, 'start', cluster=world.own_cluster())


def serves(world, seconds=60):
    """The apiserver answers, also for our kinds."""
    def ready():
        try:
            return world.kube.raw('GET', '/readyz')[0] == 200 and world.serves('sessions')
        except OSError:
            return False
    until(ready, seconds, 'the apiserver is ready', every=0.1)


def etcd(world, path, body):
    """Spoken to over its JSON gateway."""
    port = re.search(r'--etcd-servers=http://127.0.0.1:(\d+)', read_command(world, 'kube-apiserver'))[1]
    connection = http.client.HTTPConnection('127.0.0.1', int(port), timeout=30)
    try:
        connection.request('POST', path, json.dumps(body), {'Content-Type': 'application/json'})
        reply = connection.getresponse()
        text = reply.read().decode()
    finally:
        connection.close()
    expect(reply.status == 200, lambda: f'etcd {path}: {reply.status} {text[:300]}')
    return json.loads(text)


def read_command(world, component):
    with open(os.path.join(os.path.dirname(world.kubeconfig), 'cmd', component)) as file:
        return file.read()


# --- The operator's clocks ---

class Skew:
    """What lib/skew.c gives the process that has self.env."""

    def __init__(self, world, name, rate=1.0):
        self.path = os.path.join(world.folder, f'{name}.skew')
        self.values = {'wall': 0, 'boot': 0, 'rate': int(rate * 1000), 'no_names': 0}
        self.write()
        self.env = {'LD_PRELOAD': library(world), 'E2E_SKEW': self.path}

    def write(self):
        mode = 'r+b' if os.path.exists(self.path) else 'w+b'
        with open(self.path, mode) as file:
            file.write(struct.pack('<4q', *self.values.values()))

    def set(self, wall_s=None, boot_s=None, no_names=None):
        if wall_s is not None:
            self.values['wall'] = int(wall_s * 1e9)
        if boot_s is not None:
            self.values['boot'] = int(boot_s * 1e9)
        if no_names is not None:
            self.values['no_names'] = int(no_names)
        self.write()


def library(world):
    built = os.path.join(world.folder, 'skew.so')
    if not os.path.exists(built):
        subprocess.run([os.environ.get('CC', 'gcc'), '-std=gnu11', '-D_GNU_SOURCE', '-O2', '-shared', '-fPIC',
                        '-o', built, SKEW, '-ldl'], check=True)
    return built
