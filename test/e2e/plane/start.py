"""What the program says about itself, and what it refuses to start with."""
import os

from lib.serve import run_once
from lib.tests import equal, expect, test, until
from lib.world import BASE

BAD = [  # flag, value, what the error has to name besides both
    ('--lease-duration', 'potato', '15s'),
    ('--service-type', 'NodePort', 'ClusterIP'),
    ('--home-size', '10Gb', '10Gi'),
    ('--home-access-mode', 'Once', 'ReadWriteOnce'),
    ('--log-level', 'loud', 'debug'),
    ('--log-format', 'xml', 'json'),
    ('--domain', 'Bad_Domain', 'DNS'),
    ('--host-template', 'nope', '{session}'),
    ('--metrics-listen', '127.0.0.1:99999', 'port'),
    ('--external-url', 'ftp://x', 'https'),
    ('--leader-elect', 'maybe', 'true'),
    ('--ingress-annotation', 'novalue', 'key=value'),
    ('--namespace', 'Not_A_Name', 'lower-case'),
    ('--crash-limit', 'many', 'number'),
]


@test('start', 'a bad flag stops the start and says which, what it was, and what may stand there')
def _(world):
    for flag, value, hint in BAD:
        code, said = run_once('serve', '--kubeconfig', world.kubeconfig, flag, value)
        expect(code not in (0, None), f'{flag} {value}: exit status {code}\n{said}')
        equal([w for w in (flag, value, hint) if w not in said], [], f'{flag} {value}: not in: {said}')
        expect(len(said.splitlines()) == 1, f'{flag}: more than a line:\n{said}')


@test('start', 'so does a bad value in the environment and in a file, by the name that it has there')
def _(world):
    code, said = run_once('serve', '--kubeconfig', world.kubeconfig, CARREL_SERVICE_TYPE='NodePort')
    expect(code not in (0, None) and 'CARREL_SERVICE_TYPE' in said and 'NodePort' in said, f'{code} {said}')
    path = os.path.join(world.folder, 'bad.yaml')
    for text, words in (('service-type: NodePort\n', ('service-type', 'NodePort', path)),
                        ('servicetype: headless\n', ('servicetype', path)),
                        ('service-type: [\n', (path,))):
        with open(path, 'w') as file:
            file.write(text)
        code, said = run_once('serve', '--kubeconfig', world.kubeconfig, '--config', path)
        expect(code not in (0, None), f'{text!r}: exit status {code}\n{said}')
        equal([w for w in words if w not in said], [], f'{text!r}: not in: {said}')


@test('start', 'an unknown flag, a stray word and a missing value are refused')
def _(world):
    for args in (['--no-such-thing', '1'], ['stray'], ['--domain']):
        code, said = run_once('serve', '--kubeconfig', world.kubeconfig, *args)
        expect(code not in (0, None) and args[0].lstrip('-') in said, f'{args}: {code} {said}')


@test('start', 'times of the lease that contradict each other are refused')
def _(world):
    code, said = run_once('serve', '--kubeconfig', world.kubeconfig, '--leader-elect', 'true',
                          '--lease-duration', '5s', '--renew-deadline', '9s')
    expect(code not in (0, None) and 'renew-deadline' in said, f'{code} {said}')


@test('start', 'a kubeconfig that is missing, broken or without a context is refused by its name')
def _(world):
    missing = os.path.join(world.folder, 'missing')
    broken, empty = os.path.join(world.folder, 'broken'), os.path.join(world.folder, 'empty')
    with open(broken, 'w') as file:
        file.write('clusters: [')
    with open(empty, 'w') as file:
        file.write('apiVersion: v1\nkind: Config\n')
    for path in missing, broken, empty:
        code, said = run_once('serve', '--kubeconfig', path, '--metrics-listen', '127.0.0.1:0')
        expect(code not in (0, None) and path in said, f'{path}: {code} {said}')


@test('start', 'flags beat the environment, which beats the file')
def _(world):
    with world.namespace('order') as ns:
        path = os.path.join(world.folder, 'order.yaml')
        with open(path, 'w') as file:
            file.write('domain: file.test\ningress-class: from-file\nhome-size: 7Gi\n')
        world.stop_operator()
        flags = [f for f in BASE if f not in ('--domain', 'carrel.test', '--namespace', '')]
        op = world.make_operator(*flags, '--config', path, '--domain', 'flag.test', kubeconfig='',
                                 env={'KUBECONFIG': world.kubeconfig, 'CARREL_DOMAIN': 'env.test',
                                      'CARREL_INGRESS_CLASS': 'from-env', 'NAMESPACE': ns})
        op.flags = [f for f in op.flags if f]
        op.start().wait_ready()
        world.template(ns)
        world.session(ns, 'x', persistentHome=True)
        made = world.wait_children(ns, 'x')['ingresses']['spec']
        equal((made['rules'][0]['host'], made['ingressClassName']), (f'x-{ns}.flag.test', 'from-env'))
        claim = until(lambda: world.kube.find('persistentvolumeclaims', ns, 'home-alice'), 10, 'a home')
        equal(claim['spec']['resources']['requests']['storage'], '7Gi')
        op.stop()


@test('start', 'an operator of one namespace leaves the others alone')
def _(world):
    with world.namespace('mine') as mine, world.namespace('theirs') as theirs:
        world.stop_operator()
        op = world.make_operator(*BASE[2:], '--namespace', mine).start()
        op.wait_ready()
        world.kube.create('templates', theirs, {
            'apiVersion': 'carrel.dev/v1alpha1', 'kind': 'Template', 'metadata': {'name': 'plain'},
            'spec': {'displayName': 'Plain', 'baseImage': 'localhost/carrel-echo:1'}})
        world.template(mine)
        world.session(theirs, 'x')
        world.session(mine, 'x')
        world.wait_children(mine, 'x')
        op.quiet()
        equal(world.kube.get('sessions', theirs, 'x').get('status'), None)
        op.stop()


@test('health', '/livez, /readyz and /metrics answer under their names, and nothing else does')
def _(world):
    op = world.operator()
    equal([op.ask(p)[0] for p in ('/livez', '/readyz', '/metrics', '/livez?verbose', '/nothing')],
          [200, 200, 200, 200, 404])
    with world.namespace('metrics') as ns:
        world.template(ns)
        world.session(ns, 'x')
        world.wait_children(ns, 'x')
        until(lambda: op.metrics().get('carrel_cache_objects{kind="session"}', 0) >= 1, 6, 'a session counted')
        names = {name.split('{')[0] for name in op.metrics()}
    wanted = {'rest_client_requests_total', 'rest_client_request_duration_seconds_count',
              'carrel_cache_objects', 'carrel_cache_synced', 'carrel_requests_in_flight', 'carrel_keys',
              'carrel_conflicts', 'process_resident_memory_bytes', 'process_cpu_seconds_total'}
    equal(sorted(wanted - names), [], f'missing among {sorted(names)}')


@test('health', 'with a cluster that does not answer it lives, and is not ready')
def _(world):
    path = os.path.join(world.folder, 'nobody')
    with open(path, 'w') as file:
        file.write('apiVersion: v1\nkind: Config\ncurrent-context: c\n'
                   'clusters: [{name: c, cluster: {server: "http://127.0.0.1:9"}}]\n'
                   'users: [{name: u, user: {}}]\ncontexts: [{name: c, context: {cluster: c, user: u}}]\n')
    op = world.make_operator(*BASE, kubeconfig=path).start()
    until(lambda: op.ask('/livez')[0] == 200, 10, 'it lives')
    equal((op.ask('/readyz')[0] in (500, 503), op.lives()), (True, True))
    until(lambda: '127.0.0.1:9' in op.log(), 10, 'the log names the server')
    equal(op.stop(), 0, 'exit status after SIGTERM')


@test('start', 'SIGTERM ends it within three seconds, with status 0, and so does SIGINT')
def _(world):
    import signal
    import time
    for number in signal.SIGTERM, signal.SIGINT:
        op = world.make_operator(*BASE).start()
        op.wait_ready()
        began = time.monotonic()
        op.signal(number)
        equal(op.process.wait(10), 0, f'exit status after {number.name}')
        expect(time.monotonic() - began < 3, f'{time.monotonic() - began:.2f} s')
