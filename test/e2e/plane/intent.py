"""What we no longer say about a child vanishes from it, also what it was created with."""
from lib import things
from lib.tests import equal, test, until


def ingress(world, ns):
    return world.kube.get('ingresses', ns, 'ss-x')


@test('intent', 'an environment variable that the session drops is gone after its restart')
def _(world):
    world.operator()
    with world.namespace('dropped') as ns:
        world.template(ns)
        env = [{'name': 'KEPT', 'value': '1'}, {'name': 'DROPPED', 'value': '2'}]
        world.session(ns, 'x', env=env)
        seen = things.env_of(world.wait_children(ns, 'x')['deployments'])
        equal((seen['KEPT'], seen['DROPPED']), ('1', '2'))
        world.kube.patch('sessions', ns, 'x', {
            'metadata': {'annotations': {'carrel.dev/restart-at': 'now'}}, 'spec': {'env': env[:1]}})
        until(lambda: 'DROPPED' not in things.env_of(world.kube.get('deployments', ns, 'ss-x')), 10,
              'DROPPED is gone')
        equal(things.env_of(world.kube.get('deployments', ns, 'ss-x'))['KEPT'], '1')


@test('intent', 'a changed spec does not restart the pod, and Ready says how to apply it')
def _(world):
    op = world.operator()
    with world.namespace('frozen') as ns:
        world.template(ns)
        world.session(ns, 'x')
        before = world.wait_children(ns, 'x')['deployments']
        world.kube.patch('sessions', ns, 'x', {'spec': {'env': [{'name': 'NEW', 'value': '1'}]}})
        world.wait(ns, 'x', lambda s: s.observed == s.generation == 2)
        op.quiet()
        equal(world.kube.get('deployments', ns, 'ss-x')['spec'], before['spec'])


@test('intent', 'TLS block and annotations come and go with the operator\'s flags')
def _(world):
    with world.namespace('flags') as ns:
        world.operator('--tls-secret', 'tls-{session}', '--ingress-class', 'nginx',
                       '--ingress-annotation', 'example.com/a=1', '--ingress-annotation', 'example.com/b=2')
        world.template(ns)
        world.session(ns, 'x')
        made = world.wait_children(ns, 'x')['ingresses']
        equal(made['spec']['tls'], [{'hosts': [f'x-{ns}.carrel.test'], 'secretName': 'tls-x'}])
        equal(made['spec']['ingressClassName'], 'nginx')
        equal([made['metadata']['annotations'].get(f'example.com/{k}') for k in 'ab'], ['1', '2'])
        op = world.operator('--ingress-annotation', 'example.com/a=3')
        until(lambda: 'tls' not in ingress(world, ns)['spec'], 10, 'the TLS block is gone')
        now = ingress(world, ns)
        equal([now['metadata']['annotations'].get(f'example.com/{k}') for k in 'ab'], ['3', None])
        equal(now['spec'].get('ingressClassName'), None, 'the class')
        equal(now['metadata']['uid'], made['metadata']['uid'], 'the same object')
        op.quiet()
        world.operator('--tls-secret', 'wild', '--ingress-annotation', 'example.com/a=3')
        until(lambda: 'tls' in ingress(world, ns)['spec'], 10, 'a TLS block again')
        equal(ingress(world, ns)['spec']['tls'][0]['secretName'], 'wild')


@test('intent', 'a Service is made anew where the operator is told of another type, and only then')
def _(world):
    with world.namespace('type') as ns:
        world.operator()
        world.template(ns)
        world.session(ns, 'x')
        first = world.wait_children(ns, 'x')['services']
        equal(first['spec']['clusterIP'], 'None')
        world.operator('--service-type', 'ClusterIP')
        until(lambda: (now := world.kube.find('services', ns, 'ss-x')) and
              now['spec'].get('clusterIP') not in (None, 'None'), 20, 'a Service with an address')
        second = world.kube.get('services', ns, 'ss-x')
        op = world.operator('--service-type', 'ClusterIP', '--ingress-class', 'other')
        until(lambda: ingress(world, ns)['spec'].get('ingressClassName') == 'other', 10, 'the class')
        op.quiet()
        equal(world.kube.get('services', ns, 'ss-x')['metadata']['uid'], second['metadata']['uid'])


@test('intent', 'host, scheme and port of the URL follow the operator\'s flags')
def _(world):
    with world.namespace('hosts') as ns:
        world.operator('--host-template', '{user}.{session}.{domain}',
                       '--external-url', 'http://localhost:8088')
        world.template(ns)
        world.session(ns, 'x', user='hostess')
        world.wait_children(ns, 'x')
        equal(ingress(world, ns)['spec']['rules'][0]['host'], 'hostess.x.carrel.test')
        equal(world.status(ns, 'x')['url'], 'http://hostess.x.carrel.test:8088/')


@test('intent', 'pods have no token, no service links, a seccomp profile, limits, and do not run as root')
def _(world):
    world.operator()
    with world.namespace('pod') as ns:
        world.template(ns)
        world.session(ns, 'x', user='bob')
        pod = world.wait_children(ns, 'x')['deployments']['spec']['template']['spec']
        equal((pod['automountServiceAccountToken'], pod['enableServiceLinks']), (False, False))
        equal(pod['securityContext']['seccompProfile'], {'type': 'RuntimeDefault'})
        equal(pod['securityContext']['runAsNonRoot'], True)
        inner = pod['containers'][0]
        equal(inner['securityContext']['allowPrivilegeEscalation'], False)
        equal(inner['securityContext']['capabilities'], {'drop': ['ALL']})
        equal(inner['resources'], {'requests': {'cpu': '10m', 'memory': '16Mi'},
                                   'limits': {'cpu': '500m', 'memory': '64Mi'}})
        env = {e['name']: e['value'] for e in inner['env']}
        equal((env['CARREL_SESSION'], env['CARREL_USER'], env['PORT']), ('x', 'bob', '3000'))
