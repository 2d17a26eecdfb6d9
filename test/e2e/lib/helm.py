"""The operator as its users install it: a release of manifests/chart, its pods and its Lease."""
import json
import os
import subprocess

from lib import cluster
from lib.tests import Failed, until
from lib.web import DOMAIN, URL

NAME = NAMESPACE = 'carrel'
LEASE = 'carrel-controller'
PODS = 'app.kubernetes.io/name=carrel,app.kubernetes.io/component=operator'
CONFIG = {'domain': DOMAIN, 'host-template': '{session}-{namespace}.{domain}', 'external-url': URL,
          'ingress-class': 'contour'}


class Release:
    def __init__(self, world):
        self.world, self.kube = world, world.kube
        self.program = os.path.join(cluster.programs(), 'helm')

    def helm(self, *args):
        homes = {f'HELM_{what}_HOME': os.path.join(self.world.folder, 'helm', what.lower())
                 for what in ('CACHE', 'CONFIG', 'DATA')}
        done = subprocess.run([self.program, *args, '--namespace', NAMESPACE], capture_output=True, text=True,
                              env={**os.environ, 'KUBECONFIG': self.world.kubeconfig, **homes}, check=False)
        if done.returncode != 0:
            raise Failed(f'helm {" ".join(args)}: {done.stdout}{done.stderr}\n{self.state()}')
        return done.stdout

    def put(self, chart, image, **values):
        """Installs it, or upgrades what is there, and waits until it is rolled out."""
        repository, _, tag = image.rpartition(':')
        path = os.path.join(self.world.folder, 'values.json')
        with open(path, 'w') as file:
            json.dump({'image': {'repository': repository, 'tag': tag, 'pullPolicy': 'Never'}, 'config': CONFIG,
                       **values}, file)
        self.helm('upgrade', '--install', NAME, chart, '--create-namespace', '--values', path,
                  '--wait', '--timeout', '180s')
        self.rolled_out(image)

    def roll_back(self, revision, image):
        self.helm('rollback', NAME, str(revision), '--wait', '--timeout', '180s')
        self.rolled_out(image)

    def revision(self):
        return max(entry['revision'] for entry in json.loads(self.helm('history', NAME, '--output', 'json')))

    def remove(self):
        self.helm('uninstall', NAME, '--ignore-not-found', '--wait')
        until(lambda: not self.pods(), 60, 'no pod of the operator')

    def pods(self):
        return self.kube.list('pods', NAMESPACE, labels=PODS)

    def rolled_out(self, image):
        """Only pods of this image are there, and one of them leads."""
        def is_so():
            pods = self.pods()
            return pods and all(p['spec']['containers'][0]['image'] == image for p in pods) and self.leader(pods)
        until(is_so, 60, f'only pods of {image}, one of which leads')

    def leader(self, pods=None):
        """The pod that holds the Lease, or None."""
        lease = self.kube.find('leases', NAMESPACE, LEASE) or {'spec': {}}
        holder = lease['spec'].get('holderIdentity') or ''
        return next((p for p in pods or self.pods() if holder.startswith(p['metadata']['name'] + '_')), None)

    def log(self, lines=20):
        return self.kube.kubectl('-n', NAMESPACE, 'logs', '-l', PODS, '--prefix', f'--tail={lines}', check=False)

    def state(self):
        return self.kube.kubectl('-n', NAMESPACE, 'get', 'pods,events', check=False) + self.log()
