"""What an upgrade reaches and what an uninstall leaves; and from install.yaml to Helm."""
import os
import shutil

from lib import things
from lib.tests import equal, expect, test, until
from shipped.helm import CHART, INSTALL, KINDS, NAME, SPACE, VALUES

COLUMN = '        - name: Age\n'
ADDED = '        - name: Added\n          type: string\n          jsonPath: .spec.user\n'


def columns(world):
    crd = world.kube.get('customresourcedefinitions', None, 'sessions.carrel.dev')
    return [c['name'] for c in crd['spec']['versions'][0]['additionalPrinterColumns']]


@test('release', 'an upgrade brings a changed CRD, and the Sessions stay')
def _(world):
    world.helm.install()
    newer = os.path.join(world.folder, 'newer')
    shutil.copytree(CHART, newer)
    path = os.path.join(newer, 'files', 'crds', 'sessions.yaml')
    with open(path) as file:
        text = file.read()
    equal(text.count(COLUMN), 1)
    with open(path, 'w') as file:
        file.write(text.replace(COLUMN, ADDED + COLUMN))
    with world.namespace('upgrade') as ns:
        before = world.session(ns, 'x')['metadata']['uid']
        world.helm.run('upgrade', NAME, newer, '-n', SPACE, '-f', world.helm.values(VALUES))
        expect('Added' in columns(world), columns(world))
        world.helm.run('upgrade', NAME, CHART, '-n', SPACE, '-f', world.helm.values(VALUES))
        expect('Added' not in columns(world), columns(world))
        equal(world.kube.get('sessions', ns, 'x')['metadata']['uid'], before)


@test('release', 'an upgrade to the same changes nothing')
def _(world):
    world.helm.install()
    kinds = 'deployments,services,networkpolicies,poddisruptionbudgets,serviceaccounts,roles,rolebindings'

    def generations():
        found = world.kube.kubectl('get', kinds, '-n', SPACE, '-o', 'jsonpath={range .items[*]}'
                                   '{.kind}/{.metadata.name} {.metadata.resourceVersion}{"\\n"}{end}')
        return {line for line in found.splitlines() if not line.startswith('Deployment')}
    until(lambda: generations() == (generations()), 10, 'quiet')
    before, deployment = generations(), world.kube.get('deployments', SPACE, NAME)['metadata']['generation']
    world.helm.run('upgrade', NAME, CHART, '-n', SPACE, '-f', world.helm.values(VALUES))
    equal((generations(), world.kube.get('deployments', SPACE, NAME)['metadata']['generation']), (before, deployment))


@test('release', 'an uninstall keeps the CRDs and with them each Session, and an install finds them again')
def _(world):
    world.helm.install()
    with world.namespace('keep') as ns:
        before = world.session(ns, 'x')['metadata']['uid']
        world.helm.run('uninstall', NAME, '-n', SPACE)
        equal(world.kube.find('deployments', SPACE, NAME), None)
        equal([kind for kind in KINDS
               if not world.kube.find('customresourcedefinitions', None, f'{kind}.carrel.dev')], [])
        equal(world.kube.get('sessions', ns, 'x')['metadata']['uid'], before)
        left = world.kube.kubectl('get', 'clusterroles,clusterrolebindings,flowschemas,prioritylevelconfigurations,'
                                  'validatingadmissionpolicies,validatingadmissionpolicybindings', '-o', 'name')
        equal([line for line in left.splitlines() if 'carrel' in line], [], 'left behind')
        world.helm.install()
        equal(world.kube.get('sessions', ns, 'x')['metadata']['uid'], before)


@test('release', 'install.yaml goes in by one kubectl apply, of either kind, and Helm takes it over')
def _(world):
    world.helm.install()
    world.helm.run('uninstall', NAME, '-n', SPACE)
    for how in ['--server-side', '--force-conflicts'], []:
        said = world.kube.kubectl('apply', *how, '-f', INSTALL)
        expect(f'deployment.apps/{NAME}' in said, said)
    with world.namespace('over') as ns:
        before = world.kube.create('sessions', ns, things.session('x'))['metadata']['uid']
        code, _, why = world.helm.run('install', NAME, CHART, '-n', SPACE, check=False)
        expect(code != 0 and 'invalid ownership metadata' in why, f'{code} {why}')
        world.helm.run('install', NAME, CHART, '-n', SPACE, '-f', world.helm.values(VALUES), '--take-ownership',
                       '--force-conflicts')
        equal(world.kube.get('sessions', ns, 'x')['metadata']['uid'], before)
        args = world.kube.get('deployments', SPACE, NAME)['spec']['template']['spec']['containers'][0]['args']
        expect('--domain=carrel.test' in args, args)
