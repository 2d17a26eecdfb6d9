"""The life of one Session, its Template and its user's home, as far as that needs no node."""
import os
import time

from lib import things
from lib.kube import ApiError
from lib.tests import equal, expect, test, until
from lib.world import CHILDREN, SHARED


@test('session', 'hibernated, it has no replicas and keeps all three children; running, it starts anew')
def _(world):
    world.operator()
    with world.namespace('sleep') as ns:
        world.template(ns)
        world.session(ns, 'x')
        before = world.wait_children(ns, 'x')
        world.kube.patch('sessions', ns, 'x', {'spec': {'state': 'hibernated'}})
        s = world.wait(ns, 'x', lambda s: s.phase == 'Hibernated')
        equal(s.reason('Ready'), 'Hibernated')
        equal(world.kube.get('deployments', ns, 'ss-x')['spec']['replicas'], 0)
        equal([c['metadata']['uid'] for c in world.children(ns, 'x').values()],
              [c['metadata']['uid'] for c in before.values()], 'the same children')
        until(lambda: 'Hibernated' in world.events(ns, 'x'), 10, 'an event')
        world.kube.patch('sessions', ns, 'x', {'spec': {'state': 'running'}})
        until(lambda: world.kube.get('deployments', ns, 'ss-x')['spec']['replicas'] == 1, 10, 'a replica')
        world.wait(ns, 'x', lambda s: s.phase == 'Pending' and s.observed == s.generation)


@test('session', 'terminated, it loses its children, stays as Terminated, and cannot come back')
def _(world):
    world.operator()
    with world.namespace('end') as ns:
        world.template(ns)
        world.session(ns, 'x')
        world.wait_children(ns, 'x')
        world.kube.patch('sessions', ns, 'x', {'spec': {'state': 'terminated'}})
        world.wait(ns, 'x', lambda s: s.phase == 'Terminated')
        equal([kind for kind in CHILDREN if world.kube.find(kind, ns, 'ss-x')], [], 'left')
        until(lambda: 'Terminated' in world.events(ns, 'x'), 10, 'an event')
        try:
            world.kube.patch('sessions', ns, 'x', {'spec': {'state': 'running'}})
            raise AssertionError('it came back')
        except ApiError as error:
            expect('terminated' in str(error), error)


@test('session', 'one born hibernated gets no pod, and one born terminated no children')
def _(world):
    op = world.operator()
    with world.namespace('born') as ns:
        world.template(ns)
        world.session(ns, 'x', state='hibernated')
        world.session(ns, 'y', state='terminated')
        world.wait(ns, 'y', lambda s: s.phase == 'Terminated')
        world.wait(ns, 'x', lambda s: s.phase == 'Hibernated')
        op.quiet()
        equal(world.kube.get('deployments', ns, 'ss-x')['spec']['replicas'], 0)
        equal([kind for kind in CHILDREN if world.kube.find(kind, ns, 'ss-y')], [])


@test('session', 'a terminated one goes when its retention is over')
def _(world):
    world.operator()
    with world.namespace('retain') as ns:
        world.template(ns)
        world.session(ns, 'x', state='terminated', retention='2s')
        world.session(ns, 'y', state='terminated')
        world.wait(ns, 'y', lambda s: s.phase == 'Terminated')
        until(lambda: not world.kube.find('sessions', ns, 'x'), 10, 'x is gone')
        expect(world.kube.find('sessions', ns, 'y'), 'y has gone too')


@test('session', 'after its maxSessionDuration it hibernates, warned of before, by events')
def _(world):
    world.operator()
    with world.namespace('long') as ns:
        world.template(ns)
        world.session(ns, 'x', maxSessionDuration='5s')
        s = world.wait_children(ns, 'x') and things.Status(world.kube.get('sessions', ns, 'x'))
        expect('hibernateAt' in s['idle'], s.raw)
        equal(s['idle']['by'], 'MaxSessionDuration')
        until(lambda: world.events(ns, 'x').get('MaxDurationSoon', ('',))[0] == 'Warning', 10, 'a warning')
        world.wait(ns, 'x', lambda s: s.phase == 'Hibernated' and
                   s.session['spec']['state'] == 'hibernated')
        until(lambda: 'MaxDurationReached' in world.events(ns, 'x'), 10, 'an event')
        equal(world.kube.get('deployments', ns, 'ss-x')['spec']['replicas'], 0)


@test('session', 'of two that claim one host the older has it; the other is told, and gets it afterwards')
def _(world):
    world.operator('--host-template', '{session}.{domain}')
    with world.namespace('older') as first, world.namespace('younger') as second:
        for ns in first, second:
            world.template(ns)
        world.session(first, 'same')
        world.wait_children(first, 'same')
        # an age is counted in whole seconds, and of two in one second the uid decides
        born = world.kube.get('sessions', first, 'same')['metadata']['creationTimestamp']
        until(lambda: time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime()) > born, 3, 'the next second')
        world.session(second, 'same')
        s = world.wait(second, 'same', lambda s: s.reason('RouteReady') == 'HostTaken')
        expect(f'{first}/same' in s.message('Ready'), s.message('Ready'))
        equal((s.phase, 'url' in s.raw, world.kube.find('ingresses', second, 'ss-same')),
              ('Failed', False, None))
        equal(things.Status(world.kube.get('sessions', first, 'same')).is_true('RouteReady'), True)
        world.kube.delete('sessions', first, 'same')
        s = world.wait(second, 'same', lambda s: s.is_true('RouteReady'))
        equal(s.phase, 'Pending')
        expect(world.kube.find('ingresses', second, 'ss-same'), 'no Ingress')


@test('session', 'one without its template says so, and starts when the template comes')
def _(world):
    world.operator()
    with world.namespace('late') as ns:
        world.session(ns, 'x', 'latecomer')
        s = world.wait(ns, 'x', lambda s: s.reason('TemplateResolved') == 'TemplateNotFound')
        equal((s.phase, s.is_true('Stalled')), ('Failed', True))
        expect('latecomer' in s.message('Ready'), s.message('Ready'))
        world.template(ns, 'latecomer')
        world.wait(ns, 'x', lambda s: s.phase == 'Pending' and s.is_true('TemplateResolved'))
        world.wait_children(ns, 'x')


@test('session', 'a shared template serves every namespace, and the namespace\'s own goes before it')
def _(world):
    world.operator()
    name = f'shared-{os.getpid()}'
    world.template(SHARED, name, env=[{'name': 'FROM', 'value': 'shared'}])
    with world.namespace('shared') as ns:
        world.session(ns, 'x', name)
        equal(things.env_of(world.wait_children(ns, 'x')['deployments'])['FROM'], 'shared')
        world.template(ns, name, env=[{'name': 'FROM', 'value': 'own'}])
        world.session(ns, 'y', name)
        equal(things.env_of(world.wait_children(ns, 'y')['deployments'])['FROM'], 'own')
    world.kube.delete('templates', SHARED, name)


@test('template', 'an invalid one says which field and what to write, and its sessions say the same')
def _(world):
    world.operator()
    with world.namespace('invalid') as ns:
        t = world.template(ns, 'broken', webapp={'port': 9999})
        equal((t['status']['valid'], t['status'].get('revision')), (False, None))
        expect('webapp.port 9999' in t['status']['message'] and 'spec.ports' in t['status']['message'],
               t['status']['message'])
        world.session(ns, 'x', 'broken')
        s = world.wait(ns, 'x', lambda s: s.reason('Ready') == 'TemplateInvalid')
        expect('webapp.port 9999' in s.message('Ready'), s.message('Ready'))
        world.kube.patch('templates', ns, 'broken', {'spec': {'webapp': {'port': 3000}}})
        world.wait_children(ns, 'x')
        world.wait(ns, 'x', lambda s: s.phase == 'Pending')


@test('template', 'parameters become variables, and a wrong one is told with the values that are allowed')
def _(world):
    world.operator()
    with world.namespace('choice') as ns:
        world.template(ns, parameters=[{'name': 'size', 'type': 'choice', 'allowed': ['small', 'big'],
                                        'default': 'small'}])
        world.session(ns, 'x', parameters={'size': 'big'})
        world.session(ns, 'y')
        world.session(ns, 'z', parameters={'size': 'huge'})
        for name, value in (('x', 'big'), ('y', 'small')):
            equal(things.env_of(world.wait_children(ns, name)['deployments'])['CARREL_PARAM_SIZE'], value)
        s = world.wait(ns, 'z', lambda s: s.reason('Ready') == 'SpecInvalid')
        expect("'huge'" in s.message('Ready') and 'small' in s.message('Ready'), s.message('Ready'))


@test('template', 'each change makes one revision, and one that a session runs stays')
def _(world):
    op = world.operator()
    with world.namespace('revision') as ns:
        world.template(ns, version='1')
        world.session(ns, 'x')
        world.wait_children(ns, 'x')
        used = world.status(ns, 'x')['templateRevision']
        names = [used]
        for version in '23':
            world.kube.patch('templates', ns, 'plain', {'spec': {'version': version}})
            t = until(lambda: (t := world.judged_template(ns, 'plain')) and
                      t['status']['revision'] not in names and t, 10, 'a new revision')
            names.append(t['status']['revision'])
        world.kube.patch('templates', ns, 'plain', {'spec': {'version': '1'}})
        until(lambda: (t := world.judged_template(ns, 'plain')) and t['status']['revision'] == used, 10,
              'the first revision again, for it says the same')
        until(lambda: not world.status(ns, 'x')['templateBehind'], 10, 'not behind any more')
        op.quiet()
        left = {r['metadata']['name']: r for r in world.kube.list('controllerrevisions', ns)}
        equal(set(left), set(names))
        equal(left[used]['data'], world.kube.get('templates', ns, 'plain')['spec'], 'what it holds')


@test('home', 'it is made once for a user, has its flags, and outlives every session')
def _(world):
    op = world.operator('--home-size', '3Gi', '--home-access-mode', 'ReadWriteMany')
    with world.namespace('home') as ns:
        world.template(ns, homePath='/home/user')
        for name in 'abc':
            world.session(ns, name, user='carol', persistentHome=True)
        deployment = [world.wait_children(ns, name) for name in 'abc'][0]['deployments']
        op.quiet()
        claims = world.kube.list('persistentvolumeclaims', ns)
        equal([c['metadata']['name'] for c in claims], ['home-carol'])
        equal(claims[0]['metadata'].get('ownerReferences'), None, 'owners')
        equal((claims[0]['spec']['resources']['requests']['storage'], claims[0]['spec']['accessModes']),
              ('3Gi', ['ReadWriteMany']))
        mounts = things.container(deployment)['volumeMounts']
        equal([m['mountPath'] for m in mounts], ['/home/user'])
        for name in 'abc':
            world.kube.delete('sessions', ns, name)
        until(lambda: not world.kube.list('deployments', ns), 90, 'the children are collected')
        world.session(ns, 'd', user='carol', persistentHome=True)
        world.wait_children(ns, 'd')
        op.quiet()
        equal([c['metadata']['uid'] for c in world.kube.list('persistentvolumeclaims', ns)],
              [claims[0]['metadata']['uid']], 'the same claim')


@test('home', 'a session without a persistent home makes none')
def _(world):
    op = world.operator()
    with world.namespace('homeless') as ns:
        world.template(ns)
        world.session(ns, 'x')
        world.wait_children(ns, 'x')
        op.quiet()
        equal(world.kube.list('persistentvolumeclaims', ns), [])


@test('refusal', 'a quota on pods shows as QuotaExceeded, with its name, within 10 s')
def _(world):
    world.operator()
    with world.namespace('pods') as ns:
        world.template(ns)
        world.kube.create('resourcequotas', ns, {'metadata': {'name': 'no-pods'},
                                                 'spec': {'hard': {'pods': '0'}}})
        until(lambda: world.kube.get('resourcequotas', ns, 'no-pods').get('status', {}).get('hard'), 10,
              'the quota counts')
        world.session(ns, 'x')
        s = world.wait(ns, 'x', lambda s: s.reason('Ready') == 'QuotaExceeded')
        expect('no-pods' in s.message('Ready'), s.message('Ready'))
        until(lambda: world.events(ns, 'x').get('QuotaExceeded', ('',))[0] == 'Warning', 10, 'an event')


@test('refusal', 'a quota on Deployments shows in the same way, and nothing hammers at it')
def _(world):
    op = world.operator()
    with world.namespace('count') as ns:
        world.template(ns)
        world.kube.create('resourcequotas', ns, {'metadata': {'name': 'no-deployments'}, 'spec': {
            'hard': {'count/deployments.apps': '0'}}})
        until(lambda: world.kube.get('resourcequotas', ns, 'no-deployments').get('status', {}).get('hard'),
              10, 'the quota counts')
        world.session(ns, 'x')
        s = world.wait(ns, 'x', lambda s: s.reason('Ready') == 'QuotaExceeded')
        expect('no-deployments' in s.message('Ready'), s.message('Ready'))
        op.quiet()
        if world.audit_log:
            mark = world.audit.mark()
            op.quiet(seconds=4)
            equal([r for r in world.audit.writes(mark) if r.ns == ns and r.kind != 'templates'], [],
                  'writes while it is refused')
        world.kube.delete('resourcequotas', ns, 'no-deployments')
        world.kube.patch('sessions', ns, 'x', {'spec': {'tags': ['look-again']}})
        world.wait(ns, 'x', lambda s: s.reason('Ready') == 'Starting', 20)


@test('connection', 'one is bound to its session, marked active, then stale, and goes with it')
def _(world):
    world.operator('--connection-stale', '3s')
    with world.namespace('conn') as ns:
        world.template(ns)
        session = world.session(ns, 'x')
        world.wait_children(ns, 'x')
        world.kube.create('connections', ns, {
            'apiVersion': 'carrel.dev/v1alpha1', 'kind': 'Connection', 'metadata': {'name': 'c'},
            'spec': {'sessionID': 'x', 'userID': 'alice'}})

        def state():
            return world.kube.get('connections', ns, 'c').get('status', {}).get('state')
        until(lambda: state() == 'active', 10, 'active')
        equal(world.kube.get('connections', ns, 'c')['metadata']['ownerReferences'][0]['uid'],
              session['metadata']['uid'], 'owner')
        until(lambda: state() == 'stale', 10, 'stale')
        world.kube.delete('sessions', ns, 'x')
        until(lambda: not world.kube.find('connections', ns, 'c'), 90, 'the connection is collected')


@test('repository', 'one is accepted and shown as Pending')
def _(world):
    world.operator()
    with world.namespace('repo') as ns:
        world.kube.create('templaterepositories', ns, {
            'apiVersion': 'carrel.dev/v1alpha1', 'kind': 'TemplateRepository', 'metadata': {'name': 'r'},
            'spec': {'url': 'https://git.example.com/templates.git'}})
        until(lambda: world.kube.get('templaterepositories', ns, 'r').get('status', {}).get('phase'), 10,
              'a phase')
        equal(world.kube.get('templaterepositories', ns, 'r')['status']['phase'], 'Pending')


@test('tables', 'kubectl get ss, tpl, conn and repo fit a terminal and say what matters')
def _(world):
    world.operator()
    with world.namespace('tables') as ns:
        world.template(ns)
        world.session(ns, 'alice-python', user='alice')
        world.session(ns, 'bob-python', 'nowhere', user='bob')
        world.wait_children(ns, 'alice-python')
        world.wait(ns, 'bob-python', lambda s: s.phase == 'Failed')
        world.kube.create('connections', ns, {
            'apiVersion': 'carrel.dev/v1alpha1', 'kind': 'Connection', 'metadata': {'name': 'c-1'},
            'spec': {'sessionID': 'alice-python', 'userID': 'alice', 'clientIP': '192.0.2.7'}})
        world.kube.create('templaterepositories', ns, {
            'apiVersion': 'carrel.dev/v1alpha1', 'kind': 'TemplateRepository', 'metadata': {'name': 'ours'},
            'spec': {'url': 'https://git.example.com/templates.git'}})
        until(lambda: world.kube.get('connections', ns, 'c-1').get('status') and
              world.kube.get('templaterepositories', ns, 'ours').get('status') and
              world.kube.get('templates', ns, 'plain')['status'].get('sessions') == 1, 10, 'all have a status')
        shown = {kind: world.kube.kubectl('-n', ns, 'get', kind) for kind in ('ss', 'tpl', 'conn', 'repo')}
        for table in shown.values():
            print('\n'.join('    ' + line for line in table.splitlines()))
        widest = max((line for table in shown.values() for line in table.splitlines()), key=len)
        expect(len(widest) <= 140, f'{len(widest)} columns: {widest}')
        for kind, words in (('ss', ('alice', 'plain', 'Pending', 'Starting', 'TemplateNotFound', 'https://')),
                            ('tpl', ('Plain', 'true', ' 1 ')), ('conn', ('alice-python', 'active')),
                            ('repo', ('Pending', 'git.example.com'))):
            equal([w for w in words if w not in shown[kind]], [], f'missing in {kind}')


@test('tables', 'sessions can be selected by user, template, state and phase')
def _(world):
    world.operator()
    with world.namespace('select') as ns:
        world.template(ns)
        world.session(ns, 'x', user='alice')
        world.session(ns, 'y', user='bob', state='hibernated')
        world.wait(ns, 'x', lambda s: s.phase == 'Pending')
        world.wait(ns, 'y', lambda s: s.phase == 'Hibernated')
        for field, name in (('spec.user=alice', 'x'), ('spec.state=hibernated', 'y'),
                            ('status.phase=Pending', 'x')):
            equal([s['metadata']['name'] for s in world.kube.list('sessions', ns, fields=field)], [name], field)
