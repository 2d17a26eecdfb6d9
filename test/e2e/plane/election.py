"""Several operators, one leader. What befalls a leader amid work, and who wrote when, is in leaders.py."""
import contextlib
import datetime
import time

from lib import cluster
from lib.tests import equal, expect, test, until
from lib.world import BASE, CHILDREN

LEASE_S, RENEW_S, RETRY_S = 4, 3, 1
NAME = 'carrel-controller'


@contextlib.contextmanager
def replicas(world, ns, count):
    """Operators that serve the namespace and share a Lease in it; in the order in which they were started."""
    world.stop_operator()
    ops = []
    try:
        for _ in range(count):
            op = world.make_operator(*BASE[4:], '--namespace', ns, '--leader-elect', 'true',
                                     '--lease-namespace', ns, '--lease-duration', f'{LEASE_S}s',
                                     '--renew-deadline', f'{RENEW_S}s', '--retry-period', f'{RETRY_S}s')
            op.start().wait_ready()
            ops.append(op)
            until(lambda: holder(world, ns), 10, 'a leader')
        yield ops
    finally:
        for op in ops:
            op.kill()


def holder(world, ns):
    found = world.kube.find('leases', ns, NAME)
    return found and found['spec'].get('holderIdentity')


def works(world, ns, name, seconds):
    """A session made now gets its children; how long that took."""
    began = time.monotonic()
    world.session(ns, name)
    world.wait_children(ns, name, seconds)
    return time.monotonic() - began


@test('election', 'of two operators one works, and what it makes is made once')
def _(world):
    with world.namespace('two') as ns, replicas(world, ns, 2) as ops:
        world.template(ns)
        for i in range(20):
            works(world, ns, f'x-{i}', 10)
        ops[0].quiet()
        writers = [op.writes() for op in ops]
        expect(min(writers) == 0 and max(writers) >= 80, f'writes: {writers}')
        for kind in CHILDREN:
            equal(len(world.kube.list(kind, ns)), 20, kind)


def steal(world, ns, seconds):
    """As another program would take it: in use for so many seconds from now."""
    now = datetime.datetime.now(datetime.timezone.utc).strftime('%Y-%m-%dT%H:%M:%S.%fZ')
    world.kube.patch('leases', ns, NAME, {'spec': {'holderIdentity': 'thief', 'renewTime': now,
                                                   'leaseDurationSeconds': seconds}})


@test('election', 'a stolen Lease stops the controllers and nothing else; they begin again when it runs out')
def _(world):
    with world.namespace('thief') as ns, replicas(world, ns, 1) as (op,):
        world.template(ns)
        works(world, ns, 'before', 10)
        op.quiet()
        steal(world, ns, 8)
        until(lambda: 'controllers stopped' in op.log(), RENEW_S + 2, 'controllers stopped')
        stopped = op.writes()
        world.session(ns, 'meanwhile')
        until(lambda: op.metrics().get('carrel_cache_objects{kind="session"}', 0) == 2, 6,
              'the cache goes on')
        equal((op.ask('/livez')[0], op.ask('/readyz')[0], op.lives()), (200, 200, True))
        equal((holder(world, ns), op.writes() - stopped), ('thief', 0))
        equal(world.children(ns, 'meanwhile'), None)
        until(lambda: holder(world, ns) != 'thief', 20, 'the thief\'s lease runs out')
        world.wait_children(ns, 'meanwhile')


@test('election', 'while the apiserver is away the process lives, and leads again when it is back')
def _(world):
    name = world.own_cluster()
    with world.namespace('away') as ns, replicas(world, ns, 1) as (op,):
        world.template(ns)
        works(world, ns, 'before', 10)
        cluster.script('component', 'kube-apiserver', 'kill', cluster=name)
        try:
            until(lambda: 'controllers stopped' in op.log(), RENEW_S + LEASE_S, 'the lease is lost')
            equal((op.ask('/livez')[0], op.lives()), (200, True))
        finally:
            cluster.script('component', 'kube-apiserver', 'start', cluster=name)
        works(world, ns, 'after', 40)
