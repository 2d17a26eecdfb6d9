"""A release that runs on nodes: rolled out and back, its pods and who of them leads."""
import json

from lib.tests import Failed, until
from lib.web import DOMAIN, URL
from shipped.helm import NAME, SPACE, Helm

PODS = 'app.kubernetes.io/name=carrel,app.kubernetes.io/component=operator'
LEASE = 'carrel-controller'
PATIENCE = 240
CONFIG = {'domain': DOMAIN, 'host-template': '{session}-{namespace}.{domain}', 'external-url': URL,
          'ingress-class': 'contour'}


class Release:
    def __init__(self, world):
        self.kube, self.helm = world.kube, Helm(world)

    def run(self, *args):
        try:
            return self.helm.run(*args, '--namespace', SPACE, seconds=PATIENCE + 60)[1]
        except Failed as why:
            raise Failed(f'{why}\n{self.state()}') from None

    def put(self, chart, image):
        """Installs it, or upgrades what is there, and waits until it is rolled out."""
        repository, _, tag = image.rpartition(':')
        values = {'image': {'repository': repository, 'tag': tag, 'pullPolicy': 'Never'}, 'config': CONFIG}
        self.run('upgrade', '--install', NAME, chart, '--create-namespace', '--values', self.helm.values(values),
                 '--wait', '--timeout', f'{PATIENCE}s')
        self.rolled_out(image)

    def roll_back(self, revision, image):
        self.run('rollback', NAME, str(revision), '--wait', '--timeout', f'{PATIENCE}s')
        self.rolled_out(image)

    def revision(self):
        return max(entry['revision'] for entry in json.loads(self.run('history', NAME, '--output', 'json')))

    def remove(self):
        self.run('uninstall', NAME, '--ignore-not-found', '--wait')
        until(lambda: not self.pods(), 60, 'no pod of the operator')

    def pods(self):
        return self.kube.list('pods', SPACE, labels=PODS)

    def rolled_out(self, image):
        """Only pods of this image are there, and one of them leads."""
        def is_so():
            pods = self.pods()
            return pods and all(p['spec']['containers'][0]['image'] == image for p in pods) and self.leader(pods)
        until(is_so, 60, f'only pods of {image}, one of which leads')

    def leader(self, pods=None):
        """The pod that holds the Lease, or None."""
        lease = self.kube.find('leases', SPACE, LEASE) or {'spec': {}}
        holder = lease['spec'].get('holderIdentity') or ''
        return next((p for p in pods or self.pods() if holder.startswith(p['metadata']['name'] + '_')), None)

    def log(self, lines=20):
        return self.kube.kubectl('-n', SPACE, 'logs', '-l', PODS, '--prefix', f'--tail={lines}', check=False)

    def state(self):
        return self.kube.kubectl('-n', SPACE, 'get', 'pods,events', check=False) + self.log()
