"""Two replicas and a crowd of users for a minute, or an hour, while everything around them breaks in turn.

MINUTES=1, SESSIONS=60, SEED=…; `make soak` takes an hour and 500 sessions. One replica, the steady one, is never killed:
what it holds must be flat. The other may be killed at any time. At the end nothing breaks any more, the users rest, and the
cluster must be what they asked for.
"""
import datetime
import http.client
import os
import random
import signal
import time

from lib import cluster
from lib.crowd import Crowd
from lib.cut import Cut
from lib.essence import of_pods
from lib.gauge import Gauge, Sample, more_memory, other_numbers
from lib.kube import ApiError
from lib.played import played
from lib.tests import Failed, equal, expect, figure, test, until
from lib.witness import Witness
from lib.world import BASE, CHILDREN

MINUTES = float(os.environ.get('MINUTES', '1'))
SESSIONS = int(os.environ.get('SESSIONS', '60'))
SEED = int(os.environ.get('SEED') or random.randrange(1 << 32))
WISHES_A_SECOND = 5
LEASE_S = 3
LEASE = ('--leader-elect', 'true', '--lease-duration', f'{LEASE_S}s', '--renew-deadline', '2s', '--retry-period', '500ms')
LEASE_NAME = 'carrel-controller'
PHASES = {'running': 'Running', 'hibernated': 'Hibernated'}
# lib/limits.h's for requests, two for watches, one for the lease; and again as many where the old ones are doubtful.
CONNECTIONS_MAX = 2 * (32 + 2 + 1)


class Faults:
    """Each takes something away and gives it back before it returns."""

    def __init__(self, soak):
        self.soak, self.done = soak, {}

    def other_killed(self):
        self.soak.other.kill()
        self.soak.other.start()

    def other_stopped(self):
        until(lambda: self.soak.other.ask('/livez')[0] == 200, 60, 'the other replica lives')
        equal(self.soak.other.stop(60), 0, 'exit status of the other replica')
        self.soak.other.start()

    def other_paused(self):
        self.pause(self.soak.other)

    def steady_paused(self):
        self.pause(self.soak.steady)

    def pause(self, op):
        op.signal(signal.SIGSTOP)
        time.sleep(LEASE_S + 1.5)
        op.signal(signal.SIGCONT)

    def steady_cut_off(self):
        self.soak.cut.cut()
        time.sleep(LEASE_S + 1.5)
        self.soak.cut.mend()

    def watches_cut(self):
        self.soak.cut.drop()

    def lease_deleted(self):
        self.insist(lambda kube: kube.delete('leases', self.soak.ns, LEASE_NAME))

    def lease_stolen(self):
        now = datetime.datetime.now(datetime.timezone.utc).strftime('%Y-%m-%dT%H:%M:%S.%fZ')
        self.insist(lambda kube: kube.patch('leases', self.soak.ns, LEASE_NAME, {'spec': {
            'holderIdentity': 'thief', 'renewTime': now, 'leaseDurationSeconds': LEASE_S}}))

    def insist(self, change):
        """The Lease may be away, or the server, from the fault before."""
        def done():
            try:
                change(self.soak.world.kube)
            except (ApiError, OSError, http.client.HTTPException) as error:
                raise Failed(error) from error
            return True
        until(done, 60, 'the Lease is changed', every=0.2)

    def component(self, name, *steps, pause_s=0.0):
        for i, step in enumerate(steps):
            time.sleep(pause_s if i else 0)
            cluster.script('component', name, step, cluster=self.soak.world.cluster)

    def apiserver_killed(self):
        self.component('kube-apiserver', 'kill', 'start')

    def apiserver_frozen(self):
        self.component('kube-apiserver', 'freeze', 'thaw', pause_s=3)

    def etcd_frozen(self):
        self.component('etcd', 'freeze', 'thaw', pause_s=2)

    def etcd_killed(self):
        self.component('etcd', 'kill', 'start')

    ALL = (other_killed, lease_deleted, watches_cut, other_paused, apiserver_frozen, other_stopped, lease_stolen,
           etcd_frozen, steady_paused, apiserver_killed, steady_cut_off, etcd_killed)

    def go_on(self, until_s, rng, pause_s):
        """Every one once, in an order of its own, then again."""
        left = []
        while time.monotonic() < until_s:
            left = left or rng.sample(self.ALL, len(self.ALL))
            fault = left.pop()
            fault(self)
            self.done[fault.__name__] = self.done.get(fault.__name__, 0) + 1
            time.sleep(rng.uniform(0.5, 1.5) * pause_s)


class Soak:
    def __init__(self, world, ns, cut):
        self.world, self.ns, self.cut = world, ns, cut
        self.crowd = Crowd(world.kube, ns, SESSIONS, WISHES_A_SECOND, SEED)
        self.steady, self.other = (self.operator(kubeconfig) for kubeconfig in (cut.kubeconfig, world.kubeconfig))
        self.faults = Faults(self)
        self.gauge = Gauge(self.steady, every_s=min(10, MINUTES * 60 / 40))

    def operator(self, kubeconfig):
        op = self.world.make_operator(*BASE[4:], '--namespace', self.ns, '--lease-namespace', self.ns, *LEASE,
                                      kubeconfig=kubeconfig)
        op.start().wait_ready()
        return op

    def as_wished(self):
        """Every session and every child, and nothing besides; by what the users asked for, not by what we know."""
        kube, wishes = self.world.kube, {name: wish for name, wish in self.crowd.wishes.items() if wish}
        sessions = {s['metadata']['name']: s for s in kube.list('sessions', self.ns)}
        equal(set(sessions), set(wishes), 'sessions')
        seen = {name: (s.get('status', {}).get('phase'),
                       s.get('status', {}).get('observedGeneration') == s['metadata']['generation'])
                for name, s in sessions.items()}
        wrong = {name: seen[name] for name in wishes if seen[name] != (PHASES[wishes[name]], True)}
        expect(not wrong, lambda: f'{len(wrong)} of {len(wishes)}: {dict(list(wrong.items())[:5])}')
        for kind in CHILDREN:
            owners = {c['metadata']['name']: [o['uid'] for o in c['metadata']['ownerReferences']]
                      for c in kube.list(kind, self.ns)}
            equal(owners, {f'ss-{name}': [s['metadata']['uid']] for name, s in sessions.items()}, kind)
        equal(of_pods(kube.list('pods', self.ns)),
              {name: {'ready': 1} for name, wish in wishes.items() if wish == 'running'}, 'pods')
        return True

    def rest(self):
        """Nothing is under way: what the steady replica holds then can be compared."""
        until(self.as_wished, 300, 'the cluster is what the users asked for', every=1)
        self.steady.quiet(seconds=3)
        return vars(Sample(self.steady))

    def fill(self):
        self.crowd.fill()
        until(self.crowd.full, 300, 'all sessions are asked for', every=0.5)

    def run(self):
        self.crowd.go.set()
        self.gauge.start()
        rng = random.Random(SEED)
        self.faults.go_on(time.monotonic() + MINUTES * 60, rng, pause_s=min(10, MINUTES * 2))
        self.gauge.stop()
        self.crowd.stop()

    def judge_flat(self, began):
        """A quarter of a minute is too short for its memory to tell anything: a list after a fault fills it, and it goes back
        seconds later. What leaks never goes back, so that the rest after the faults is held beside the rest before."""
        second, last = self.gauge.quarter(2), self.gauge.quarter(4)
        equal(other_numbers(second, last), [], 'from the second quarter to the last')
        most = max(sample.connections for sample in self.gauge.samples)
        expect(most <= CONNECTIONS_MAX, f'{most} connections to the API server at once')
        if MINUTES >= 30:
            equal(more_memory(second, last, ('private_kib', 'memory_kib')), [], 'from the second quarter to the last')

        def as_before():
            equal(more_memory(began, vars(Sample(self.steady))), [], 'at rest')
            return True
        until(as_before, 60, 'at rest it holds what it held before', every=2)


def tell(soak, witness, began, ended):
    done = soak.crowd.done
    figure(f'soak: {MINUTES:g} min, {SESSIONS} sessions, SEED={SEED}: {sum(done.values())} wishes '
           f'({", ".join(f"{n} {what}" for what, n in sorted(done.items()))}), {soak.crowd.refused} of them asked again; '
           f'steady replica at {100 * soak.gauge.cpu_share():.1f} % of a core')
    figure('soak: faults: ' + ', '.join(f'{n} {what.replace("_", " ")}' for what, n in sorted(soak.faults.done.items())) +
           f'; the second watch had {witness.gaps} gaps')
    rows = [('at rest before', began)] + [(f'quarter {i}, median', soak.gauge.quarter(i)) for i in (1, 2, 3, 4)] + \
        [('at rest after', ended)]
    for word, row in rows:
        figure(f'soak: | {word} | {row["descriptors"]:g} descriptors, {row["connections"]:g} connections | {row["threads"]:g} threads | '
               f'{row["memory_kib"] / 1024:.2f} MiB | {row["private_kib"] / 1024:.2f} MiB private |')


@test('soak', 'with faults on all along, what the operator holds is flat, and at the end the cluster is what was asked for')
def _(world):
    world = played(world)
    print(f'    SEED={SEED} MINUTES={MINUTES:g} SESSIONS={SESSIONS}', flush=True)
    with world.namespace('soak') as ns, Cut(world.kube, world.folder) as cut, Witness(world.kube, ns) as witness:
        world.stop_operator()
        soak = Soak(world, ns, cut)
        try:
            world.template(ns, homePath='/home/user')
            soak.fill()
            began = soak.rest()
            soak.run()
            ended = soak.rest()
            tell(soak, witness, began, ended)
            witness.catch_up(60)
            for kind in ('deployments', 'pods'):
                equal(witness.doubles(kind), {}, f'{kind} of one session at one time')
            equal(witness.ended('persistentvolumeclaims'), [], 'homes that have gone')
            missing = {fault.__name__ for fault in Faults.ALL} - set(soak.faults.done)
            equal(missing if MINUTES >= 5 else set(), set(), 'faults that never came')
            equal((soak.steady.lives(), soak.other.lives()), (True, True), 'both live')
            soak.judge_flat(began)
        finally:
            soak.crowd.over.set()
            for op in soak.steady, soak.other:
                op.kill()
