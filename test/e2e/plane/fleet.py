"""A thousand Sessions over ten Templates: what they become, and what that costs."""
import time

from lib import things
from lib.tests import NotRun, equal, expect, figure, test, until
from lib.world import CHILDREN, owned_by

TEMPLATES, SESSIONS = 10, 1000


class Fleet:
    """Made once, by the first test that needs it; the operator was idle before and is quiet after."""

    def __init__(self, world):
        self.world, self.ns = world, None
        self.operator = world.operator()
        self.context = world.namespace('fleet')
        self.ns = self.context.__enter__()
        for i in range(TEMPLATES):
            world.kube.create('templates', self.ns, things.template(f't-{i}', env=[
                {'name': 'GREETING', 'value': f'hello {i}'}]))
        until(lambda: all(world.judged_template(self.ns, f't-{i}') for i in range(TEMPLATES)), 20,
              'ten templates are judged')
        self.operator.quiet()
        self.mark = world.audit_log.mark() if world.audit_log else None
        self.counters = [world.counters()]
        self.cpu = [self.operator.cpu_seconds()]
        began = time.monotonic()
        world.sessions(self.ns, [things.session(f's-{i}', f't-{i % TEMPLATES}', user=f'u-{i % 97}')
                                 for i in range(SESSIONS)])
        self.made_s = time.monotonic() - began
        until(self.all_stand, 120, 'all statuses stand', every=0.2)
        self.stood_s = time.monotonic() - began
        self.operator.quiet(seconds=5)
        self.counters.append(world.counters())
        self.cpu.append(self.operator.cpu_seconds())
        self.writes = world.audit_log.writes(self.mark) if world.audit_log else None

    def sessions(self):
        return {s['metadata']['name']: s for s in self.world.kube.list('sessions', self.ns)}

    def all_stand(self):
        return all(s.get('status', {}).get('observedGeneration') == s['metadata']['generation']
                   for s in self.sessions().values())

    def children(self, kind):
        return {c['metadata']['name']: c for c in self.world.kube.list(kind, self.ns)}

    def counted(self, verb, kind, sub=''):
        key = verb, kind, sub
        return int(self.counters[1].get(key, 0) - self.counters[0].get(key, 0))


def fleet(world):
    if 'fleet' not in world.kept:
        world.kept['fleet'] = Fleet(world)
    return world.kept['fleet']


def same_fleet(world):
    """The same, with the usual operator running, whatever the tests between have started."""
    f = fleet(world)
    f.operator = world.operator()
    return f


@test('fleet', 'a thousand sessions become a thousand Deployments, Services and Ingresses, no more')
def _(world):
    f = fleet(world)
    wanted = {f'ss-s-{i}' for i in range(SESSIONS)}
    for kind in CHILDREN:
        names = set(f.children(kind))
        expect(names == wanted, lambda: f'{kind}: {len(names)}; missing {sorted(wanted - names)[:5]}, '
               f'too many {sorted(names - wanted)[:5]}')
    figure(f'fleet: {SESSIONS} sessions written in {f.made_s:.1f} s, all statuses stood after '
           f'{f.stood_s:.1f} s; operator CPU {1000 * (f.cpu[1] - f.cpu[0]) / SESSIONS:.2f} ms a session, '
           f'resident {f.operator.memory_kib() / 1024:.1f} MiB')


@test('fleet', 'every child is owned by its session and carries its labels')
def _(world):
    f = fleet(world)
    sessions = f.sessions()
    for kind in CHILDREN:
        for name, child in f.children(kind).items():
            session = sessions[name.removeprefix('ss-')]
            owned_by(child, session)
            spec = session['spec']
            equal({k: v for k, v in child['metadata']['labels'].items()},
                  things.labels(session['metadata']['name'], spec['user'], spec['template']),
                  f'labels of {kind} {name}')


@test('fleet', 'every status is true: generation, revision, URL, and conditions of what is there')
def _(world):
    f = fleet(world)
    revisions = {f't-{i}': world.kube.get('templates', f.ns, f't-{i}')['status']['revision']
                 for i in range(TEMPLATES)}
    for name, session in f.sessions().items():
        s = things.Status(session)
        equal(s.observed, s.generation, f'{name} observedGeneration')
        equal(s['templateRevision'], revisions[session['spec']['template']], f'{name} templateRevision')
        equal(s['templateBehind'], False, f'{name} templateBehind')
        equal(s['url'], f'https://{name}-{f.ns}.carrel.test/', f'{name} url')
        # nothing schedules pods here: they wait for a node, and so does the session
        equal((s.phase, s.reason('Ready'), s.is_true('Ready')), ('Pending', 'Starting', False), name)
        for condition in ('TemplateResolved', 'StorageReady', 'RouteReady', 'Saved'):
            equal(s.is_true(condition), True, f'{name} {condition}')
        equal(s.is_true('Stalled'), False, f'{name} Stalled')
        equal({c['observedGeneration'] for c in s.conditions.values()}, {s.generation}, name)


@test('fleet', 'a session costs four requests: three creates and one status, counted by the apiserver')
def _(world):
    f = fleet(world)
    seen = {f'POST {kind}': f.counted('POST', kind) for kind in CHILDREN}
    seen['APPLY sessions/status'] = f.counted('APPLY', 'sessions', 'status')
    figure('fleet: ' + ', '.join(f'{n} {what}' for what, n in seen.items()))
    equal(seen, dict.fromkeys(seen, SESSIONS))
    others = {f'{verb} {kind}/{sub}': f.counted(verb, kind, sub)
              for verb in ('APPLY', 'PATCH', 'PUT', 'DELETE', 'POST')
              for kind, sub in (('deployments', ''), ('services', ''), ('ingresses', ''),
                                ('sessions', 'status'), ('persistentvolumeclaims', ''),
                                ('controllerrevisions', ''))
              if f'{verb} {kind}' not in seen and (verb, kind) != ('APPLY', 'sessions')}
    equal({k: n for k, n in others.items() if n}, {}, 'besides')


@test('fleet', 'the audit log tells of the same: 4,000 requests, all of them accepted at the first try')
def _(world):
    f = fleet(world)
    if f.writes is None:
        raise NotRun("the cluster's audit log is not ours to read")
    ours = [r for r in f.writes if r.kind not in ('templates', 'controllerrevisions', 'events')]
    reads = [r for r in world.audit.requests(f.mark) if r.verb == 'get']
    expect(len(ours) == 4 * SESSIONS and not reads,
           lambda: f'{len(ours)} writes and {len(reads)} reads, such as {(ours + reads)[-5:]}')
    equal([r for r in ours if r.code >= 300], [], 'refused')
    created, stood, complete = {}, {}, {}
    for r in world.audit.since(f.mark):
        if r.kind == 'sessions' and r.verb == 'create':
            created[r.name] = r.done_s
        elif r.kind == 'sessions' and r.sub == 'status' and r.is_ours:
            stood.setdefault(r.name, r.done_s)
        elif r.kind in CHILDREN and r.verb == 'create' and r.is_ours:
            complete[r.name] = max(complete.get(r.name, 0), r.done_s)
    took = [1000 * (stood[n] - created[n]) for n in created if n in stood]
    figure(f'fleet: created to status written, {len(took)} at once: p50 '
           f'{things.percentile(took, .5):.0f} ms, p95 {things.percentile(took, .95):.0f} ms')


@test('fleet', 'while nothing changes it sends nothing: ten seconds of a thousand sessions, by the audit log')
def _(world):
    f = same_fleet(world)
    f.operator.quiet(seconds=3)
    mark = world.audit.mark()
    time.sleep(10)
    # a watch that comes to its end and begins anew is no work of anybody's
    equal([r for r in world.audit.requests(mark) if r.verb != 'watch'], [], 'requests')


@test('fleet', 'each template counts its sessions')
def _(world):
    f = fleet(world)
    for i in range(TEMPLATES):
        until(lambda: world.kube.get('templates', f.ns, f't-{i}')['status']['sessions'] == SESSIONS / TEMPLATES,
              10, f'100 sessions of t-{i}')


@test('fleet', 'an idle operator makes children within milliseconds, one session at a time')
def _(world):
    f = same_fleet(world)
    mark = world.audit.mark()
    for i in range(40):
        world.session(f.ns, f'one-{i}', 't-0')
        world.wait_children(f.ns, f'one-{i}')
    created, children, stood = {}, {}, {}
    for r in world.audit.since(mark):
        if r.kind == 'sessions' and r.verb == 'create':
            created[r.name] = r.done_s
        elif r.kind in CHILDREN and r.verb == 'create' and r.is_ours:
            children[r.name[3:]] = max(children.get(r.name[3:], 0), r.done_s)
        elif r.kind == 'sessions' and r.sub == 'status' and r.is_ours:
            stood.setdefault(r.name, r.done_s)
    for i in range(40):
        world.kube.delete('sessions', f.ns, f'one-{i}')
    for what, ends in (('all children', children), ('status', stood)):
        took = [1000 * (ends[n] - created[n]) for n in created]
        figure(f'fleet: created to {what}, one at a time: p50 {things.percentile(took, .5):.1f} ms, '
               f'p95 {things.percentile(took, .95):.1f} ms')
        expect(things.percentile(took, .5) < 1000, f'{what}: {took}')
    until(lambda: len(f.children('deployments')) == SESSIONS, 60, 'the forty are collected')


@test('fleet', 'an operator that starts again on it all writes nothing')
def _(world):
    f = same_fleet(world)
    f.operator.quiet(seconds=5)
    before = world.counters()
    mark = world.audit_log.mark() if world.audit_log else None
    equal(f.operator.stop(), 0, 'exit status after SIGTERM')
    again = world.operator()
    figure(f'fleet: ready {again.wait_ready():.2f} s after the start, {SESSIONS} sessions there')
    again.quiet(seconds=6)
    equal(again.writes(), 0, 'writes that it counts itself')
    after = world.counters()
    kinds = [(kind, '') for kind in (*CHILDREN, 'controllerrevisions', 'persistentvolumeclaims')]
    kinds += [('sessions', ''), ('sessions', 'status'), ('templates', 'status')]
    changed = {f'{verb} {kind}/{sub}': after.get((verb, kind, sub), 0) - before.get((verb, kind, sub), 0)
               for verb in ('POST', 'PUT', 'PATCH', 'APPLY', 'DELETE') for kind, sub in kinds}
    equal({k: n for k, n in changed.items() if n}, {}, 'writes that the apiserver has counted')
    if mark is not None:
        equal(world.audit.writes(mark), [], 'writes in the audit log')


@test('fleet', 'a hundred deleted sessions take their children along, and nobody else goes')
def _(world):
    f = same_fleet(world)
    gone = {f's-{i}' for i in range(0, SESSIONS, 10)}
    for name in gone:
        world.kube.delete('sessions', f.ns, name)
    for kind in CHILDREN:
        until(lambda: len(f.children(kind)) <= SESSIONS - len(gone), 60, f'{kind} are collected', every=0.2)
        equal(set(f.children(kind)), {f'ss-{n}' for n in f.sessions()}, kind)
    f.operator.quiet()
    equal(len(f.sessions()), SESSIONS - len(gone))


@test('fleet', 'a changed template restarts nobody: pods stay to the byte, and it shows as templateBehind')
def _(world):
    f = same_fleet(world)
    world.operator().quiet()
    before = {n: d for n, d in f.children('deployments').items()}
    old = world.kube.get('templates', f.ns, 't-3')['status']['revision']
    world.kube.patch('templates', f.ns, 't-3', {'spec': {'baseImage': 'localhost/carrel-echo:2', 'env': [
        {'name': 'GREETING', 'value': 'another'}]}})
    mine = [n for n, s in f.sessions().items() if s['spec']['template'] == 't-3']
    until(lambda: all(f.sessions()[n]['status']['templateBehind'] for n in mine), 20,
          f'templateBehind on all {len(mine)} sessions', every=0.2)
    equal([n for n, s in f.sessions().items() if s['status']['templateBehind'] and n not in mine], [],
          'behind without reason')
    world.operator().quiet()
    after = f.children('deployments')
    equal([n for n in before if after[n]['spec'] != before[n]['spec']], [], 'Deployments that changed')
    equal([n for n in before if after[n]['metadata']['generation'] != before[n]['metadata']['generation']],
          [], 'generations that changed')
    equal({f.sessions()[n]['status']['templateRevision'] for n in mine}, {old}, 'revision in use')


@test('fleet', 'restart-at picks the new revision up, for that session alone')
def _(world):
    f = same_fleet(world)
    new = world.kube.get('templates', f.ns, 't-3')['status']['revision']
    mine = sorted(n for n, s in f.sessions().items() if s['spec']['template'] == 't-3')
    world.kube.patch('sessions', f.ns, mine[0], {'metadata': {'annotations': {
        'carrel.dev/restart-at': '2026-01-01T00:00:00Z'}}})
    s = world.wait(f.ns, mine[0], lambda s: s['templateRevision'] == new and not s['templateBehind'])
    expect(s['startedAt'], 'no startedAt')
    there = f.children('deployments')
    equal(things.container(there[f'ss-{mine[0]}'])['image'], 'localhost/carrel-echo:2')
    equal(things.env_of(there[f'ss-{mine[0]}'])['GREETING'], 'another')
    equal({things.container(there[f'ss-{n}'])['image'] for n in mine[1:]}, {'localhost/carrel-echo:1'},
          'the others')


@test('fleet', 'deleting a template stops nobody, and wakes still find the revision')
def _(world):
    f = same_fleet(world)
    world.kube.delete('templates', f.ns, 't-4')
    name = next(n for n, s in f.sessions().items() if s['spec']['template'] == 't-4')
    world.operator().quiet()
    equal(f.children('deployments')[f'ss-{name}']['spec']['replicas'], 1)
    world.kube.patch('sessions', f.ns, name, {'spec': {'state': 'hibernated'}})
    world.wait(f.ns, name, lambda s: s.phase == 'Hibernated')
    world.kube.patch('sessions', f.ns, name, {'spec': {'state': 'running'}})
    world.wait(f.ns, name, lambda s: s.phase == 'Pending' and s.reason('Ready') == 'Starting')
    until(lambda: f.children('deployments')[f'ss-{name}']['spec']['replicas'] == 1, 10, 'awake again')


@test('fleet', 'a namespace that is deleted goes, with nothing made in it again')
def _(world):
    f = same_fleet(world)
    world.kube.delete('namespaces', None, f.ns)
    until(lambda: not world.kube.find('namespaces', None, f.ns), 120, f'{f.ns} is gone', every=0.5)
    for kind in CHILDREN:
        equal(world.kube.list(kind, f.ns), [], kind)
    world.operator().quiet()
    del world.kept['fleet']
