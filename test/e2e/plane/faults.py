"""The operator or the cluster breaks at a bad moment."""
import time

from lib import cluster, things
from lib.tests import equal, expect, figure, test, until
from lib.world import CHILDREN, owned_by


def many(count, prefix='x'):
    return [things.session(f'{prefix}-{i}', user=f'u-{i % 7}') for i in range(count)]


def complete(world, ns, count):
    """Exactly the children that the sessions deserve, each its own."""
    sessions = {s['metadata']['name']: s for s in world.kube.list('sessions', ns)}
    equal(len(sessions), count, 'sessions')
    for kind in CHILDREN:
        found = {c['metadata']['name'].removeprefix('ss-'): c for c in world.kube.list(kind, ns)}
        equal(set(found), set(sessions), kind)
        for name, child in found.items():
            owned_by(child, sessions[name])
    equal([n for n, s in sessions.items() if s.get('status', {}).get('observedGeneration') is None], [],
          'without a status')
    return True


@test('faults', 'an operator killed again and again amid a hundred starts leaves nothing double or half')
def _(world):
    op = world.operator()
    with world.namespace('killed') as ns:
        world.template(ns)
        world.sessions(ns, many(30, 'a'))
        for part in 'bcd':
            op.kill()
            world.sessions(ns, many(30, part))
            op = world.operator()
            # amid the work: some children are there, not all
            until(lambda: world.kube.list('deployments', ns, labels='carrel.dev/session in '
                                          f'({part}-0,{part}-1,{part}-2,{part}-29)'), 10, 'it has begun')
        until(lambda: complete(world, ns, 120), 60, 'all complete', every=0.2)
        op.quiet()
        complete(world, ns, 120)


@test('faults', 'an apiserver that is killed and comes back finds an operator that goes on where it was')
def _(world):
    name = world.own_cluster()
    op = world.operator()
    with world.namespace('crashed') as ns:
        world.template(ns)
        world.sessions(ns, many(50))
        until(lambda: complete(world, ns, 50), 30, 'all complete', every=0.2)
        op.quiet()
        mark, pid = world.audit.mark(), op.process.pid
        cluster.script('component', 'kube-apiserver', 'kill', cluster=name)
        cluster.script('component', 'kube-apiserver', 'start', cluster=name)
        began = time.monotonic()
        world.session(ns, 'late')
        world.wait_children(ns, 'late', 40)
        figure(f'faults: a session made at once after the apiserver is back has its children after '
               f'{time.monotonic() - began:.1f} s')
        op.quiet(seconds=5)
        complete(world, ns, 51)
        equal(op.process.pid, pid, 'the process')
        late = [r for r in world.audit.writes(mark) if r.ns == ns and r.kind != 'templates']
        expect(len(late) <= 5, late)


@test('faults', 'an apiserver that freezes amid starts is waited for, and nothing is made twice')
def _(world):
    name = world.own_cluster()
    op = world.operator()
    with world.namespace('frozen') as ns:
        world.template(ns)
        world.sessions(ns, many(60))
        cluster.script('component', 'kube-apiserver', 'freeze', cluster=name)
        try:
            began = time.monotonic()
            until(lambda: time.monotonic() - began > 3, 5, 'three seconds of silence', every=0.5)
            equal((op.lives(), op.ask('/livez')[0]), (True, 200))
        finally:
            cluster.script('component', 'kube-apiserver', 'thaw', cluster=name)
        until(lambda: complete(world, ns, 60), 60, 'all complete', every=0.2)
        op.quiet()
        complete(world, ns, 60)


@test('faults', 'etcd that is killed and comes back loses nothing of ours')
def _(world):
    name = world.own_cluster()
    op = world.operator()
    with world.namespace('etcd') as ns:
        world.template(ns)
        world.sessions(ns, many(20))
        until(lambda: complete(world, ns, 20), 30, 'all complete', every=0.2)
        cluster.script('component', 'etcd', 'kill', cluster=name)
        cluster.script('component', 'etcd', 'start', cluster=name)
        until(lambda: world.kube.raw('GET', '/readyz')[0] == 200, 40, 'the apiserver is ready again', every=0.2)
        world.session(ns, 'late')
        world.wait_children(ns, 'late', 40)
        op.quiet()
        complete(world, ns, 21)
