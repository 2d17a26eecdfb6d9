"""The chart as a user has it: helm as a child process, a release, and the operator that the release describes."""
import contextlib
import json
import os
import subprocess

from lib import cluster
from lib.kube import Kube
from lib.serve import ROOT
from lib.tests import Failed, equal, until

CHART = os.path.join(ROOT, 'manifests', 'chart')
INSTALL = os.path.join(ROOT, 'manifests', 'install.yaml')
NAME = SPACE = 'carrel'
USER = f'system:serviceaccount:{SPACE}:{NAME}'
KINDS = ('sessions', 'templates', 'connections', 'templaterepositories')

# what the tests want otherwise than the defaults: a time that passes while one looks on, and hosts for all namespaces
VALUES = {'config': {'domain': 'carrel.test', 'host-template': '{session}-{namespace}.{domain}',
                     'lease-duration': '4s', 'renew-deadline': '3s', 'retry-period': '1s'}}


class Helm:
    def __init__(self, world):
        self.world, self.path = world, os.path.join(cluster.programs(), 'helm')
        self.files = 0

    def run(self, *args, check=True, seconds=120):
        """Exit status, what it printed, what it complained of."""
        folder = os.path.join(self.world.folder, 'helm')
        env = {**os.environ, 'KUBECONFIG': self.world.kubeconfig, 'HELM_CACHE_HOME': folder,
               'HELM_CONFIG_HOME': folder, 'HELM_DATA_HOME': folder}
        done = subprocess.run([self.path, *args], env=env, capture_output=True, text=True, timeout=seconds)
        if check and done.returncode != 0:
            raise Failed(f'helm {" ".join(args)}: {done.returncode}\n{done.stderr}')
        return done.returncode, done.stdout, done.stderr

    def values(self, values):
        """A file of them."""
        self.files += 1
        path = os.path.join(self.world.folder, f'values-{self.files}.yaml')
        with open(path, 'w') as file:
            json.dump(values, file)
        return path

    def template(self, values=None, chart=CHART):
        return self.run('template', NAME, chart, '-n', SPACE, '-f', self.values(values or {}))[1]

    def objects(self, text):
        """What kubectl reads in it, as dicts."""
        said = self.world.kube.kubectl('create', '--dry-run=client', '--validate=false', '-o', 'json', '-f', '-',
                                       text=text)
        decoder, found = json.JSONDecoder(), []
        while said.strip():
            one, end = decoder.raw_decode(said.lstrip())
            found += one['items'] if one['kind'] == 'List' else [one]
            said = said.lstrip()[end:]
        return found

    def install(self):
        """The release of the tests, once."""
        if self.run('status', NAME, '-n', SPACE, check=False)[0] != 0:
            self.run('install', NAME, CHART, '-n', SPACE, '--create-namespace', '-f', self.values(VALUES))
        until(lambda: all(self.world.serves(kind) for kind in KINDS), 30, 'the new kinds are served')
        until(lambda: self.world.kube.find('serviceaccounts', SPACE, 'default'), 30, 'a service account')


def as_account(world):
    """The API as the operator sees it."""
    return Kube(world.account_config(SPACE, NAME), world.kube.kubectl_path, 'carrel-e2e-account')


@contextlib.contextmanager
def operator(world, *more, space=SPACE, name=NAME, env=None):
    """What the Deployment would run, with its arguments and its account; ready."""
    container = world.kube.get('deployments', space, name)['spec']['template']['spec']['containers'][0]
    serve, *args = container['args']
    if serve != 'serve':
        raise Failed(f'the container runs {container["args"]}')
    op = world.make_operator(*args, *more, kubeconfig=world.account_config(space, name),
                             env={'POD_NAMESPACE': space, **(env or {})})
    try:
        op.start().wait_ready()
        yield op
        equal(op.stop(), 0, 'exit status')
    finally:
        op.kill()


def lead(op):
    until(lambda: op.metrics().get('leader_election_master_status{name="carrel"}') == 1, 20, 'it leads')
