"""An upgrade of the operator, and the way back, while people work."""
import collections
import time

from lib import things
from lib.builds import previous_chart
from lib.tests import equal, figure, test, until
from lib.web import Visitors, answers, host_of, is_up
from shipped.helm import CHART

SESSIONS, HOMES = 50, 10
OBJECTS = ('sessions', 'templates', 'deployments', 'services', 'ingresses', 'persistentvolumeclaims',
           'controllerrevisions')


def standing(world, ns):
    """What must not change: every object and how often its spec was written; every container and how often it started."""
    found = {}
    for kind in OBJECTS:
        for one in world.kube.list(kind, ns):
            meta = one['metadata']
            found[kind, meta['name']] = meta['uid'], meta.get('generation'), one.get('status', {}).get('phase')
    for pod in world.kube.list('pods', ns):
        containers = [(c['containerID'], c['restartCount']) for c in pod['status'].get('containerStatuses', [])]
        found['pods', pod['metadata']['name']] = pod['metadata']['uid'], containers
    return found


def changes(before, after):
    """Which of those that were there are gone or not the same."""
    return {key: (was, after.get(key)) for key, was in before.items() if after.get(key) != was}


def settled_writes(world, ns, mark):
    """Once the operator has been silent for a while: how many writes each of our objects took since the mark."""
    last = [-1, time.monotonic()]

    def is_quiet():
        count = len(world.audit.writes(mark))
        if count != last[0]:
            last[:] = count, time.monotonic()
        return time.monotonic() - last[1] > 4
    until(is_quiet, 120, 'no write for 4 s', every=0.5)
    return collections.Counter((r.kind, r.name) for r in world.audit.writes(mark) if r.ns == ns)


def step(world, ns, what, act, new):
    """One way: act() while everybody works, then everything is as it was, and a new session comes up."""
    settled_writes(world, ns, world.audit.mark())
    before, mark, began = standing(world, ns), world.audit.mark(), time.monotonic()
    act()
    took = time.monotonic() - began
    writes = settled_writes(world, ns, mark)
    equal(changes(before, standing(world, ns)), {}, what)
    equal([key for key, count in writes.items() if count > 1], [], f'{what}: objects written more than once')
    world.session(ns, new)
    world.wait(ns, new, is_up, 60)
    answers(world, ns, new)
    figure(f'upgrade: {what} in {took:.0f} s, {sum(writes.values())} writes to {len(before)} objects'
           f'{": " if writes else ""}{", ".join("/".join(key) for key in sorted(writes))[:200]}')


@test('upgrade', 'from the previous version and back, with 50 sessions running: nothing restarts, nothing is lost')
def _(world):
    release = world.release
    release.remove()
    release.put(previous_chart(), world.previous)
    first = release.revision()
    with world.namespace('upgrade') as ns:
        world.template(ns, homePath='/home/user', env=[{'name': 'ECHO_FILE', 'value': '/home/user/starts'}])
        names = [f's-{i:02}' for i in range(SESSIONS)]
        world.sessions(ns, [things.session(name, user=f'user-{i}', persistentHome=i < HOMES)
                            for i, name in enumerate(names)])
        for name in names:
            world.wait(ns, name, is_up, 240)
        for name in names:
            answers(world, ns, name)
        homes = {c['metadata']['name']: c['spec']['volumeName']
                 for c in world.kube.list('persistentvolumeclaims', ns)}
        equal(len(homes), HOMES, 'homes')
        with Visitors([host_of(world, ns, name) for name in names]) as visitors:
            step(world, ns, 'there', lambda: release.put(CHART, world.present), 'of-the-present')
            step(world, ns, 'back', lambda: release.roll_back(first, world.previous), 'of-the-previous')
        figure(f'upgrade: {visitors.asked} requests of users, {len(visitors.failed)} failed')
        equal(visitors.failed, [])
        equal({c['metadata']['name']: c['spec']['volumeName']
               for c in world.kube.list('persistentvolumeclaims', ns)}, homes, 'homes')
        for name in names[:HOMES]:
            equal('starts 1\n' in answers(world, ns, name), True, f'{name} has started once')
