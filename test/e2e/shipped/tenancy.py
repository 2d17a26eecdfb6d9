"""Who may have whose session, who may touch its pod, and what may reach it."""
import json

from lib import things
from lib.kube import ApiError
from lib.tests import equal, expect, test, until
from lib.world import CHILDREN
from shipped.helm import CHART, SPACE, USER, VALUES, as_account, lead, operator

ACT_AS = 'may not act as'


class Person:
    """Somebody, as the API server knows them."""

    def __init__(self, world, name, *groups):
        self.world = world
        self.who = ['--as', name, *(f'--as-group={group}' for group in groups)]

    def kubectl(self, *args, thing=None):
        return self.world.kube.kubectl(*self.who, *args, text=json.dumps(thing) if thing else None)

    def create(self, ns, thing):
        return self.kubectl('create', '-n', ns, '-f', '-', thing=thing)

    def patch(self, kind, ns, name, change):
        return self.kubectl('patch', kind, name, '-n', ns, '--type=merge', '-p', json.dumps(change))


def refused(call, word):
    try:
        call()
    except ApiError as error:
        expect(word in str(error), f'refused for another reason: {error}')
        return True
    return False


def let(world, ns, role, *people):
    """Each may do in the namespace what the cluster's role says."""
    for name in people:
        world.kube.kubectl('create', 'rolebinding', '-n', ns, f'{role}-{name}'.replace('@', '-'),
                           f'--clusterrole={role}', f'--user={name}')
    for name in people:
        until(lambda name=name: world.kube.kubectl('auth', 'can-i', 'get', 'sessions.carrel.dev', '-n', ns, '--as',
                                                   name, check=False).startswith('yes'), 10, f'{name} is let in')


def policy_counts(world, ns):
    """A new policy takes a moment until all requests are held against it."""
    def is_refused():
        thing = things.session('probe', user='nobody')
        try:
            Person(world, 'prober', 'system:authenticated').kubectl('create', '-n', ns, '--dry-run=server', '-f', '-',
                                                                    thing=thing)
        except ApiError as error:
            return ACT_AS in str(error)
        return False
    let(world, ns, 'edit', 'prober')
    until(is_refused, 20, 'the policy counts')


@test('tenancy', 'alice may have a session for alice, and bob may not have one for her, nor change what hers runs')
def _(world):
    world.helm.install()
    with world.namespace('users') as ns:
        policy_counts(world, ns)
        let(world, ns, 'edit', 'alice', 'bob')
        alice, bob = Person(world, 'alice'), Person(world, 'bob')
        alice.create(ns, things.session('hers'))
        expect(refused(lambda: bob.create(ns, things.session('stolen')), 'bob may not act as alice'),
               'bob has a session of alice')
        bob.create(ns, things.session('his', user='bob'))
        env = {'spec': {'env': [{'name': 'PYTHONSTARTUP', 'value': '/tmp/x.py'}]}}
        for field in env['spec'], {'git': {'url': 'https://git.example.com/x.git'}}, {'parameters': {'a': 'b'}}:
            expect(refused(lambda field=field: bob.patch('sessions.carrel.dev', ns, 'hers', {'spec': field}), ACT_AS),
                   f'bob has changed {field} of a session of alice')
        alice.patch('sessions.carrel.dev', ns, 'hers', env)
        bob.patch('sessions.carrel.dev', ns, 'hers', {'spec': {'state': 'hibernated'}})  # of that RBAC decides alone


@test('tenancy', 'whoever may act as a user may have sessions for that user, in that namespace')
def _(world):
    world.helm.install()
    with world.namespace('helper') as ns, world.namespace('elsewhere') as other:
        policy_counts(world, ns)
        for where in ns, other:
            let(world, where, 'edit', 'carol')
        carol = Person(world, 'carol')
        world.kube.call('POST', f'/apis/rbac.authorization.k8s.io/v1/namespaces/{ns}/roles', {
            'metadata': {'name': 'for-alice'},
            'rules': [{'apiGroups': ['carrel.dev'], 'resources': ['users'], 'verbs': ['act-as'],
                       'resourceNames': ['alice']}]})
        world.kube.kubectl('create', 'rolebinding', 'for-alice', '-n', ns, '--role=for-alice', '--user=carol')
        until(lambda: not refused(lambda: carol.kubectl('create', '-n', ns, '--dry-run=server', '-f', '-',
                                                        thing=things.session('x')), ACT_AS), 10, 'carol acts for alice')
        carol.create(ns, things.session('x'))
        expect(refused(lambda: carol.create(ns, things.session('y', user='bob')), ACT_AS), 'and for bob')
        expect(refused(lambda: carol.create(other, things.session('x')), ACT_AS), 'and elsewhere')
        let(world, ns, 'admin', 'dora')
        until(lambda: not refused(lambda: Person(world, 'dora').kubectl(
            'create', '-n', ns, '--dry-run=server', '-f', '-', thing=things.session('z', user='eve')), ACT_AS), 10,
            "a namespace's admin acts for everybody")


@test('tenancy', 'the operator changes the state of anybody, and an administrator does everything')
def _(world):
    world.helm.install()
    with world.namespace('anybody') as ns:
        world.kube.create('sessions', ns, things.session('x', user='somebody-else'))
        account = as_account(world)
        account.patch('sessions', ns, 'x', {'spec': {'state': 'hibernated'}})
        world.kube.patch('sessions', ns, 'x', {'spec': {'env': [{'name': 'A', 'value': 'b'}]}})


@test('tenancy', 'names of another form are brought into ours by an expression of the chart')
def _(world):
    world.helm.install()
    own = "request.userInfo.username.endsWith('@example.com') ? request.userInfo.username.split('@')[0] : ''"
    with world.namespace('mail') as ns:
        policy_counts(world, ns)
        let(world, ns, 'edit', 'alice@example.com', 'alice@example.org', 'alice')
        mapped = {**VALUES, 'admission': {'sessionUser': {'ownUser': own}}}
        world.helm.run('upgrade', 'carrel', CHART, '-n', SPACE, '-f', world.helm.values(mapped))
        try:
            hers = Person(world, 'alice@example.com')
            until(lambda: not refused(lambda: hers.kubectl('create', '-n', ns, '--dry-run=server', '-f', '-',
                                                           thing=things.session('x')), ACT_AS), 20, 'she may')
            hers.create(ns, things.session('x'))
            for name in 'alice@example.org', 'alice':
                expect(refused(lambda name=name: Person(world, name).create(ns, things.session('y')), ACT_AS), name)
        finally:
            world.helm.run('upgrade', 'carrel', CHART, '-n', SPACE, '-f', world.helm.values(VALUES))


@test('tenancy', "labels and image of a session's pod are changed by nobody, other pods by whoever may")
def _(world):
    world.helm.install()
    with operator(world) as op, world.namespace('pods') as ns:
        lead(op)
        world.template(ns)
        world.session(ns, 'x')
        pod = until(lambda: world.kube.list('pods', ns), 20, 'a pod')[0]['metadata']['name']
        let(world, ns, 'edit', 'bob')
        bob = Person(world, 'bob')
        unlabelled = {'metadata': {'labels': {'app.kubernetes.io/managed-by': None}}}
        until(lambda: refused(lambda: bob.kubectl('patch', 'pods', pod, '-n', ns, '--type=merge', '--dry-run=server',
                                                  '-p', json.dumps(unlabelled)), "the operator's"), 20, 'it counts')
        image = [{'name': 'session', 'image': 'localhost/evil:1'}]
        found = world.kube.get('pods', ns, pod)['spec']['containers'][0]['name']
        image[0]['name'] = found
        expect(refused(lambda: bob.kubectl('patch', 'pods', pod, '-n', ns, '--type=strategic', '-p', json.dumps(
            {'spec': {'containers': image}})), "the operator's"), 'bob has changed the image')
        bob.patch('pods', ns, pod, {'metadata': {'annotations': {'note': 'fine'}, 'labels': {'team': 'blue'}}})
        plain = {'apiVersion': 'v1', 'kind': 'Pod', 'metadata': {'name': 'his'},
                 'spec': {'containers': [{'name': 'c', 'image': 'localhost/a:1'}]}}
        bob.create(ns, plain)
        bob.patch('pods', ns, 'his', {'metadata': {'labels': {'a': 'b'}}})
        disguise = {'metadata': {'labels': {'app.kubernetes.io/name': 'carrel-session',
                                            'app.kubernetes.io/managed-by': 'carrel'}}}
        expect(refused(lambda: bob.patch('pods', ns, 'his', disguise), "the operator's"), 'a pod in disguise')


def isolates(world):
    pods = until(lambda: [p['metadata']['name'] for p in world.kube.list(
        'pods', SPACE, labels='carrel.dev/session=isolated')], 20, 'its pod')
    policies = world.kube.call('GET', f'/apis/networking.k8s.io/v1/namespaces/{SPACE}/networkpolicies')['items']
    taken = {}
    for policy in policies:
        labels = ','.join(f'{k}={v}' for k, v in policy['spec']['podSelector']['matchLabels'].items())
        found = world.kube.list('pods', SPACE, labels=labels)
        taken[policy['metadata']['name']] = {p['metadata']['name'] for p in found}
    equal(taken['carrel-sessions'], set(pods))
    expect(len(taken['carrel']) == 2 and not taken['carrel'] & set(pods), taken)
    spec = next(p['spec'] for p in policies if p['metadata']['name'] == 'carrel-sessions')
    equal(sorted(spec['policyTypes']), ['Egress', 'Ingress'])
    names = spec['ingress'][0]['from'][0]['namespaceSelector']['matchExpressions'][0]['values']
    equal((len(spec['ingress']), names), (1, ['ingress-nginx', 'projectcontour', 'traefik']))
    wide = [peer['ipBlock'] for rule in spec['egress'] if 'ports' not in rule for peer in rule['to']]
    equal([block['cidr'] for block in wide], ['0.0.0.0/0', '::/0'])
    for address in '10.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12', '192.168.0.0/16':
        expect(address in wide[0]['except'], f'{address} may be reached')


@test('tenancy', "the NetworkPolicy of sessions takes in their pods, all of them and no other, and lets in nobody else")
def _(world):
    world.helm.install()
    with operator(world) as op:
        lead(op)
        world.template(SPACE)
        world.session(SPACE, 'isolated')
        try:
            isolates(world)
        finally:
            world.kube.delete('sessions', SPACE, 'isolated')
            until(lambda: not any(world.kube.find(kind, SPACE, 'ss-isolated') for kind in CHILDREN), 30, 'it is gone')
            world.kube.delete('templates', SPACE, 'plain')


@test('tenancy', "the cluster's view, edit and admin know our kinds, and edit changes no Template")
def _(world):
    world.helm.install()
    with world.namespace('roles') as ns:
        for role in 'view', 'edit', 'admin':
            let(world, ns, role, f'a-{role}')

        def may(role, verb, kind):
            asked = {'user': f'a-{role}', 'resourceAttributes': {
                'namespace': ns, 'verb': verb, 'group': 'carrel.dev', 'resource': kind}}
            path = '/apis/authorization.k8s.io/v1/subjectaccessreviews'
            return world.kube.call('POST', path, {'spec': asked})['status']['allowed']
        wanted = {('view', 'list', 'sessions'): True, ('view', 'create', 'sessions'): False,
                  ('edit', 'create', 'sessions'): True, ('edit', 'update', 'templates'): False,
                  ('edit', 'list', 'templates'): True, ('edit', 'act-as', 'users'): False,
                  ('admin', 'update', 'templates'): True, ('admin', 'create', 'templaterepositories'): True,
                  ('admin', 'act-as', 'users'): True}
        until(lambda: may('admin', 'act-as', 'users'), 20, 'the roles are put together')
        equal({key: may(*key) for key in wanted}, wanted)


@test('tenancy', 'no policy of admission holds an expression that the server doubts')
def _(world):
    world.helm.install()
    for name in 'carrel-session-user', 'carrel-session-pods':
        path = f'/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/{name}'
        policy = until(lambda path=path: (p := world.kube.call('GET', path)) and
                       p.get('status', {}).get('observedGeneration') == p['metadata']['generation'] and p, 20, name)
        equal(policy['status'].get('typeChecking', {}), {})
