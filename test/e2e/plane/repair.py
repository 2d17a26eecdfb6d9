"""Somebody else changes, deletes or occupies what is ours: it is put back, or told."""
from lib import things
from lib.tests import equal, expect, test, until
from lib.world import CHILDREN, owned_by


def env_index(deployment, name):
    return [e['name'] for e in things.container(deployment)['env']].index(name)


def at_env(deployment, name):
    return f'/spec/template/spec/containers/0/env/{env_index(deployment, name)}'


def spoil_value(d):
    return [{'op': 'replace', 'path': at_env(d, 'CARREL_USER') + '/value', 'value': 'mallory'}]


def spoil_env(d):
    return [{'op': 'remove', 'path': at_env(d, 'CARREL_USER')}]


def set_to(path, value):
    return lambda _: [{'op': 'replace', 'path': path, 'value': value}]


def without(path):
    return lambda _: [{'op': 'remove', 'path': path}]


CHANGES = [
    ('an environment variable with another value', 'deployments', spoil_value),
    ('an environment variable taken out', 'deployments', spoil_env),
    ('replicas', 'deployments', set_to('/spec/replicas', 3)),
    ('the image', 'deployments', set_to('/spec/template/spec/containers/0/image', 'evil:1')),
    ('a label of a Deployment', 'deployments', set_to('/metadata/labels/carrel.dev~1user', 'mallory')),
    ('the label of the pods', 'deployments', set_to('/spec/template/metadata/labels/user', 'mallory')),
    ('the label that our watches select by', 'deployments',
     without('/metadata/labels/app.kubernetes.io~1managed-by')),
    ('a Service\'s port', 'services', set_to('/spec/ports/0/port', 81)),
    ('a Service\'s selector', 'services', set_to('/spec/selector', {'app': 'mallory'})),
    ('a label of a Service', 'services', without('/metadata/labels/carrel.dev~1session')),
    ('an Ingress\'s host', 'ingresses', set_to('/spec/rules/0/host', 'mallory.example')),
    ('an Ingress\'s backend', 'ingresses',
     set_to('/spec/rules/0/http/paths/0/backend/service/name', 'mallory')),
    ('our own annotation', 'ingresses', without('/metadata/annotations/carrel.dev~1intent')),
]


def essence(child):
    """What must come back: all but what the server counts and the annotation that counts with it."""
    annotations = {k: v for k, v in child['metadata'].get('annotations', {}).items()
                   if k.startswith('carrel.dev/') and k != 'carrel.dev/intent'}
    return child['spec'], child['metadata']['labels'], child['metadata']['ownerReferences'], annotations


def put_back(world, ns, name, what, kind, spoil):
    before = world.kube.get(kind, ns, name)
    world.kube.patch(kind, ns, name, spoil(before), how='json', manager='kubectl-edit')
    until(lambda: (now := world.kube.find(kind, ns, name)) and essence(now) == essence(before), 10,
          f'{what} is put back')  # a Service that is made anew is away for a moment
    if 'port' not in what:  # of ports the server merges what we and others say: only a new Service helps
        equal(world.kube.get(kind, ns, name)['metadata']['uid'], before['metadata']['uid'],
              f'{what}: the same object')


for change in CHANGES:
    def body(world, change=change):
        world.operator()
        if 'repair' not in world.kept:
            world.kept['repair'] = world.namespace('repair')
            world.kept['repair-ns'] = world.kept['repair'].__enter__()
            world.template(world.kept['repair-ns'])
            world.session(world.kept['repair-ns'], 'x')
        ns = world.kept['repair-ns']
        world.wait_children(ns, 'x')
        put_back(world, ns, 'ss-x', *change)
    test('repair', f'{change[0]}, changed by somebody else, is put back')(body)


@test('repair', 'what comes back costs a write or two, and then there is quiet')
def _(world):
    op = world.operator()
    with world.namespace('quiet') as ns:
        world.template(ns)
        world.session(ns, 'x')
        world.wait_children(ns, 'x')
        op.quiet(seconds=5)
        before = op.accepted()
        put_back(world, ns, 'ss-x', 'replicas', 'deployments', set_to('/spec/replicas', 2))
        op.quiet()
        expect(op.accepted() - before <= 2, f'{op.accepted() - before} writes')
        before = op.accepted()
        put_back(world, ns, 'ss-x', 'replicas', 'deployments', set_to('/spec/replicas', 2))
        op.quiet()
        expect(op.accepted() - before <= 1, f'{op.accepted() - before} writes the second time')


@test('repair', 'what a user adds to a child and we do not speak of is left as it is')
def _(world):
    op = world.operator()
    with world.namespace('added') as ns:
        world.template(ns)
        world.session(ns, 'x')
        world.wait_children(ns, 'x')
        extra = {'metadata': {'annotations': {'example.com/note': 'mine'}, 'labels': {'team': 'blue'}}}
        for kind in CHILDREN:
            world.kube.patch(kind, ns, 'ss-x', extra, manager='kubectl-edit')
        world.kube.patch('deployments', ns, 'ss-x', {'spec': {'replicas': 2}}, manager='kubectl-edit')
        until(lambda: world.kube.get('deployments', ns, 'ss-x')['spec']['replicas'] == 1, 10, 'replicas')
        op.quiet()
        for kind in CHILDREN:
            meta = world.kube.get(kind, ns, 'ss-x')['metadata']
            equal((meta['annotations'].get('example.com/note'), meta['labels'].get('team')),
                  ('mine', 'blue'), kind)


@test('repair', 'each deleted child is made anew')
def _(world):
    world.operator()
    with world.namespace('deleted') as ns:
        world.template(ns)
        session = world.session(ns, 'x')
        before = world.wait_children(ns, 'x')
        for kind in CHILDREN:
            world.kube.delete(kind, ns, 'ss-x')
        until(lambda: (now := world.children(ns, 'x')) and all(
            now[k]['metadata']['uid'] != before[k]['metadata']['uid'] for k in CHILDREN), 20,
            'three new children')
        for child in world.children(ns, 'x').values():
            owned_by(child, session)


@test('repair', 'a child whose owner was taken off is told of as NameConflict and never changed')
def _(world):
    world.operator()
    with world.namespace('orphan') as ns:
        world.template(ns)
        world.session(ns, 'x')
        world.wait_children(ns, 'x')
        world.kube.patch('services', ns, 'ss-x', {'metadata': {'ownerReferences': None}})
        world.wait(ns, 'x', lambda s: s.reason('Ready') == 'NameConflict')
        world.kube.delete('services', ns, 'ss-x')
        world.wait(ns, 'x', lambda s: s.reason('Ready') == 'Starting')
        world.wait_children(ns, 'x')


SQUATTERS = {
    'deployments': {'spec': {'replicas': 0, 'selector': {'matchLabels': {'a': 'b'}}, 'template': {
        'metadata': {'labels': {'a': 'b'}},
        'spec': {'containers': [{'name': 'c', 'image': 'localhost/foreign:1'}]}}}},
    'services': {'spec': {'ports': [{'port': 80}], 'selector': {'a': 'b'}}},
    'ingresses': {'spec': {'defaultBackend': {'service': {'name': 'foreign', 'port': {'number': 80}}}}},
}

for kind in CHILDREN:
    def squat(world, kind=kind):
        world.operator()
        with world.namespace('squat') as ns:
            world.template(ns)
            foreign = world.kube.create(kind, ns, {
                'apiVersion': {'deployments': 'apps/v1', 'services': 'v1',
                               'ingresses': 'networking.k8s.io/v1'}[kind],
                'kind': {'deployments': 'Deployment', 'services': 'Service', 'ingresses': 'Ingress'}[kind],
                'metadata': {'name': 'ss-x'}, **SQUATTERS[kind]})
            world.session(ns, 'x')
            s = world.wait(ns, 'x', lambda s: s.reason('Ready') == 'NameConflict')
            equal((s.phase, s.is_true('Stalled')), ('Failed', True))
            expect('ss-x' in s.message('Ready'), s.message('Ready'))
            now = world.kube.get(kind, ns, 'ss-x')
            equal((now['spec'], now['metadata'].get('labels'), now['metadata'].get('ownerReferences')),
                  (foreign['spec'], None, None), 'the foreign object')
            world.kube.delete(kind, ns, 'ss-x')
            # nothing tells us of a foreign object's end: the next look at the session finds out, and is brought forward
            world.kube.patch('sessions', ns, 'x', {'spec': {'tags': ['look-again']}})
            world.wait(ns, 'x', lambda s: s.reason('Ready') == 'Starting' and s.phase == 'Pending')
            world.wait_children(ns, 'x')
    test('repair', f'a foreign object of {kind} under our name is left alone, told, and not waited for '
         'longer than it is there')(squat)


@test('repair', 'a session deleted and made again at once gets children of its own')
def _(world):
    world.operator()
    with world.namespace('again') as ns:
        world.template(ns)
        world.session(ns, 'x')
        world.wait_children(ns, 'x')
        world.kube.delete('sessions', ns, 'x')
        until(lambda: not world.kube.find('sessions', ns, 'x'), 10, 'the first is gone')
        second = world.session(ns, 'x')

        def mine():
            now = world.children(ns, 'x')
            return now and all(c['metadata']['ownerReferences'][0]['uid'] == second['metadata']['uid']
                               for c in now.values())
        until(mine, 90, 'children of the second session')
