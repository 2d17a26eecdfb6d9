"""Two replicas, and everything that can befall the one that leads: never two that write, and nobody waits for ever.

What is judged is the apiserver's audit log. It names the replica that sent each request, so that it shows who wrote when, and
whose the Lease was at that moment.
"""
import contextlib
import datetime
import itertools
import re
import signal
import threading
import time

from lib import things
from lib.cut import Cut
from lib.played import played
from lib.tests import equal, expect, figure, test, until
from lib.witness import Witness
from lib.world import BASE, CHILDREN

LEASE_S, RENEW_MS, RETRY_MS = 2, 1400, 400
LEASE = ('--leader-elect', 'true', '--lease-duration', f'{LEASE_S}s', '--renew-deadline', f'{RENEW_MS}ms',
         '--retry-period', f'{RETRY_MS}ms')
NAME = 'carrel-controller'
PAUSES = 2


class User(threading.Thread):
    """Makes a session every tenth of a second, as long as it is let."""

    def __init__(self, world, ns):
        super().__init__(daemon=True)
        self.world, self.ns, self.made, self.over = world, ns, 0, threading.Event()
        self.error = None

    def run(self):
        try:
            for i in itertools.count():
                if self.over.wait(0.1):
                    return
                self.world.kube.create('sessions', self.ns, things.session(f'x-{i}', user=f'u-{i % 5}'))
                self.made = i + 1
        except Exception as error:  # told by the test that waits for what was made
            self.error = error


class Pair:
    """Two replicas in a namespace, each behind a line that can be cut, and a user who never rests."""

    def __init__(self, world, ns, cuts):
        self.world, self.ns = world, ns
        self.mark = world.audit.mark()
        self.user = User(world, ns)
        self.cuts, self.ops = {}, []
        for cut in cuts:
            op = world.make_operator(*BASE[4:], '--namespace', ns, '--lease-namespace', ns, *LEASE,
                                     kubeconfig=cut.kubeconfig)
            self.cuts[op] = cut
            self.ops.append(op.start())
            op.wait_ready(40)
            until(self.holder, 20, 'a leader')

    def name_of(self, op):
        """What the replica calls itself, in its log, its Lease and its requests."""
        return re.findall(r'carrel serves.* replica=(\S+)', op.log())[-1]

    def lease(self):
        return self.world.kube.find('leases', self.ns, NAME)

    def holder(self):
        found = self.lease()
        return found and found['spec'].get('holderIdentity')

    def leader(self):
        """The replica in the Lease and the other one."""
        holder = until(lambda: self.holder() in self.names() and self.holder(), 4 * LEASE_S, 'one of ours leads')
        return sorted(self.ops, key=lambda op: self.name_of(op) != holder)

    def names(self):
        return [self.name_of(op) for op in self.ops]

    def requests(self):
        return [r for r in self.world.audit.since(self.mark) if r.ns == self.ns and r.is_ours and r.is_write]

    def takeover(self, then_s, another_than=None):
        """Seconds until the first write that was accepted after that moment."""
        def first():
            return next((r for r in self.requests() if r.kind != 'leases' and r.at_s > then_s and r.code < 300 and
                         r.replica != another_than), None)
        return until(first, LEASE_S * 10, 'somebody writes again', every=0.2).at_s - then_s

    def work(self, seconds=1.0):
        time.sleep(seconds)

    def finish(self, witness):
        """All that the user has made is ready, and was made once."""
        self.user.over.set()
        self.user.join(40)
        equal(self.user.error, None, 'the user')
        until(self.all_ready, 120, 'all sessions are ready', every=0.3)
        witness.catch_up()
        for kind in CHILDREN + ('pods',):
            equal(witness.doubles(kind), {}, f'{kind} of one session at one time')
        for kind in CHILDREN:
            equal(witness.made_again(kind), {}, f'{kind} made more than once')
            equal(len(self.world.kube.list(kind, self.ns)), self.user.made, kind)

    def all_ready(self):
        sessions = self.world.kube.list('sessions', self.ns)
        waiting = [s['metadata']['name'] for s in sessions if s.get('status', {}).get('phase') != 'Running']
        expect(not waiting, lambda: f'of {len(sessions)} not yet: {waiting[:5]}')
        return len(sessions) == self.user.made


def one_writer(requests):
    """Every write falls into a term of its sender: nobody else of ours has taken the Lease since it did, and none is
    under way beside another's."""
    wrong, holder, taken = [], None, []
    # a term begins when the request that took the Lease came: its sender may write before the log has noted the answer
    for r in sorted((r for r in requests if r.kind == 'leases' and r.code < 300), key=lambda r: r.at_s):
        if r.replica != holder:
            taken.append((r.at_s, r.replica))
            holder = r.replica
    writes = sorted((r for r in requests if r.kind != 'leases'), key=lambda r: r.at_s)
    for r in writes:
        before = [who for at, who in taken if at <= r.at_s]
        if not before or before[-1] != r.replica:
            wrong.append(f'{r.replica} writes at {r.at_s:.3f}, {before[-1] if before else None} has the Lease: {r}')
    for one, two in zip(writes, writes[1:]):
        if one.replica != two.replica and one.done_s > two.at_s:
            wrong.append(f'{one.replica}: {one} until {one.done_s:.3f} beside {two.replica}: {two} from {two.at_s:.3f}')
    expect(not wrong, lambda: f'{len(wrong)} writes out of turn; terms {taken}\n' + '\n'.join(wrong[:10]))
    return writes


@contextlib.contextmanager
def pair(world, word):
    world.stop_operator()
    with contextlib.ExitStack() as stack:
        ns = stack.enter_context(world.namespace(word))
        cuts = [stack.enter_context(Cut(world.kube, world.folder)) for _ in range(2)]
        witness = stack.enter_context(Witness(world.kube, ns))
        p = Pair(world, ns, cuts)
        try:
            world.template(ns)
            p.user.start()
            p.work()
            yield p
            p.finish(witness)
            writes = one_writer(p.requests())
            expect(len(writes) >= 4 * p.user.made, f'{len(writes)} writes for {p.user.made} sessions')
        finally:
            p.user.over.set()
            for op in p.ops:
                op.kill()


def told(what, seconds):
    figure(f'leaders: {what}: the next write comes {seconds:.2f} s later '
           f'(lease {LEASE_S} s, deadline {RENEW_MS / 1000:g} s, retry {RETRY_MS / 1000:g} s)')


@test('leaders', 'stopped amid work, the leader hands over, and no write of its own comes after the other\'s first')
def _(world):
    with pair(played(world), 'stopped') as p:
        first, _ = p.leader()
        began, name = time.time(), p.name_of(first)
        first.signal(signal.SIGTERM)
        told('stopped', p.takeover(began, name))
        equal(first.process.wait(10), 0, 'exit status')
        p.work()


@test('leaders', 'killed amid work, it is replaced when its lease has run out')
def _(world):
    with pair(played(world), 'killed') as p:
        first, _ = p.leader()
        began, name = time.time(), p.name_of(first)
        first.kill()
        told('killed', p.takeover(began, name))
        p.work()


@test('leaders', 'cut off from the apiserver, the leader has stopped before the other begins, and follows when it is back')
def _(world):
    with pair(played(world), 'cut') as p:
        first, other = p.leader()
        began, name = time.time(), p.name_of(first)
        p.cuts[first].cut()
        told('cut off', p.takeover(began, name))
        until(lambda: 'controllers stopped' in first.log(), 10, 'the one that is cut off has stopped')
        p.work()
        p.cuts[first].mend()
        p.work(2)
        equal((first.lives(), first.ask('/livez')[0]), (True, 200))
        other.signal(signal.SIGTERM)  # and it can lead again
        told('stopped, the other one having been cut off before', p.takeover(time.time(), p.name_of(other)))


@test('leaders', 'paused past its lease, again and again, neither ever writes in the other\'s term')
def _(world):
    with pair(played(world), 'paused') as p:
        for _ in range(PAUSES):
            first, _ = p.leader()
            began, name = time.time(), p.name_of(first)
            first.signal(signal.SIGSTOP)
            try:
                told('paused', p.takeover(began, name))
                p.work(0.5)
            finally:
                first.signal(signal.SIGCONT)
            p.work(1.5)


@test('leaders', 'its Lease deleted again and again, there is one writer all along')
def _(world):
    with pair(played(world), 'deleted') as p:
        for _ in range(3):
            began, uid = time.time(), p.lease()['metadata']['uid']
            p.world.kube.delete('leases', p.ns, NAME)
            until(lambda: (found := p.lease()) and found['metadata']['uid'] != uid and p.holder(), LEASE_S * 4,
                  'a new Lease with a holder')
            told('Lease deleted', p.takeover(began))
            p.work(1.5)
        equal([op.lives() for op in p.ops], [True, True])


@test('leaders', 'its Lease stolen, it stops, and one of the two begins again when the thief\'s time is over')
def _(world):
    with pair(played(world), 'stolen') as p:
        now = datetime.datetime.now(datetime.timezone.utc).strftime('%Y-%m-%dT%H:%M:%S.%fZ')
        p.world.kube.patch('leases', p.ns, NAME, {'spec': {'holderIdentity': 'thief', 'renewTime': now,
                                                           'leaseDurationSeconds': LEASE_S}})
        began = time.time()
        until(lambda: any('controllers stopped' in op.log() for op in p.ops), LEASE_S * 3, 'controllers stopped')
        p.leader()
        stolen = [r for r in p.requests() if r.kind != 'leases' and began + RENEW_MS / 1000 < r.at_s]
        told('Lease stolen', p.takeover(began + RENEW_MS / 1000) + RENEW_MS / 1000)
        taken = min(r.done_s for r in p.requests() if r.kind == 'leases' and r.code < 300 and r.at_s > began)
        early = [r for r in stolen if r.at_s < taken]
        equal(early, [], 'writes while the thief had it')
        equal([op.lives() for op in p.ops], [True, True])
