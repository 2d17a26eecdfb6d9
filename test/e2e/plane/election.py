"""Several operators, one leader: a Lease that is given back, runs out, is stolen or deleted."""
import contextlib
import datetime
import signal
import time

from lib import cluster
from lib.tests import equal, expect, figure, test, until
from lib.world import BASE, CHILDREN

LEASE_S, RENEW_S, RETRY_S = 4, 3, 1
NAME = 'carrel-controller'


@contextlib.contextmanager
def replicas(world, ns, count):
    """Operators that serve the namespace and share a Lease in it; in the order in which they were started."""
    world.stop_operator()
    world.may_lead(ns)
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


def lease(world, ns):
    return world.kube.find('leases', ns, NAME)


def holder(world, ns):
    found = lease(world, ns)
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


@test('election', 'SIGTERM gives the lead to the other at once')
def _(world):
    with world.namespace('term') as ns, replicas(world, ns, 2) as ops:
        world.template(ns)
        first = holder(world, ns)
        began = time.monotonic()
        ops[0].signal(signal.SIGTERM)
        until(lambda: holder(world, ns) not in (first, '', None), LEASE_S, 'another leader', every=0.02)
        took = time.monotonic() - began
        figure(f'election: another leads {took:.2f} s after SIGTERM')
        expect(took < RETRY_S * 2 + 0.5, f'{took:.2f} s')
        equal(ops[0].process.wait(10), 0, 'exit status')
        works(world, ns, 'x', 10)
        expect(ops[1].lives(), 'the other has ended')


@test('election', 'after SIGKILL the other leads when the lease has run out, and not before')
def _(world):
    with world.namespace('kill') as ns, replicas(world, ns, 2) as ops:
        world.template(ns)
        first = holder(world, ns)
        ops[0].kill()
        began = time.monotonic()
        until(lambda: holder(world, ns) != first, LEASE_S * 3, 'another leader', every=0.02)
        took = time.monotonic() - began
        figure(f'election: another leads {took:.2f} s after the leader was killed (lease {LEASE_S} s)')
        expect(LEASE_S - RETRY_S * 1.5 < took < LEASE_S + RETRY_S * 2.5, f'{took:.2f} s')
        works(world, ns, 'x', 10)


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


@test('election', 'a deleted Lease is made again and the process lives')
def _(world):
    with world.namespace('deleted') as ns, replicas(world, ns, 2) as ops:
        world.template(ns)
        uid = lease(world, ns)['metadata']['uid']
        world.kube.delete('leases', ns, NAME)
        until(lambda: (found := lease(world, ns)) and found['metadata']['uid'] != uid and
              found['spec'].get('holderIdentity'), LEASE_S * 3, 'a new Lease with a holder')
        works(world, ns, 'x', 15)
        equal([op.lives() for op in ops], [True, True])


@test('election', 'a leader that was frozen past its lease writes nothing more when it thaws')
def _(world):
    with world.namespace('frozen') as ns, replicas(world, ns, 2) as ops:
        world.template(ns)
        works(world, ns, 'before', 10)
        first = holder(world, ns)
        ops[0].quiet()
        written = ops[0].writes()
        ops[0].signal(signal.SIGSTOP)
        until(lambda: holder(world, ns) != first, LEASE_S * 3, 'another leader')
        works(world, ns, 'meanwhile', 10)
        ops[0].signal(signal.SIGCONT)
        until(lambda: 'controllers stopped' in ops[0].log(), 10, 'it has noticed')
        works(world, ns, 'after', 10)
        equal((ops[0].writes() - written, ops[0].lives()), (0, True), 'writes of the thawed one')


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
