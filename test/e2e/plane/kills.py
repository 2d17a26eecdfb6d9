"""The operator killed at random moments while two hundred sessions live through everything that a user can ask of them.

KILLS=20 how often; SEED=… which moments and which order, drawn and printed where it is not given.
"""
import concurrent.futures
import contextlib
import json
import os
import random
import time

from lib import essence, things
from lib.played import played
from lib.tests import equal, expect, figure, test, until
from lib.witness import Witness
from lib.world import BASE, CHILDREN

SESSIONS, USERS, THREADS = 200, 17, 4
KILLS = int(os.environ.get('KILLS', '20'))
SEED = int(os.environ.get('SEED') or random.randrange(1 << 32))
LEASE = ('--leader-elect', 'true', '--lease-duration', '1s', '--renew-deadline', '700ms', '--retry-period', '250ms')
ENDINGS = ((), ('delete',), ('hibernate',), ('delete', 'create'))
PHASES = {'create': 'Running', 'wake': 'Running', 'hibernate': 'Hibernated'}
STATES = {'hibernate': 'hibernated', 'wake': 'running'}


def story(number):
    return ('create', 'hibernate', 'wake', *ENDINGS[number % len(ENDINGS)])


def script(rng):
    """All stories in one order of (session, what its user does), each in its own order."""
    left = {number: list(story(number)) for number in range(SESSIONS)}
    found = []
    while left:
        number = rng.choice(list(left))
        found.append((number, left[number].pop(0)))
        if not left[number]:
            del left[number]
    return found


def act(kube, ns, number, what):
    name = f's-{number}'
    if what == 'create':
        kube.create('sessions', ns, things.session(name, user=f'u-{number % USERS}',
                                                   persistentHome=has_home(number)))
    elif what == 'delete':
        kube.delete('sessions', ns, name)
        until(lambda: kube.find('sessions', ns, name) is None, 30, f'{name} is gone')
    else:
        kube.patch('sessions', ns, name, {'spec': {'state': STATES[what]}}, manager='user')


def has_home(number):
    return number % 5 == 0


def phase_at_end(number):
    return PHASES.get(story(number)[-1])


def why(kube, ns, names):
    """What stands in the status of one of them, and its pods."""
    name = sorted(names)[0]
    session = kube.find('sessions', ns, name) or {}
    pods = kube.list('pods', ns, labels=f'carrel.dev/session={name}')
    return json.dumps({'spec': session.get('spec'), 'status': session.get('status'),
                       'pods': [{**p['status'], **p['metadata'], 'managedFields': ()} for p in pods]}, indent=1)


def settled(kube, ns):
    """Every session that is left is what its user asked for last, as far as its status tells."""
    seen = {s['metadata']['name']: (s.get('status', {}).get('phase'),
                                    s.get('status', {}).get('observedGeneration') == s['metadata']['generation'])
            for s in kube.list('sessions', ns)}
    wanted = {f's-{i}': (phase_at_end(i), True) for i in range(SESSIONS) if phase_at_end(i)}
    wrong = {name: seen.get(name) for name in set(seen) | set(wanted) if seen.get(name) != wanted.get(name)}
    expect(not wrong, lambda: f'{len(wrong)} differ: {dict(list(wrong.items())[:5])}\n' + why(kube, ns, wrong))
    return True


class Run:
    """The whole script in one namespace, with a witness; the operator belongs to whoever runs it."""

    def __init__(self, world, ns):
        self.world, self.ns, self.kube = world, ns, world.kube
        self.rng = random.Random(SEED)
        self.script = script(self.rng)
        self.kills, self.last = [], {}  # when; number -> its user's last wish
        self.users = concurrent.futures.ThreadPoolExecutor(THREADS)

    def operator(self, *lease):
        return self.world.make_operator(*(lease or BASE[2:4]), *BASE[4:], '--namespace', self.ns,
                                        '--lease-namespace', self.ns)

    def leads(self, op):
        return op.metrics().get('leader_election_master_status{name="carrel"}') == 1

    def kill(self, op):
        if op.lives():
            self.kills.append(time.time())
            op.kill()

    def is_ripe(self, number):
        """Whoever has a home waits until the last wish has come true; the others do not, and change their minds before the
        operator knows. (A session that is put to sleep before it ever ran has no home, so that with these the end would
        depend on the moments.)"""
        if not has_home(number) or self.last.get(number) not in PHASES:
            return True
        session = self.kube.get('sessions', self.ns, f's-{number}')
        status = session.get('status', {})
        return (status.get('phase'), status.get('observedGeneration')) == \
            (PHASES[self.last[number]], session['metadata']['generation'])

    def live(self, mine):
        """What has to be wished later."""
        left, waiting = [], set()
        for number, what in mine:
            if number in waiting or not self.is_ripe(number):
                waiting.add(number)
                left.append((number, what))
            else:
                act(self.kube, self.ns, number, what)
                self.last[number] = what
        return left

    def begin(self, part):
        """Some users at a time, each with sessions of its own; what is returned waits for them."""
        lives = [self.users.submit(self.live, [p for p in part if p[0] % THREADS == i]) for i in range(THREADS)]
        return lambda: [wish for life in lives for wish in life.result()]

    def end(self, op, left):
        """The operator lives on, and all wishes are made and come true."""
        def nothing_left():
            left[:] = self.begin(left)()
            return not left
        until(nothing_left, 600, 'every wish is made', every=0.1)
        until(lambda: settled(self.kube, self.ns), 300, 'all is as asked for', every=0.5)
        op.quiet()

    def undisturbed(self):
        op = self.operator().start()
        op.wait_ready()
        self.end(op, list(self.script))
        op.stop()

    def killed(self, kills):
        """A part of the script before each kill, which comes while that part, or the one before it, is worked off."""
        op, per_kill, left = self.operator(*LEASE), len(self.script) / kills, []
        for i in range(kills):
            op.start()
            part = left + self.script[round(i * per_kill):round((i + 1) * per_kill)]
            wait = self.begin(part)
            if self.rng.random() < 0.8:
                until(lambda: op.ask('/metrics')[0] == 200 and self.leads(op), 60, 'it leads', every=0.02)
                moment = time.monotonic() + self.rng.uniform(0, 0.1 + 0.02 * len(part))
            else:  # while it starts, lists, or waits for the lease of the one that was killed
                moment = time.monotonic() + self.rng.uniform(0, 1.5)
            time.sleep(max(0, moment - time.monotonic()))
            self.kill(op)
            left = wait()
        op = self.operator().start()
        self.end(op, left)
        return op


def amid_work(kills, writes):
    """How many of them came less than a tenth of a second after a write."""
    times = [r.done_s for r in writes]
    return sum(any(-0.1 < at - kill < 0.02 for at in times) for kill in kills)


@contextlib.contextmanager
def fresh(world, word):
    with world.namespace(word) as ns:
        world.operator('--namespace', ns)
        world.template(ns, homePath='/home/user')
        world.stop_operator()
        with Witness(world.kube, ns) as witness:
            yield Run(world, ns), witness


def same_end(kube, ns, wanted):
    found = essence.differences(wanted, essence.of_namespace(kube, ns))
    expect(not found, found)
    return True


def never_double(witness, word):
    witness.catch_up()
    equal(witness.gaps, 0, f'{word}: gaps in what the second watch saw')
    for kind in CHILDREN + ('pods',):
        equal(witness.doubles(kind), {}, f'{word}: {kind} of one session at one time')
    for kind in CHILDREN:
        equal(witness.made_again(kind), {}, f'{word}: {kind} made more than once for one session')
    equal(witness.ended('persistentvolumeclaims'), [], f'{word}: homes that have gone')


@test('kills', 'an operator killed at random moments leaves what an undisturbed one does, and never two of anything')
def _(world):
    world = played(world)
    print(f'    SEED={SEED} KILLS={KILLS}', flush=True)
    with fresh(world, 'calm') as (run, witness):
        run.undisturbed()
        never_double(witness, 'undisturbed')
        wanted = essence.of_namespace(world.kube, run.ns)
    with fresh(world, 'kills') as (run, witness):
        mark, began = world.audit.mark(), time.monotonic()
        op = run.killed(KILLS)
        try:
            took = time.monotonic() - began
            until(lambda: same_end(world.kube, run.ns, wanted), 30, 'the same end', every=1)
            never_double(witness, 'killed')
        finally:
            op.kill()
        writes = [r for r in world.audit.writes(mark) if r.ns == run.ns]
        amid = amid_work(run.kills, writes)
        figure(f'kills: {len(run.kills)} in {took:.0f} s amid {len(run.script)} wishes for {SESSIONS} sessions, '
               f'{amid} of them less than 0.1 s after a write; {len({r.replica for r in writes})} operators wrote, '
               f'{len(writes)} times')
        equal(len(run.kills), KILLS, 'kills')
        expect(amid > 0, 'no kill came amid work: these moments try nothing')
