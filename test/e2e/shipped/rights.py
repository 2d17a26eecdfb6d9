"""The operator with the chart's account: it does all its work, is refused nothing, and has no right that it does not use."""
import signal

from lib import things
from lib.kube import ApiError
from lib.tests import equal, expect, test, until
from lib.trouble import Skew
from lib.world import CHILDREN
from shipped.helm import CHART, SPACE, USER, as_account, lead, operator

RBAC = '/apis/rbac.authorization.k8s.io/v1'

# Not requests, but asked by the admission of owners: tried by themselves below.
ASKED_ELSEWHERE = {('update', 'carrel.dev', 'sessions/finalizers'), ('delete', 'carrel.dev', 'connections')}


def rules(world, name=SPACE, space=SPACE):
    """(verb, group, resource) of all that the release grants."""
    granted = [*world.kube.call('GET', f'{RBAC}/clusterroles/{name}')['rules'],
               *world.kube.call('GET', f'{RBAC}/namespaces/{space}/roles/{name}-lease')['rules']]
    return {(verb, group, resource) for rule in granted for verb in rule['verbs']
            for group in rule['apiGroups'] for resource in rule['resources']}


def asked(requests):
    return {(r.verb, r.group, r.kind + (f'/{r.sub}' if r.sub else '')) for r in requests}


def start_and_sleep(world, ns):
    """Creates of all children and of a home, the first applies, events."""
    world.template(ns)
    world.session(ns, 'x', persistentHome=True)
    world.wait_children(ns, 'x')
    until(lambda: world.kube.find('persistentvolumeclaims', ns, 'home-alice'), 10, 'a home')
    world.kube.patch('sessions', ns, 'x', {'spec': {'state': 'hibernated'}})
    world.wait(ns, 'x', lambda s: s.phase == 'Hibernated')
    until(lambda: 'Hibernated' in world.events(ns, 'x'), 10, 'an event')
    world.kube.patch('sessions', ns, 'x', {'spec': {'state': 'running'}})
    until(lambda: world.kube.get('deployments', ns, 'ss-x')['spec']['replicas'] == 1, 10, 'it wakes')


def repair(world, ns):
    """Applies to each child, and a Service that has to be made anew."""
    spoils = {'deployments': [{'op': 'replace', 'path': '/spec/replicas', 'value': 3}],
              'services': [{'op': 'replace', 'path': '/spec/ports/0/port', 'value': 81}],
              'ingresses': [{'op': 'replace', 'path': '/spec/rules/0/host', 'value': 'stolen.test'}]}
    before = {kind: world.kube.get(kind, ns, 'ss-x') for kind in CHILDREN}
    for kind, change in spoils.items():
        world.kube.patch(kind, ns, 'ss-x', change, how='json', manager='kubectl-edit')
    relabel = [{'op': 'replace', 'path': '/spec/selector/carrel.dev~1session', 'value': 'y'}]
    for kind in CHILDREN:
        until(lambda kind=kind: essence(world.kube.find(kind, ns, 'ss-x')) == essence(before[kind]), 15,
              f'{kind} is put back')
    world.kube.patch('services', ns, 'ss-x', relabel, how='json', manager='kubectl-edit')
    until(lambda: essence(world.kube.get('services', ns, 'ss-x')) == essence(before['services']), 15,
          'the selector is put back')


def essence(child):
    """A new Service may get another address; None while it is away."""
    return child and {k: v for k, v in child['spec'].items() if not k.startswith('clusterIP')}


FOREIGN = {
    'deployments': ('apps/v1', 'Deployment', {'spec': {'replicas': 0, 'selector': {'matchLabels': {'a': 'b'}},
                    'template': {'metadata': {'labels': {'a': 'b'}},
                                 'spec': {'containers': [{'name': 'c', 'image': 'localhost/foreign:1'}]}}}}),
    'services': ('v1', 'Service', {'spec': {'ports': [{'port': 80}]}}),
    'ingresses': ('networking.k8s.io/v1', 'Ingress', {'spec': {'defaultBackend': {
        'service': {'name': 'foreign', 'port': {'number': 80}}}}}),
}


def look(world, ns):
    """Names that are taken are looked at: children's, and a revision's."""
    for kind, (version, word, rest) in FOREIGN.items():
        world.kube.create(kind, ns, {'apiVersion': version, 'kind': word, 'metadata': {'name': 'ss-taken'}, **rest})
    world.session(ns, 'taken')
    world.wait(ns, 'taken', lambda s: s.reason('Ready') == 'NameConflict')
    revision = world.kube.get('templates', ns, 'plain')['status']['revision']
    with world.namespace('taken') as other:
        world.kube.create('controllerrevisions', other, {
            'apiVersion': 'apps/v1', 'kind': 'ControllerRevision', 'metadata': {'name': revision}, 'revision': 1,
            'data': {}})
        world.template(other)


def prune(world, ns):
    """A revision that nobody uses is marked, and goes after ten minutes, by its own clock, of an operator that hurries."""
    world.template(ns, 'short')
    old = world.kube.get('templates', ns, 'short')['status']['revision']
    world.kube.patch('templates', ns, 'short', {'spec': {'displayName': 'Changed'}})
    mark = 'carrel.dev/unused-since'
    until(lambda: mark in world.kube.get('controllerrevisions', ns, old)['metadata'].get('annotations', {}), 15,
          'the old revision is marked')
    until(lambda: not world.kube.find('controllerrevisions', ns, old), 90, 'the old revision goes')


def others(world, ns):
    """A Connection gets its owner, a repository its status."""
    version = 'carrel.dev/v1alpha1'
    world.kube.create('connections', ns, {'apiVersion': version, 'kind': 'Connection', 'metadata': {'name': 'c'},
                                          'spec': {'sessionID': 'x', 'userID': 'alice'}})
    world.kube.create('templaterepositories', ns, {
        'apiVersion': version, 'kind': 'TemplateRepository', 'metadata': {'name': 'r'},
        'spec': {'url': 'https://git.example.com/t.git'}})
    until(lambda: world.kube.get('connections', ns, 'c')['metadata'].get('ownerReferences') and
          world.kube.get('connections', ns, 'c').get('status', {}).get('state'), 10, 'the Connection is taken in')
    until(lambda: world.kube.get('templaterepositories', ns, 'r').get('status'), 10, 'the repository too')


def meet(world, ns, mark):
    """A status that meets a newer Session: then it is read again."""
    number = iter(range(10 ** 6))

    def hurry():
        world.kube.patch('sessions', ns, 'x', {'spec': {'state': ('hibernated', 'running')[next(number) % 2]}})
        for _ in range(4):
            world.kube.patch('sessions', ns, 'x', {'spec': {'tags': [f't{next(number)}']}})
        return ('get', 'carrel.dev', 'sessions') in asked(r for r in world.audit.since(mark) if r.user == USER)
    until(hurry, 60, 'the operator reads a Session', every=0.01)
    world.kube.patch('sessions', ns, 'x', {'spec': {'state': 'running', 'tags': []}})


def end(world, ns):
    """Hibernated by the clock, terminated, and gone after the retention."""
    world.session(ns, 'long', maxSessionDuration='3s')
    world.wait(ns, 'long', lambda s: s.phase == 'Hibernated' and s.session['spec']['state'] == 'hibernated', 20)
    world.kube.patch('sessions', ns, 'long', {'spec': {'state': 'terminated', 'retention': '1s'}})
    until(lambda: not world.kube.find('sessions', ns, 'long'), 20, 'it is gone')
    for kind in CHILDREN:
        equal(world.kube.find(kind, ns, 'ss-long'), None)


def work(world, ns, mark):
    start_and_sleep(world, ns)
    repair(world, ns)
    look(world, ns)
    others(world, ns)
    meet(world, ns, mark)
    end(world, ns)
    world.kube.delete('sessions', ns, 'x')
    # the collector looks for new kinds each half minute, and ours have only just come
    until(lambda: not world.kube.find('deployments', ns, 'ss-x'), 90, 'the children go with it')
    expect(world.kube.find('persistentvolumeclaims', ns, 'home-alice'), 'the home went too')


@test('rights', 'with its account and arguments the operator does all its work, and is refused nothing')
def _(world):
    world.helm.install()
    world.kept['rights'] = mark = world.audit.mark()
    with operator(world, '--watch-list=false', '--leader-elect=false'):  # as on a server before 1.32
        pass
    with operator(world) as op, operator(world) as second:
        lead(op)
        with world.namespace('rights') as ns:
            work(world, ns, mark)
        op.signal(signal.SIGTERM)
        equal(op.process.wait(10), 0)
        lead(second)
    hurried = Skew(world, 'unused', 20).env
    with operator(world, '--leader-elect=false', env=hurried), world.namespace('unused') as ns:
        prune(world, ns)
    refused = [r for r in world.audit.since(mark) if r.user == USER and r.decision == 'forbid']
    equal(refused, [])


@test('rights', 'each right that the chart grants was used, and each that was used is granted by the chart')
def _(world):
    expect('rights' in world.kept, 'the test before this one has not run')
    used = asked(r for r in world.audit.since(world.kept['rights'])  # /livez is no kind, and everybody's
                 if r.user == USER and r.kind and r.group != 'authentication.k8s.io')
    granted = rules(world)
    equal(sorted(granted - used - ASKED_ELSEWHERE), [], 'granted and never used')
    equal(sorted(used - granted), [], 'used, and not by the chart\'s leave')


@test('rights', 'none is for everything, and none is for Secrets')
def _(world):
    world.helm.install()
    for verb, group, resource in rules(world):
        expect('*' not in (verb, group, resource) and resource.split('/')[0] != 'secrets', (verb, group, resource))
    can = world.kube.kubectl('auth', 'can-i', 'list', 'secrets', '-A', '--as', USER, check=False)
    expect(can.startswith('no'), can)


def owned(owner):
    return {'ownerReferences': [{'apiVersion': 'carrel.dev/v1alpha1', 'kind': 'Session', 'name': 'x', 'uid': owner,
                                 'controller': True, 'blockOwnerDeletion': True}]}


def needs(world, verb, resource, word, attempt):
    """Without the right the attempt is refused with that word, and with it it is not."""
    attempt()
    path = f'{RBAC}/clusterroles/carrel'
    role = world.kube.call('GET', path)['rules']
    less = [{**rule, 'verbs': [v for v in rule['verbs'] if v != verb]} if resource in rule['resources'] else rule
            for rule in role]
    less = [rule for rule in less if rule['verbs']]
    expect(less != role, f'nothing grants {verb} on {resource}')

    def refused():
        try:
            attempt()
        except ApiError as error:
            return word in str(error)
        return False
    try:
        world.kube.call('PATCH', path, {'rules': less}, 'application/merge-patch+json')
        until(refused, 10, f'it is refused without {verb} on {resource}')
    finally:
        world.kube.call('PATCH', path, {'rules': role}, 'application/merge-patch+json')


@test('rights', 'where owners are checked, as on OpenShift, it needs two more rights, and has them')
def _(world):
    world.helm.install()
    account = as_account(world)
    with world.namespace('owner') as ns:
        owner = world.session(ns, 'x')['metadata']['uid']
        world.kube.create('connections', ns, {
            'apiVersion': 'carrel.dev/v1alpha1', 'kind': 'Connection', 'metadata': {'name': 'c'},
            'spec': {'sessionID': 'x', 'userID': 'alice'}})
        service = {'metadata': {'generateName': 'x-', **owned(owner)}, 'spec': {'clusterIP': 'None'}}
        needs(world, 'update', 'sessions/finalizers', 'blockOwnerDeletion',
              lambda: account.create('services', ns, service))

        def adopt():
            world.kube.patch('connections', ns, 'c', {'metadata': {'ownerReferences': None}})
            account.patch('connections', ns, 'c', {'metadata': owned(owner)})
        needs(world, 'delete', 'connections', "cannot set an ownerRef on a resource you can't delete", adopt)


@test('rights', 'the API server gives its requests a level of their own, and its Lease that of leaders')
def _(world):
    world.helm.install()
    account = as_account(world)
    schemas = {}
    for name in 'carrel', 'carrel-lease':
        schema = world.kube.call('GET', f'/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas/{name}')
        schemas[name] = schema['metadata']['uid'], schema['spec']['priorityLevelConfiguration']['name']
    equal([level for _, level in schemas.values()], ['carrel', 'leader-election'])

    def schema_of(path):
        connection = account.connect()
        connection.request('GET', path, headers={'Authorization': f'Bearer {account.user["token"]}'})
        reply = connection.getresponse()
        reply.read()
        connection.close()
        return reply.getheader('X-Kubernetes-PF-FlowSchema-UID')
    until(lambda: schema_of('/apis/carrel.dev/v1alpha1/sessions?limit=1') == schemas['carrel'][0], 20, 'our level')
    until(lambda: schema_of(f'/apis/coordination.k8s.io/v1/namespaces/{SPACE}/leases/carrel-controller') ==
          schemas['carrel-lease'][0], 20, "the leaders' level")
    level = world.kube.call('GET', '/apis/flowcontrol.apiserver.k8s.io/v1/prioritylevelconfigurations/carrel')
    equal(level['spec']['limited']['nominalConcurrencyShares'], 30)


@test('rights', 'an operator of one namespace works with Roles there, and can read nothing elsewhere')
def _(world):
    world.helm.install()
    with world.namespace('team') as ns:
        values = world.helm.values({'namespace': ns, 'crds': {'install': False}})
        world.helm.run('install', 'team', CHART, '-n', ns, '-f', values)
        try:
            mark = world.audit.mark()
            user = f'system:serviceaccount:{ns}:team-carrel'
            with operator(world, space=ns, name='team-carrel') as op:
                lead(op)
                world.kube.create('templates', ns, things.template('plain'))
                world.session(ns, 'x')
                world.wait_children(ns, 'x')
            equal([r for r in world.audit.since(mark) if r.user == user and r.decision == 'forbid'], [])
            for args in (('list', 'sessions.carrel.dev', '-A'), ('get', 'deployments', '-n', SPACE)):
                can = world.kube.kubectl('auth', 'can-i', *args, '--as', user, check=False)
                expect(can.startswith('no'), f'{args}: {can}')
        finally:
            world.helm.run('uninstall', 'team', '-n', ns)
