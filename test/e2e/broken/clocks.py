"""The machine under the operator: clocks that jump and run wrong, no descriptors, no names."""
import resource
import time

from lib.proxy import Line
from lib.tests import equal, expect, figure, test, until
from lib.trouble import Churn, Skew, ends_well, kubeconfig, operator, place, total
from lib.world import BASE

LEASE_S = 4


def elect(ns):
    return ('--leader-elect', 'true', '--lease-namespace', ns, '--lease-duration', f'{LEASE_S}s', '--renew-deadline', '3s',
            '--retry-period', '1s')


@test('clock', 'the wall clock jumps an hour ahead and two back: sessions go on, none ends before its time')
def _(world):
    skew = Skew(world, 'wall')
    with place(world, 'wall') as ns, operator(world, ns, env=skew.env) as op:
        world.session(ns, 'long', maxSessionDuration='3h', idleTimeout='2h')
        world.wait_children(ns, 'long')
        for i, offset in enumerate((3600, -3600, 0)):
            skew.set(wall_s=offset)
            ends_well(world, ns, op, Churn(world, ns, 10, f'j{i}'))
            status = world.wait(ns, 'long', lambda s: s.observed == s.generation)
            expect(status.phase in ('Pending', 'Running'), status.raw)
            equal(world.kube.get('sessions', ns, 'long')['spec'].get('state', 'running'), 'running')
        for session in world.kube.list('sessions', ns):
            start = session['status'].get('start') or {}
            expect(all(ms >= 0 for ms in start.values()), session['status'])


@test('clock', 'the wall clock of a leader jumps, and the Lease stays where it is')
def _(world):
    skew = Skew(world, 'lease')
    with place(world, 'lease') as ns, operator(world, ns, None, *elect(ns), env=skew.env) as op:
        other = world.make_operator(*BASE[4:], '--namespace', ns, *elect(ns)).start()
        other.wait_ready()
        ends_well(world, ns, op, Churn(world, ns, 5, 'a'))
        first = holder(world, ns)
        for offset in (3600, -3600, 0):
            skew.set(wall_s=offset)
            began = time.monotonic()
            while time.monotonic() - began < LEASE_S * 1.5:
                equal(holder(world, ns), first, 'the holder')
                time.sleep(0.2)
        ends_well(world, ns, op, Churn(world, ns, 5, 'b'))
        equal(('controllers stopped' in op.log(), other.writes()), (False, 0), 'stopped, writes of the other')
        equal(other.stop(), 0)


def holder(world, ns):
    lease = world.kube.find('leases', ns, 'carrel-controller')
    return lease and lease['spec'].get('holderIdentity')


@test('clock', 'after a minute of suspension a leader writes nothing before it leads again')
def _(world):
    skew = Skew(world, 'suspend')
    with place(world, 'suspend') as ns, operator(world, ns, None, *elect(ns), env=skew.env) as op:
        ends_well(world, ns, op, Churn(world, ns, 10, 'a'))
        skew.set(boot_s=60)
        until(lambda: 'controllers stopped' in op.log(), 10, 'it has noticed')
        ends_well(world, ns, op, Churn(world, ns, 10, 'b'))
        expect(op.log().count('controllers started') >= 2, op.tail())


@test('clock', 'clocks that run a third too fast or too slow change nothing, also between two replicas')
def _(world):
    fast, slow = Skew(world, 'fast', 1.3), Skew(world, 'slow', 0.7)
    with place(world, 'rates') as ns, operator(world, ns, None, *elect(ns), env=slow.env) as op:
        other = world.make_operator(*BASE[4:], '--namespace', ns, *elect(ns), env=fast.env).start()
        other.wait_ready()
        ends_well(world, ns, op, Churn(world, ns, 20))
        first = holder(world, ns)
        began = time.monotonic()
        while time.monotonic() - began < LEASE_S * 2:
            equal(holder(world, ns), first, 'the holder')
            time.sleep(0.2)
        equal(other.writes(), 0, 'writes of the other')
        equal(other.stop(), 0)


@test('machine', 'without a descriptor to spare nothing is lost, and with one it goes on')
def _(world):
    skew = Skew(world, 'files', 5)
    with place(world, 'files') as ns, Line(world.kube.url.hostname, world.kube.url.port) as it, \
            operator(world, ns, kubeconfig(world, 'files', f'https://127.0.0.1:{it.port}'), env=skew.env) as op:
        Churn(world, ns, 5, 'a').done()
        ends_well(world, ns, op)
        _, hard = resource.prlimit(op.process.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(op.process.pid, resource.RLIMIT_NOFILE, (4, hard))
        it.cut()
        churn = Churn(world, ns, 10, 'b')
        churn.done()
        until(lambda: 'watch ended' in op.log(), 20, 'it has lost its connections')
        expect(op.lives(), op.tail())
        resource.prlimit(op.process.pid, resource.RLIMIT_NOFILE, (hard, hard))
        ends_well(world, ns, op)


@test('machine', 'a server whose name cannot be resolved for a while is found again')
def _(world):
    skew = Skew(world, 'names', 5)
    with place(world, 'names') as ns, Line(world.kube.url.hostname, world.kube.url.port) as it, \
            operator(world, ns, kubeconfig(world, 'names', f'https://kubernetes.default.svc:{it.port}'), env=skew.env) as op:
        Churn(world, ns, 5, 'a').done()
        ends_well(world, ns, op)
        skew.set(wall_s=120, no_names=True)  # past what libcurl remembers of names
        it.cut()
        before = it.accepted
        churn = Churn(world, ns, 10, 'b')
        until(lambda: 'resolve' in op.log(), 30, 'the log says that it is the name')
        churn.done()
        equal(it.accepted, before, 'connections without a name')
        skew.set(no_names=False)
        ends_well(world, ns, op)
        figure(f'machine: {total(op, "carrel_watch_relists"):.0f} lists after a time without names')
