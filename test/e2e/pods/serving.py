"""Sessions that run and answer: started, put to sleep, woken, ended."""
import time

from lib import things
from lib.tests import equal, expect, figure, test, until
from lib.web import DOMAIN, URL, answers, ask, host_of, is_up
from lib.world import CHILDREN

FLAGS = ('--ingress-class', 'contour', '--external-url', URL)


@test('serving', 'a session answers through the ingress, and its status says where and since when')
def _(world):
    world.operator(*FLAGS)
    with world.namespace('first') as ns:
        world.template(ns, webapp={'port': 3000, 'healthCheck': '/'})
        world.session(ns, 'x', user='alice', env=[{'name': 'CARREL_MORE', 'value': 'more'}])
        s = world.wait(ns, 'x', is_up, 30)
        text = answers(world, ns, 'x')
        equal(s['url'], f'http://{host_of(world, ns, "x")}:8080/')
        expect(f'host {s["podName"]}\n' in text, f'{s["podName"]} is not in\n{text}')
        for line in ('env CARREL_SESSION=x', 'env CARREL_USER=alice', 'env CARREL_MORE=more'):
            expect(line in text, f'{line} is not in\n{text}')
        for condition in ('TemplateResolved', 'StorageReady', 'WorkloadReady', 'RouteReady', 'Ready'):
            equal(s.is_true(condition), True, condition)
        start = s['start']
        expect(0 < start['readyMs'] < 30000 and start['scheduledMs'] <= start['readyMs'], start)
        until(lambda: 'Ready' in world.events(ns, 'x'), 10, 'an event')
        print('\n'.join('    ' + line for line in world.kube.kubectl('-n', ns, 'get', 'ss').splitlines()))


@test('serving', 'from the object to the first byte through the ingress it takes seconds at the most')
def _(world):
    world.operator(*FLAGS)
    with world.namespace('timed') as ns:
        world.template(ns)
        took, ready, writes = [], [], []
        for i in range(9):
            before = world.running.writes()
            began = time.monotonic()
            world.session(ns, f'x-{i}')
            answers(world, ns, f'x-{i}')
            took.append(1000 * (time.monotonic() - began))
            ready.append(world.wait(ns, f'x-{i}', is_up, 10)['start']['readyMs'])
            world.running.quiet(seconds=0.5)
            writes.append(world.running.writes() - before)
        figure(f'serving: created to first byte: p50 {things.percentile(took, .5):.0f} ms, '
               f'p95 {things.percentile(took, .95):.0f} ms; readyMs p50 {things.percentile(ready, .5)}; '
               f'writes a start with its events {things.percentile(writes, .5):.0f}')
        expect(things.percentile(took, .5) < 5000, took)


@test('serving', 'asleep it has no pod and answers 503; awake it answers from a new one at the same address')
def _(world):
    world.operator(*FLAGS)
    with world.namespace('sleep') as ns:
        world.template(ns)
        world.session(ns, 'x')
        first = world.wait(ns, 'x', is_up, 30)
        answers(world, ns, 'x')
        world.kube.patch('sessions', ns, 'x', {'spec': {'state': 'hibernated'}})
        world.wait(ns, 'x', lambda s: s.phase == 'Hibernated')
        until(lambda: ask(host_of(world, ns, 'x'))[0] == 503, 20, '503')
        until(lambda: not world.kube.list('pods', ns), 30, 'no pod')
        began = time.monotonic()
        world.kube.patch('sessions', ns, 'x', {'spec': {'state': 'running'}})
        answers(world, ns, 'x')
        figure(f'serving: woken to first byte: {1000 * (time.monotonic() - began):.0f} ms')
        second = world.wait(ns, 'x', is_up)
        equal(second['url'], first['url'])
        expect(second['podName'] != first['podName'] and second['startedAt'] >= first['startedAt'],
               f'{first.raw}\n{second.raw}')


@test('serving', 'ended or deleted, nothing of it is left but its home')
def _(world):
    world.operator(*FLAGS)
    with world.namespace('end') as ns:
        world.template(ns)
        for name in 'xy':
            world.session(ns, name, persistentHome=True)
        for name in 'xy':
            world.wait(ns, name, is_up, 30)
        world.kube.patch('sessions', ns, 'x', {'spec': {'state': 'terminated'}})
        world.wait(ns, 'x', lambda s: s.phase == 'Terminated')
        world.kube.delete('sessions', ns, 'y')
        for kind in (*CHILDREN, 'pods'):
            until(lambda: not world.kube.list(kind, ns), 90, f'no {kind}')
        # 0: with the last Ingress of the cluster the port itself closes
        until(lambda: ask(host_of(world, ns, 'x'))[0] in (0, 404), 10, 'nothing answers')
        equal([c['metadata']['name'] for c in world.kube.list('persistentvolumeclaims', ns)], ['home-alice'])


def starts(text):
    return int(next(line for line in text.splitlines() if line.startswith('starts ')).split()[1])


@test('serving', 'what a session wrote to its home is there after sleep, restart, and in the next session')
def _(world):
    world.operator(*FLAGS)
    with world.namespace('home') as ns:
        world.template(ns, homePath='/home/user', env=[{'name': 'ECHO_FILE', 'value': '/home/user/starts'}])
        world.session(ns, 'x', persistentHome=True)
        world.wait(ns, 'x', is_up, 30)
        equal(starts(answers(world, ns, 'x')), 1)
        world.kube.patch('sessions', ns, 'x', {'spec': {'state': 'hibernated'}})
        world.wait(ns, 'x', lambda s: s.phase == 'Hibernated')
        until(lambda: not world.kube.list('pods', ns), 30, 'no pod')
        world.kube.patch('sessions', ns, 'x', {'spec': {'state': 'running'}})
        world.wait(ns, 'x', is_up, 30)
        equal(starts(answers(world, ns, 'x')), 2, 'starts after the sleep')
        world.kube.delete('sessions', ns, 'x')
        until(lambda: not world.kube.list('pods', ns), 90, 'no pod')
        world.session(ns, 'next', persistentHome=True)
        world.wait(ns, 'next', is_up, 30)
        equal(starts(answers(world, ns, 'next')), 3, 'starts after the first session was deleted')
        world.session(ns, 'beside', persistentHome=True)
        world.wait(ns, 'beside', is_up, 30)
        equal(starts(answers(world, ns, 'beside')), 4, 'starts in a second session beside it')


@test('serving', 'restart-at starts the pod anew with what the session and its template say now')
def _(world):
    world.operator(*FLAGS)
    with world.namespace('restart') as ns:
        world.template(ns)
        world.session(ns, 'x')
        first = world.wait(ns, 'x', is_up, 30)
        world.kube.patch('sessions', ns, 'x', {
            'metadata': {'annotations': {'carrel.dev/restart-at': '1'}},
            'spec': {'env': [{'name': 'CARREL_NEW', 'value': 'yes'}]}})
        s = world.wait(ns, 'x', lambda s: is_up(s) and s['podName'] != first['podName'], 30)
        expect('env CARREL_NEW=yes' in answers(world, ns, 'x'), 'CARREL_NEW is not there')
        expect(s['start']['readyMs'] > 0, s['start'])


@test('serving', 'in path mode a session that knows its path answers below it')
def _(world):
    world.operator(*FLAGS)
    with world.namespace('path') as ns:
        world.template(ns, basePathAware=True)
        world.session(ns, 'by-path', route={'mode': 'path'})
        s = world.wait(ns, 'by-path', is_up, 30)
        equal(s['url'], f'http://{DOMAIN}:8080/by-path/')
        until(lambda: ask(DOMAIN, '/by-path/a')[0] == 200, 20, 'an answer')
        text = ask(DOMAIN, '/by-path/a')[1]
        expect('request GET /by-path/a ' in text and 'env CARREL_BASE_PATH=/by-path' in text, text)


@test('serving', 'Services with a cluster address serve as well as those without')
def _(world):
    world.operator(*FLAGS, '--service-type', 'ClusterIP')
    with world.namespace('clusterip') as ns:
        world.template(ns)
        world.session(ns, 'x')
        world.wait(ns, 'x', is_up, 30)
        answers(world, ns, 'x')
        expect(world.kube.get('services', ns, 'ss-x')['spec']['clusterIP'] != 'None', 'it is headless')


@test('serving', 'while the operator restarts, is killed and upgraded, no request of a user fails')
def _(world):
    world.operator(*FLAGS)
    with world.namespace('upgrade') as ns:
        world.template(ns)
        world.session(ns, 'x')
        world.wait(ns, 'x', is_up, 30)
        answers(world, ns, 'x')
        pod, codes = world.status(ns, 'x')['podName'], []
        for round_ in range(3):
            world.stop_operator() if round_ != 1 else world.running.kill()
            codes += [ask(host_of(world, ns, 'x'))[0] for _ in range(30)]
            world.operator(*FLAGS)
            codes += [ask(host_of(world, ns, 'x'))[0] for _ in range(30)]
        equal(sorted(set(codes)), [200])
        equal(world.status(ns, 'x')['podName'], pod)


@test('serving', 'an operator killed amid starts comes back to a session each with one pod')
def _(world):
    op = world.operator(*FLAGS)
    with world.namespace('killed') as ns:
        world.template(ns)
        for part in 'abc':
            world.sessions(ns, [things.session(f'{part}-{i}') for i in range(4)])
            op.kill()
            op = world.operator(*FLAGS)
        names = [f'{part}-{i}' for part in 'abc' for i in range(4)]
        for name in names:
            world.wait(ns, name, is_up, 60)
        pods = [p for p in world.kube.list('pods', ns) if not p['metadata'].get('deletionTimestamp')]
        equal(sorted(p['metadata']['labels']['session'] for p in pods), sorted(names))
        for kind in CHILDREN:
            equal(len(world.kube.list(kind, ns)), len(names), kind)
        for name in names[::5]:
            answers(world, ns, name)
