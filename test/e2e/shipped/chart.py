"""The chart as files: what helm says of it, what values it takes, and that a server takes what it makes."""
import json
import os
import re
import subprocess

from lib.serve import BINARY, ROOT
from lib.tests import equal, expect, test
from shipped.helm import CHART, INSTALL, SPACE

LINK = 'found symbolic link in path'  # crds/ is one source, and helm says where it finds it
SET_BY_CHART = {'config', 'kubeconfig', 'context', 'namespace', 'template-namespace', 'leader-elect', 'lease-namespace',
                'metrics-listen'}
# Not within the chart's reach yet: it has no key to give to the API, and none without one is to be had by accident.
API = {'listen', 'auth-mode', 'auth-secret-file', 'auth-jwks-file', 'auth-jwks-url', 'auth-ca-file', 'auth-issuer', 'auth-audience', 'auth-user-claim',
       'auth-role-claim', 'auth-default-role', 'open-anywhere', 'cors-origins', 'rate-limit'}
PEER = {'ipBlock': {'cidr': '10.1.0.0/16'}}

ALL_ON = {
    'replicas': 3, 'imagePullSecrets': ['pull'], 'podAnnotations': {'a': 'b'}, 'podLabels': {'team': 'x'},
    'nodeSelector': {'disk': 'ssd'}, 'tolerations': [{'key': 'k', 'operator': 'Exists'}],
    'affinity': {'nodeAffinity': {'preferredDuringSchedulingIgnoredDuringExecution': []}},
    'image': {'digest': 'sha256:' + 'a' * 64}, 'templateNamespace': 'default',
    'networkPolicy': {'metricsFrom': [PEER]}, 'serviceAccount': {'name': 'other', 'annotations': {'a': 'b'}},
    'sessionNetworkPolicy': {'namespaces': ['default'], 'ingressFrom': [PEER], 'egressTo': [PEER]},
    'serviceMonitor': {'enabled': True, 'labels': {'team': 'x'}},
    'prometheusRule': {'enabled': True, 'labels': {'team': 'x'}},
    'config': {'domain': 'example.com', 'external-url': 'https://example.com:8443', 'ingress-class': 'nginx',
               'ingress-annotation': {'example.com/a': 'b c', 'example.com/d': '"e"'}, 'tls-secret': '{session}-tls',
               'watch-list': False, 'home-size': '1Gi', 'cpu-limit': 1.5, 'memory-limit': 1000000000,
               'kube-api-qps': 100000, 'concurrency': 7, 'log-format': 'json'}}
ALL_OFF = {
    'replicas': 1, 'crds': {'install': False}, 'serviceAccount': {'create': False}, 'rbac': {'aggregate': False},
    'admission': {'sessionUser': {'enabled': False}, 'protectPods': {'enabled': False}},
    'podDisruptionBudget': {'enabled': False}, 'networkPolicy': {'enabled': False},
    'sessionNetworkPolicy': {'enabled': False}, 'flowControl': {'enabled': False}}
SETS = [
    ('the defaults', {}),
    ('everything on', ALL_ON),
    ('everything off', ALL_OFF),
    ('one namespace', {'namespace': 'default'}),
    ('sessions without any network', {'sessionNetworkPolicy': {'dns': False, 'internet': False,
                                                               'ingressNamespaces': []}}),
    ('users that are mail addresses', {'admission': {'sessionUser': {
        'ownUser': "request.userInfo.username.endsWith('@example.com') ? "
                   "request.userInfo.username.split('@')[0] : ''"}}}),
]
WRONG = [  # values, what helm has to name
    ({'replicas': 'two'}, "'/replicas': got string, want integer"),
    ({'config': {'domian': 'x'}}, "'domian' not allowed"),
    ({'config': {'service-type': 'NodePort'}}, "'/config/service-type': value must be one of 'headless', 'ClusterIP'"),
    ({'config': {'lease-duration': 15}}, "'/config/lease-duration': got number, want string"),
    ({'config': {'namespace': 'x'}}, "'namespace' not allowed"),
    ({'namespace': 'Team_A'}, "'/namespace': 'Team_A' does not match pattern"),
    ({'image': {'digest': 'latest'}}, "'/image/digest'"),
    ({'sessionNetworkPolicy': {'blocked': ['10.0.0.0']}}, "'/sessionNetworkPolicy/blocked/0'"),
    ({'flowControl': {'shares': 0}}, "'/flowControl/shares': minimum: got 0, want 1"),
    ({'namespace': 'team', 'templateNamespace': 'shared'}, 'leave it empty'),
]


@test('chart', 'helm lint finds nothing, and neither does anything else speak of it')
def _(world):
    _, said, complained = world.helm.run('lint', '--strict', CHART)
    expect('1 chart(s) linted, 0 chart(s) failed' in said, said)
    left = [line for line in (said + complained).splitlines() if '[' in line and 'icon is recommended' not in line]
    equal(left + [line for line in complained.splitlines() if LINK not in line], [])


@test('chart', 'wrong values are refused, with the place, what stands there and what may')
def _(world):
    for values, hint in WRONG:
        code, said, complained = world.helm.run('template', 'x', CHART, '-f', world.helm.values(values), check=False)
        expect(code != 0 and hint in complained, f'{values}: {code}\n{complained}')


@test('chart', 'a Kubernetes before 1.30 is refused, and 1.30 is not')
def _(world):
    code, _, complained = world.helm.run('template', 'x', CHART, '--kube-version', '1.29.9', check=False)
    expect(code != 0 and 'chart requires kubeVersion: >=1.30' in complained, f'{code} {complained}')
    world.helm.run('template', 'x', CHART, '--kube-version', '1.30.0')


def options_of_program():
    said = subprocess.run([BINARY, 'help', 'serve'], capture_output=True, text=True, check=True).stdout
    return set(re.findall(r'^  --([a-z-]+) ', said, re.M))


@test('chart', 'config takes every option of the program but those that the chart sets itself')
def _(world):
    with open(os.path.join(CHART, 'values.schema.json')) as file:
        schema = json.load(file)
    equal(set(schema['properties']['config']['properties']) | SET_BY_CHART | API, options_of_program())


def keys_of(values, before=''):
    for key, value in values.items():
        yield before + key
        if isinstance(value, dict):
            yield from keys_of(value, f'{before}{key}.')


@test('chart', 'every value that the schema knows stands in values.yaml, explained, and no other does')
def _(world):
    said = world.helm.run('show', 'values', CHART)[1]
    text = subprocess.run([world.kube.kubectl_path, 'create', '--dry-run=client', '--validate=false', '-o', 'json',
                           '-f', '-'], input='apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\nvalues:\n' +
                          ''.join(f'  {line}\n' for line in said.splitlines()),
                          env={**os.environ, 'KUBECONFIG': world.kubeconfig}, capture_output=True, text=True)
    values = json.loads(text.stdout or '{}').get('values') or {}
    with open(os.path.join(CHART, 'values.schema.json')) as file:
        known = json.load(file)

    def names(schema, before=''):
        for key, inner in schema.get('properties', {}).items():
            yield before + key
            if before + key != 'config':
                yield from names(inner, f'{before}{key}.')
    free = {'global', 'resources.claims'}
    wanted = {n for n in names(known)} - free
    stand = {k for k in keys_of(values) if not re.match(r'resources\.(requests|limits)\.', k)}
    equal((sorted(wanted - stand), sorted(stand - wanted)), ([], []))
    bare = [part for part in said.split('\n\n')
            if re.search(r'^\w', part, re.M) and not re.search(r'^ *# \w', part, re.M)]
    equal(bare, [], 'without a word of explanation')


@test('chart', 'a packed chart makes the same, far from this tree')
def _(world):
    world.helm.run('package', CHART, '-d', world.folder)
    packed = [f for f in os.listdir(world.folder) if f.endswith('.tgz')]
    equal(len(packed), 1)
    path = os.path.join(world.folder, packed[0])
    equal(world.helm.template(chart=path), world.helm.template())
    os.unlink(path)


@test('chart', 'install.yaml is what the chart makes')
def _(world):
    made = subprocess.run([os.path.join(ROOT, 'manifests', 'make'), '--print'], capture_output=True, text=True,
                          check=True).stdout
    with open(INSTALL) as file:
        expect(file.read() == made, 'run `make manifests` and commit what it changes')


MONITORING = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: %(plural)s.monitoring.coreos.com}
spec:
  group: monitoring.coreos.com
  scope: Namespaced
  names: {kind: %(kind)s, plural: %(plural)s}
  versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {
    type: object, x-kubernetes-preserve-unknown-fields: true}}}]
"""


def know_monitoring(world):
    for kind in 'ServiceMonitor', 'PrometheusRule':
        names = {'kind': kind, 'plural': kind.lower() + 's'}
        world.kube.kubectl('apply', '-f', '-', text=MONITORING % names)
        world.kube.kubectl('wait', '--for=condition=Established', '--timeout=30s', 'crd',
                           f'{names["plural"]}.monitoring.coreos.com')


@test('chart', 'the server takes what it makes of each set of values')
def _(world):
    know_monitoring(world)
    world.helm.install()
    for what, values in SETS:
        text = world.helm.template(values)
        said = world.kube.kubectl('apply', '--server-side', '--force-conflicts', '--dry-run=server',
                                  '-f', '-', text=text, check=False)
        equal([line for line in said.splitlines() if not line.endswith('(server dry run)')], [], what)


@test('chart', 'a number, a truth and a text of config become flags that the program takes')
def _(world):
    found = world.helm.objects(world.helm.template(ALL_ON))
    args = next(o for o in found if o['kind'] == 'Deployment')['spec']['template']['spec']['containers'][0]['args']
    for flag in ('--cpu-limit=1.5', '--memory-limit=1000000000', '--kube-api-qps=100000', '--watch-list=false',
                 '--ingress-annotation=example.com/d="e"', '--tls-secret={session}-tls'):
        expect(flag in args, f'{flag} is not among {args}')
    world.helm.install()
    op = world.make_operator(*args[1:], '--leader-elect=false').start()
    op.wait_ready()
    equal(op.stop(), 0)


@test('chart', "the operator's pods are of the strictest kind, and so many that one may go")
def _(world):
    world.helm.install()
    pod = world.kube.get('deployments', SPACE, 'carrel')['spec']['template']
    with world.namespace('restricted') as ns:
        world.kube.patch('namespaces', None, ns, {'metadata': {'labels': {
            'pod-security.kubernetes.io/enforce': 'restricted'}}})
        spec = {**pod['spec'], 'serviceAccountName': 'default', 'serviceAccount': 'default'}
        one = {'apiVersion': 'v1', 'kind': 'Pod', 'metadata': {'name': 'x', 'labels': pod['metadata']['labels']},
               'spec': spec}
        made = world.kube.create('pods', ns, one)['spec']
    container = made['containers'][0]
    equal((container['securityContext']['readOnlyRootFilesystem'], made['enableServiceLinks']), (True, False))
    expect(container['resources']['requests'] and container['resources']['limits'], container['resources'])
    budget = world.kube.call('GET', f'/apis/policy/v1/namespaces/{SPACE}/poddisruptionbudgets/carrel')['spec']
    equal((budget['maxUnavailable'], world.kube.get('deployments', SPACE, 'carrel')['spec']['replicas']), (1, 2))
    service = world.kube.get('services', SPACE, 'carrel-metrics')['spec']
    for selector in budget['selector']['matchLabels'], service['selector']:
        expect(selector.items() <= pod['metadata']['labels'].items(), selector)
