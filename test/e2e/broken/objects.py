"""What the API holds is not what the operator may expect: kinds that vanish, rights that are taken, objects that are odd, admission
that rewrites, and a namespace that goes away amid starts."""
import os

from lib.proxy import Line
from lib.serve import ROOT
from lib.tests import equal, expect, figure, test, until
from lib.trouble import Churn, Skew, ends_well, insist, kubeconfig, operator, place, serves, total
from lib.world import CHILDREN

SESSIONS = os.path.join(ROOT, 'crds', 'sessions.yaml')
CRD = 'sessions.carrel.dev'


@test('objects', 'one Session that cannot be read is left alone and told of; all others go on')
def _(world):
    path = '/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/storage'
    with place(world, 'odd') as ns, operator(world, ns) as op:
        world.session(ns, 'odd')
        world.wait_children(ns, 'odd')
        world.kube.patch('customresourcedefinitions', None, CRD,
                         [{'op': 'replace', 'path': path, 'value': {'x-kubernetes-preserve-unknown-fields': True}}], 'json')
        try:
            until(lambda: insist(world.kube.patch, 'sessions', ns, 'odd', {'spec': {'storage': {'what': 7}}})
                  ['spec']['storage'] == {'what': 7}, 30, 'the looser schema takes it')
            until(lambda: total(op, 'carrel_unreadable_objects', kind='session') == 1, 30, 'it is counted')
            world.kube.delete('services', ns, 'ss-odd')
            churn = Churn(world, ns, 20)
            churn.done()
            until(lambda: world.events(ns, 'odd').get('Unreadable'), 30, 'an event tells of it')
            kind, note = world.events(ns, 'odd')['Unreadable']
            equal((kind, note), ('Warning', 'cannot be read and is left alone: spec.storage: must be text'))
            until(lambda: all(world.children(ns, f'x-{i}') for i in (0, 5, 10)), 60, 'others go on')
            op.quiet()
            equal([bool(world.kube.find(kind, ns, 'ss-odd')) for kind in CHILDREN], [True, False, True], 'its children')
            equal(op.log().count('object cannot be read'), 1, 'lines in the log')
            op.stop()
            op.start().wait_ready(30)  # a list with it is a list
            until(lambda: total(op, 'carrel_unreadable_objects', kind='session') == 1, 30, 'it is counted again')
            world.kube.patch('sessions', ns, 'odd', {'spec': {'storage': 'none'}})
            ends_well(world, ns, op)
            until(lambda: total(op, 'carrel_unreadable_objects', kind='session') == 0, 10, 'none is counted any more')
        finally:
            world.kube.kubectl('replace', '-f', SESSIONS)


@test('objects', 'a CRD that is removed and brought back is waited for, and its new Sessions are served')
def _(world):
    skew = Skew(world, 'crd', 5)
    with place(world, 'crd') as ns, operator(world, ns, env=skew.env) as op:
        Churn(world, ns, 10, 'old').done()
        ends_well(world, ns, op)
        world.kube.kubectl('delete', 'crd', CRD, '--timeout=60s')
        until(lambda: 'watch refused' in op.log() or 'list refused' in op.log(), 60, 'the log tells of it')
        equal((op.lives(), op.ask('/livez')[0]), (True, 200))
        world.kube.kubectl('create', '-f', SESSIONS)
        serves(world)
        until(lambda: not any(insist(world.kube.list, kind, ns) for kind in CHILDREN), 60, 'the old children are collected')
        ends_well(world, ns, op, Churn(world, ns, 10, 'new'))


@test('objects', 'rights that are not there yet make it not ready, and those that are taken are waited for')
def _(world):
    skew = Skew(world, 'rights', 5)
    with place(world, 'rights') as ns, Line(world.kube.url.hostname, world.kube.url.port) as it:
        world.kube.create('serviceaccounts', ns, {'metadata': {'name': 'carrel'}})
        answer = world.kube.call('POST', f'/api/v1/namespaces/{ns}/serviceaccounts/carrel/token',
                                 {'apiVersion': 'authentication.k8s.io/v1', 'kind': 'TokenRequest', 'spec': {}})
        path = os.path.join(world.folder, 'rights.token')
        with open(path, 'w') as file:
            file.write(answer['status']['token'])
        config = kubeconfig(world, 'rights', f'https://127.0.0.1:{it.port}', tokenFile=path)

        def give():
            world.kube.kubectl('create', 'clusterrolebinding', ns, '--clusterrole=cluster-admin',
                               f'--serviceaccount={ns}:carrel')

        def take():
            world.kube.kubectl('delete', 'clusterrolebinding', ns)
        with operator(world, ns, config, env=skew.env, ready=False) as op:
            until(lambda: '403' in op.log(), 30, 'a 403 in the log')
            code, text = op.ask('/readyz')
            expect(code == 500 and 'caches failed' in text, f'/readyz: {code} {text}')
            equal(op.ask('/livez')[0], 200, '/livez')
            give()
            op.wait_ready(60)
            ends_well(world, ns, op, Churn(world, ns, 10, 'a'))
            take()
            it.cut()
            seen = op.log().count('watch refused')
            until(lambda: op.log().count('watch refused') > seen, 60, 'a watch is refused')
            sent = it.accepted, op.writes()
            churn = Churn(world, ns, 10, 'b')
            churn.done()
            give()
            ends_well(world, ns, op)
            figure(f'objects: without rights {it.accepted - sent[0]} connections, and {op.writes() - sent[1]:.0f} writes in all')


POLICY = {
    'apiVersion': 'admissionregistration.k8s.io/v1', 'kind': 'MutatingAdmissionPolicy', 'metadata': {'name': 'carrel-rewrite'},
    'spec': {'matchConstraints': {'resourceRules': [
        {'apiGroups': ['apps'], 'apiVersions': ['v1'], 'operations': ['CREATE', 'UPDATE'], 'resources': ['deployments']}]},
        'failurePolicy': 'Fail', 'reinvocationPolicy': 'Never', 'mutations': [{
            'patchType': 'JSONPatch', 'jsonPatch': {'expression':
                '[JSONPatch{op: "add", path: "/spec/template/spec/priorityClassName", value: "system-cluster-critical"}, '
                'JSONPatch{op: "add", path: "/spec/template/spec/terminationGracePeriodSeconds", value: 77}]'}}]}}


def bound(kind, policy, ns):
    return {'apiVersion': 'admissionregistration.k8s.io/v1', 'kind': kind, 'metadata': {'name': policy},
            'spec': {'policyName': policy, 'matchResources': {'namespaceSelector': {
                'matchLabels': {'kubernetes.io/metadata.name': ns}}}}}


class Policy:
    """An admission policy and its binding to a namespace, until the end."""

    def __init__(self, world, policy, ns, **binding):
        self.world, self.name = world, policy['metadata']['name']
        self.kind = policy['kind']
        self.at = '/apis/admissionregistration.k8s.io/v1/' + self.kind.lower().replace('policy', 'policies')
        self.binding = bound(f'{self.kind}Binding', self.name, ns)
        self.binding['spec'].update(binding)
        self.policy = policy

    def __enter__(self):
        self.world.kube.call('POST', self.at, self.policy)
        self.world.kube.call('POST', self.at.replace('policies', 'policybindings'), self.binding)

    def __exit__(self, *_):
        self.end()

    def end(self):
        for at in (self.at.replace('policies', 'policybindings'), self.at):
            self.world.kube.raw('DELETE', f'{at}/{self.name}')


@test('objects', 'admission that rewrites our Deployments each time starts no fight')
def _(world):
    with place(world, 'rewrite') as ns, Policy(world, POLICY, ns), operator(world, ns) as op:
        def is_rewritten():
            name = f'probe-{world.namespaces}-{len(world.kube.list("sessions", ns))}'
            world.session(ns, name)
            spec = world.wait_children(ns, name)['deployments']['spec']['template']['spec']
            return spec['terminationGracePeriodSeconds'] == 77
        until(is_rewritten, 30, 'the policy is in force', every=0.5)
        probes = len(world.kube.list('sessions', ns))
        op.quiet()
        before = op.writes()
        ends_well(world, ns, op, Churn(world, ns, 20))
        rewritten = [d for d in world.kube.list('deployments', ns)
                     if d['spec']['template']['spec']['terminationGracePeriodSeconds'] == 77]
        expect(len(rewritten) >= 10, f'{len(rewritten)} were rewritten')
        expect(op.writes() - before < 20 * 12, f'{op.writes() - before} writes for 20 sessions')
        sent = op.writes()
        op.stop()
        op.start().wait_ready(30)
        op.quiet()
        equal(op.writes(), 0, 'writes of one that starts again')
        figure(f'objects: {sent:.0f} writes for {probes + 20} sessions whose Deployments are rewritten')


DENY = {'apiVersion': 'admissionregistration.k8s.io/v1', 'kind': 'ValidatingAdmissionPolicy', 'metadata': {'name': 'carrel-deny'},
        'spec': {'failurePolicy': 'Fail', 'matchConstraints': {'resourceRules': [
            {'apiGroups': [''], 'apiVersions': ['v1'], 'operations': ['CREATE', 'UPDATE'], 'resources': ['services']}]},
            'validations': [{'expression': 'false', 'message': 'no Services on Sundays'}]}}


@test('objects', 'admission that denies a child shows in the status with its words, and nothing hammers at it')
def _(world):
    skew = Skew(world, 'deny', 20)
    with place(world, 'deny') as ns, operator(world, ns, env=skew.env) as op:
        with Policy(world, DENY, ns, validationActions=['Deny']):
            until(lambda: world.kube.raw('POST', f'/api/v1/namespaces/{ns}/services', {
                'metadata': {'name': 'no'}, 'spec': {'ports': [{'port': 80}]}})[0] in (403, 422) or
                world.kube.delete('services', ns, 'no'), 30, 'the policy is in force', every=0.2)
            for i in range(5):
                world.session(ns, f's-{i}')
            for i in range(5):
                status = world.wait(ns, f's-{i}', lambda s: s.reason('RouteReady') == 'AdmissionRefused', 30)
                expect('no Services on Sundays' in status.message('RouteReady'), status.raw)
            op.quiet()
            expect(op.writes() < 60, f'{op.writes()} writes for five sessions')
        ends_well(world, ns, op)


@test('objects', 'a namespace that is deleted amid starts goes, and nothing hammers at it')
def _(world):
    with place(world, 'going') as ns, operator(world, ns) as op:
        for i in range(60):
            world.session(ns, f's-{i}')
        world.kube.delete('namespaces', None, ns)
        until(lambda: not world.kube.find('namespaces', None, ns), 90, 'it is gone', every=0.2)
        op.quiet()
        # three children and at most three statuses; of what is refused, three children once: then it rests, whichever
        # child is taken away next
        refused = total(op, 'rest_client_requests_total', code='4')
        expect(op.writes() < 60 * 8, f'{op.writes():.0f} writes for 60 sessions')
        expect(refused <= 60 * 4, f'{refused:.0f} requests refused, of 60 sessions')
        figure(f'objects: {op.writes():.0f} writes, {refused:.0f} of them refused, for 60 sessions of a namespace that went away')
        expect(op.lives(), op.tail())
