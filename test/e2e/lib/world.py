"""What a test is given: the cluster, an operator with the flags it wants, and short words for what it makes."""
import concurrent.futures
import contextlib
import json
import os
import re
import shutil
import tempfile

from lib import things
from lib.audit import Audit
from lib.kube import ApiError, Kube
from lib.serve import ROOT, Operator
from lib.tests import Failed, NotRun, expect, until

SHARED = 'carrel-templates'
BASE = ('--namespace', '', '--leader-elect', 'false', '--template-namespace', SHARED,
        '--domain', 'carrel.test', '--host-template', '{session}-{namespace}.{domain}')
CHILDREN = ('deployments', 'services', 'ingresses')


class World:
    def __init__(self, kubeconfig, kubectl, audit=None, cluster=None):
        """audit: path of the apiserver's log; cluster: name in test/cluster where it is our own."""
        self.kube = Kube(kubeconfig, kubectl)
        self.kubeconfig, self.cluster, self.account = kubeconfig, cluster, None
        self.audit_log = Audit(audit) if audit else None
        self.folder = tempfile.mkdtemp(prefix='carrel-e2e-')
        self.running, self.wanted, self.started = None, None, []
        self.kept, self.at_end = {}, []
        self.namespaces = self.failures = 0

    # --- the cluster ---

    def install(self, shipped=False):
        """The CRDs and the namespace of shared templates. shipped: all of install.yaml but the Deployment, whose place the
        operators of the tests take, with its account and with no right but those that it has."""
        if shipped:
            with open(os.path.join(ROOT, 'manifests', 'install.yaml')) as file:
                parts = re.split(r'^---\n', file.read(), flags=re.M)
            rest = '---\n'.join(part for part in parts if not re.search(r'^kind: Deployment$', part, re.M))
            self.kube.kubectl('apply', '--server-side', '-f', '-', text=rest)
            self.account = self.account_config('carrel', 'carrel')
        else:
            self.kube.kubectl('apply', '-f', os.path.join(ROOT, 'crds'))
        kinds = ('sessions', 'templates', 'connections', 'templaterepositories')
        self.kube.kubectl('wait', '--for=condition=Established', '--timeout=30s', 'crd',
                          *(f'{kind}.carrel.dev' for kind in kinds))
        until(lambda: all(self.serves(kind) for kind in kinds), 30, 'the new kinds are served')
        self.make_namespace(SHARED)

    def account_config(self, ns, name):
        """A kubeconfig of a ServiceAccount, as its pods would have it."""
        token = self.kube.kubectl('create', 'token', name, '-n', ns, '--duration=4h').strip()
        path = os.path.join(self.folder, f'{ns}-{name}.kubeconfig')
        config = {'apiVersion': 'v1', 'kind': 'Config', 'current-context': 'c',
                  'clusters': [{'name': 'c', 'cluster': self.kube.cluster}],
                  'users': [{'name': 'u', 'user': {'token': token}}],
                  'contexts': [{'name': 'c', 'context': {'cluster': 'c', 'user': 'u'}}]}
        with open(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), 'w') as file:
            json.dump(config, file)
        return path

    def may_lead(self, ns):
        """What install.yaml grants in its own namespace, in this one too: the Lease."""
        group = '/apis/rbac.authorization.k8s.io/v1/namespaces'
        for kind in 'roles', 'rolebindings':
            thing = self.kube.call('GET', f'{group}/carrel/{kind}/carrel-lease')
            thing['metadata'] = {'name': 'carrel-lease'}
            code, text = self.kube.raw('POST', f'{group}/{ns}/{kind}', thing)
            expect(code in (201, 409), text)

    def serves(self, kind):
        try:
            self.kube.list(kind)
        except ApiError:
            return False
        return True

    @property
    def audit(self):
        if not self.audit_log:
            raise NotRun("the cluster's audit log is not ours to read")
        return self.audit_log

    def own_cluster(self):
        if not self.cluster:
            raise NotRun('only on a cluster that the tests have started')
        return self.cluster

    def make_namespace(self, name):
        try:
            self.kube.create('namespaces', None, {'metadata': {'name': name}})
        except ApiError as error:
            if error.code != 409:
                raise
        # no pod is admitted before
        until(lambda: self.kube.find('serviceaccounts', name, 'default'), 30,
              f'a service account in {name}')

    @contextlib.contextmanager
    def namespace(self, word):
        self.namespaces += 1
        name = f'e2e-{word}-{self.namespaces}-{os.getpid()}'
        self.make_namespace(name)
        try:
            yield name
        finally:
            with contextlib.suppress(ApiError, OSError):
                self.kube.delete('namespaces', None, name)

    def clear(self, kind, ns):
        """Deletes all of a kind, and waits until they are gone."""
        for one in self.kube.list(kind, ns):
            self.kube.delete(kind, ns, one['metadata']['name'])
        until(lambda: not self.kube.list(kind, ns), 30, f'no {kind} in {ns}')

    # --- the operator ---

    def make_operator(self, *flags, kubeconfig=None, env=None):
        """Another one, not started, not waited for. It ends with the tests."""
        log = os.path.join(self.folder, f'operator-{len(self.started)}.log')
        if self.account and not kubeconfig and '--lease-namespace' in flags:
            self.may_lead(flags[flags.index('--lease-namespace') + 1])
        op = Operator(kubeconfig or self.account or self.kubeconfig, flags, log, env)
        self.started.append(op)
        return op

    def operator(self, *flags):
        """The one operator, running with these flags besides the usual ones, ready and quiet."""
        if not (self.running and self.running.lives() and self.wanted == flags):
            self.stop_operator()
            self.wanted = flags
            self.running = self.make_operator(*BASE, *flags).start()
            self.running.wait_ready()
        return self.running

    def stop_operator(self):
        if self.running:
            self.running.stop()
        self.running = None

    def end(self):
        """Kills what still runs; the logs stay where something has failed."""
        for op in self.started:
            op.kill()
        for what in reversed(self.at_end):
            what()
        if not self.failures:
            shutil.rmtree(self.folder, ignore_errors=True)

    def say_what_happened(self):
        """After a failure: the last words of the operator that ran last."""
        self.failures += 1
        if self.started and os.path.exists(self.started[-1].log_path):
            print(f'    --- {self.started[-1].log_path} ends with:\n' +
                  '\n'.join('    ' + line for line in self.started[-1].tail(3).splitlines()), flush=True)

    # --- what is made ---

    def template(self, ns, name='plain', **spec):
        """A valid template, and the operator has seen it."""
        self.kube.create('templates', ns, things.template(name, **spec))
        return until(lambda: self.judged_template(ns, name), 10, f'template {name} is judged')

    def judged_template(self, ns, name):
        t = self.kube.get('templates', ns, name)
        seen = t.get('status', {}).get('observedGeneration') == t['metadata']['generation']
        return t if seen and 'valid' in t['status'] else None

    def session(self, ns, name, template='plain', **spec):
        return self.kube.create('sessions', ns, things.session(name, template, **spec))

    def sessions(self, ns, all_of_them, threads=4):
        """Many at once."""
        with concurrent.futures.ThreadPoolExecutor(threads) as pool:
            list(pool.map(lambda one: self.kube.create('sessions', ns, one), all_of_them))

    # --- what has become of it ---

    def status(self, ns, name):
        return self.kube.get('sessions', ns, name).get('status', {})

    def wait(self, ns, name, is_so, seconds=10, what='the status'):
        """Until is_so(status); the status. is_so may raise KeyError: not yet."""
        seen = {}

        def look():
            seen.clear()
            seen.update(self.kube.get('sessions', ns, name))
            try:
                if is_so(things.Status(seen)):
                    return things.Status(seen)
            except KeyError:
                pass
            raise Failed(json.dumps(seen.get('status', {}), indent=1))
        return until(look, seconds, f'{what} of {name}')

    def wait_children(self, ns, name, seconds=10):
        """The three of them, once all are there and the status stands."""
        self.wait(ns, name, lambda s: s.generation == s.observed and s.reason('Ready'), seconds)
        return until(lambda: self.children(ns, name), seconds, f'three children of {name}')

    def children(self, ns, name):
        """None unless all are there."""
        found = {kind: self.kube.find(kind, ns, f'ss-{name}') for kind in CHILDREN}
        return found if all(found.values()) else None

    def events(self, ns, name):
        """reason -> type and note, of a Session."""
        return {e['reason']: (e['type'], e.get('note', '')) for e in self.kube.list('events', ns)
                if e.get('regarding', {}).get('kind') == 'Session' and e['regarding']['name'] == name}

    def counters(self):
        """What the apiserver has counted: (verb, resource, subresource) -> requests."""
        code, text = self.kube.raw('GET', '/metrics')
        if code != 200:
            raise NotRun(f'the apiserver shows no metrics: {code}')
        return things.request_counters(text)


def owned_by(child, session):
    """Fails unless the session is the child's one controller."""
    owners = child['metadata'].get('ownerReferences', [])
    wanted = {'apiVersion': 'carrel.dev/v1alpha1', 'kind': 'Session', 'controller': True,
              'name': session['metadata']['name'], 'uid': session['metadata']['uid'],
              'blockOwnerDeletion': True}
    expect(owners == [wanted], lambda: f'{child["metadata"]["name"]} is owned by {owners}')
