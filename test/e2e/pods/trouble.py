"""A session that cannot start says why within ten seconds of its creation, in words for its user."""
import time

from lib.tests import equal, expect, figure, test, until
from lib.web import answers, is_up

from .serving import FLAGS


def explained(world, ns, reason, *words, seconds=10):
    """The status once Ready says this reason; fails where it took longer or lacks a word."""
    began = time.monotonic()
    s = world.wait(ns, 'x', lambda s: s.reason('Ready') == reason, seconds)
    took = time.monotonic() - began
    figure(f'trouble: {reason} told after {took:.1f} s: {s.message("Ready")[:160]!r}')
    equal([w for w in words if w not in s.message('Ready')], [], f'missing in {s.message("Ready")!r}')
    equal(s.is_true('Ready'), False)
    until(lambda: world.events(ns, 'x').get(reason, ('',))[0] == 'Warning', 10, f'an event {reason}')
    return s


@test('trouble', 'an image that is not there: ImagePullFailed and which image')
def _(world):
    world.operator(*FLAGS)
    with world.namespace('image') as ns:
        world.template(ns, baseImage='localhost/no-such-image:7')
        world.session(ns, 'x')
        s = explained(world, ns, 'ImagePullFailed', 'localhost/no-such-image:7')
        equal(s.phase, 'Pending')


@test('trouble', 'more CPU than any node has: Unschedulable and which resource')
def _(world):
    world.operator(*FLAGS)
    with world.namespace('cpu') as ns:
        world.template(ns)
        world.session(ns, 'x', resources={'requests': {'cpu': '1000'}, 'limits': {'cpu': '1000'}})
        explained(world, ns, 'Unschedulable', 'cpu')


@test('trouble', 'a program that crashes: its status and its last lines, and Failed after so many times')
def _(world):
    world.operator(*FLAGS, '--crash-limit', '1')
    with world.namespace('crash') as ns:
        world.template(ns, command=['/echo', 'exit', '3'])
        world.session(ns, 'x')
        explained(world, ns, 'CrashLoop', 'exit code 3', 'the first of two last lines', 'told to end with 3')
        s = world.wait(ns, 'x', lambda s: s.phase == 'Failed', 40)
        equal(s.is_true('Stalled'), True)
        world.kube.patch('templates', ns, 'plain', {'spec': {'command': ['/echo']}})
        until(lambda: world.status(ns, 'x').get('templateBehind'), 10, 'the template is ahead')
        world.kube.patch('sessions', ns, 'x', {'metadata': {'annotations': {'carrel.dev/restart-at': '1'}}})
        world.wait(ns, 'x', is_up, 30)
        answers(world, ns, 'x')


@test('trouble', 'a Secret that is missing: ContainerRefused and which one')
def _(world):
    world.operator(*FLAGS)
    with world.namespace('secret') as ns:
        world.template(ns, env=[{'name': 'PASSWORD', 'valueFrom': {
            'secretKeyRef': {'name': 'no-such-secret', 'key': 'password'}}}])
        world.session(ns, 'x')
        explained(world, ns, 'ContainerRefused', 'no-such-secret')
        world.kube.create('secrets', ns, {'metadata': {'name': 'no-such-secret'},
                                          'stringData': {'password': 'told-to-nobody'}})
        world.wait(ns, 'x', is_up, 60)


@test('trouble', 'a program that the image does not have: ContainerRefused or CrashLoop, and which one')
def _(world):
    world.operator(*FLAGS)
    with world.namespace('command') as ns:
        world.template(ns, command=['/no-such-program'])
        world.session(ns, 'x')
        s = world.wait(ns, 'x', lambda s: s.reason('Ready') in ('ContainerRefused', 'CrashLoop'), 10)
        expect('/no-such-program' in s.message('Ready'), s.message('Ready'))


@test('trouble', 'a quota of no pods: QuotaExceeded and which quota')
def _(world):
    world.operator(*FLAGS)
    with world.namespace('quota') as ns:
        world.template(ns)
        world.kube.create('resourcequotas', ns, {'metadata': {'name': 'nothing-here'},
                                                 'spec': {'hard': {'pods': '0'}}})
        until(lambda: world.kube.get('resourcequotas', ns, 'nothing-here').get('status', {}).get('hard'), 10,
              'the quota counts')
        world.session(ns, 'x')
        explained(world, ns, 'QuotaExceeded', 'nothing-here')


@test('trouble', 'a pod that is deleted is replaced, and the session is told as running all the while')
def _(world):
    world.operator(*FLAGS)
    with world.namespace('evicted') as ns:
        world.template(ns)
        world.session(ns, 'x')
        first = world.wait(ns, 'x', is_up, 30)
        world.kube.delete('pods', ns, first['podName'])
        s = world.wait(ns, 'x', lambda s: is_up(s) and s['podName'] != first['podName'], 60)
        equal(s['startedAt'], first['startedAt'])
        answers(world, ns, 'x')
