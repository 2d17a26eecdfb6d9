"""The lines of docs/operate.md that save the objects and put them back, as they stand there."""
import contextlib
import json
import os
import re
import subprocess

from lib import cluster
from lib.serve import ROOT
from lib.tests import Failed, equal, expect, test, until
from lib.world import CHILDREN, World
from shipped.helm import Helm, KINDS, lead, operator


def lines_of(heading):
    """The indented blocks of a section."""
    with open(os.path.join(ROOT, 'docs', 'operate.md')) as file:
        section = file.read().split(f'\n## {heading}\n')[1].split('\n## ')[0]
    return [re.sub(r'^    ', '', block, flags=re.M) for block in re.findall(r'(?:^    .*\n)+', section, re.M)]


def run(world, script, folder):
    env = {**os.environ, 'KUBECONFIG': world.kubeconfig,
           'PATH': f'{cluster.programs()}:{os.environ["PATH"]}'}
    done = subprocess.run(['bash', '-euo', 'pipefail', '-c', script], cwd=folder, env=env, capture_output=True,
                          text=True, timeout=120)
    if done.returncode != 0 or 'error' in done.stderr.lower():
        raise Failed(f'{script}{done.returncode}\n{done.stdout}{done.stderr}')


@contextlib.contextmanager
def another_cluster():
    """As fresh as they come, with the release."""
    name, kubeconfig = cluster.up('restored', '--rootless')
    world = None
    try:
        world = World(kubeconfig, cluster.kubectl())
        world.helm = Helm(world)
        world.helm.install()
        yield world
    finally:
        if world:
            world.end()
        cluster.down(name)


def saved(world, ns):
    """What a user wrote: names, labels, annotations and specs."""
    return {(kind, one['metadata']['name']): (one['spec'], one['metadata'].get('labels'))
            for kind in KINDS for one in world.kube.list(kind, ns)}


def children(world, ns, names):
    """Their specs, with the Session's uid and times taken out."""
    found = {}
    for name in names:
        uid = world.kube.get('sessions', ns, name)['metadata']['uid']
        for kind in CHILDREN:
            child = world.kube.find(kind, ns, f'ss-{name}')
            if child:
                text = json.dumps([child['spec'], child['metadata']['labels']], sort_keys=True)
                found[kind, name] = text.replace(uid, 'UID')
    return found


def fill(world, ns):
    world.template(ns)
    world.template(ns, 'other', env=[{'name': 'A', 'value': 'b'}])
    world.session(ns, 'up', persistentHome=True, tags=['a'])
    world.session(ns, 'asleep', 'other', state='hibernated', user='bob')
    world.session(ns, 'over', state='terminated')
    version = 'carrel.dev/v1alpha1'
    world.kube.create('connections', ns, {'apiVersion': version, 'kind': 'Connection', 'metadata': {'name': 'c'},
                                          'spec': {'sessionID': 'up', 'userID': 'alice'}})
    world.kube.create('templaterepositories', ns, {'apiVersion': version, 'kind': 'TemplateRepository',
                                                   'metadata': {'name': 'r'},
                                                   'spec': {'url': 'https://git.example.com/t.git'}})


def settled(world, ns):
    world.wait_children(ns, 'up')
    world.wait(ns, 'asleep', lambda s: s.phase == 'Hibernated')
    world.wait(ns, 'over', lambda s: s.phase == 'Terminated')
    until(lambda: world.kube.get('connections', ns, 'c')['metadata'].get('ownerReferences'), 10, 'an owner')


@test('backup', 'the lines of docs/operate.md bring every object into a fresh cluster, and the children are the same')
def _(world):
    world.helm.install()
    save, restore = lines_of('Backup and restore')
    with world.namespace('saved') as ns:
        with operator(world) as op:
            lead(op)
            fill(world, ns)
            settled(world, ns)
            run(world, save, world.folder)
            before, made = saved(world, ns), children(world, ns, ['up', 'asleep', 'over'])
        equal(sorted({kind for kind, _ in before}), sorted(KINDS))
        expect(len(made) >= 6, made)
        with another_cluster() as fresh:
            run(fresh, restore, world.folder)
            with operator(fresh) as op:
                lead(op)
                settled(fresh, ns)
                equal(saved(fresh, ns), before)
                equal(children(fresh, ns, ['up', 'asleep', 'over']), made)
                until(lambda: fresh.kube.find('persistentvolumeclaims', ns, 'home-alice'), 10, 'a home')
                owner = fresh.kube.get('connections', ns, 'c')['metadata']['ownerReferences'][0]['uid']
                equal(owner, fresh.kube.get('sessions', ns, 'up')['metadata']['uid'])
                run(fresh, restore, world.folder)  # twice does no harm
                op.quiet()
                equal(children(fresh, ns, ['up', 'asleep', 'over']), made)
