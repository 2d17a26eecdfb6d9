"""What Carrel writes for a Session, as text: for the loader, which writes the same without an operator."""
import json

NS = 'bench'
DOMAIN = 'sessions.example.com'
TEMPLATE = 't-0'


def template():
    return {'apiVersion': 'carrel.dev/v1alpha1', 'kind': 'Template', 'metadata': {'name': TEMPLATE},
            'spec': {'displayName': 'Bench', 'baseImage': 'localhost/carrel-echo:1',
                     'ports': [{'name': 'http', 'containerPort': 3000}], 'webapp': {'port': 3000},
                     'defaultResources': {'requests': {'cpu': '10m', 'memory': '16Mi'},
                                          'limits': {'cpu': '500m', 'memory': '64Mi'}}}}


def session(name):
    return {'apiVersion': 'carrel.dev/v1alpha1', 'kind': 'Session', 'metadata': {'name': name},
            'spec': {'user': user_of(name), 'template': TEMPLATE, 'persistentHome': False}}


def user_of(name):
    return f'u-{sum(name.encode()) % 97}'


def labels(name):
    user = user_of(name)
    return {'app.kubernetes.io/name': 'carrel-session', 'app.kubernetes.io/instance': name,
            'app.kubernetes.io/part-of': 'carrel', 'app.kubernetes.io/managed-by': 'carrel',
            'carrel.dev/session': name, 'carrel.dev/user': user, 'carrel.dev/template': TEMPLATE,
            'session': name, 'user': user, 'template': TEMPLATE}


def metadata(name, uid, annotations):
    return {'name': f'ss-{name}', 'namespace': NS, 'labels': labels(name),
            'annotations': {'carrel.dev/intent': '0123456789abcdef.1', **annotations},
            'ownerReferences': [{'apiVersion': 'carrel.dev/v1alpha1', 'kind': 'Session', 'name': name,
                                 'uid': uid, 'controller': True, 'blockOwnerDeletion': True}]}


def pod(name, uid):
    env = {'CARREL_SESSION': name, 'CARREL_USER': user_of(name), 'CARREL_BASE_PATH': '/', 'PORT': '3000'}
    container = {
        'name': 'session', 'image': 'localhost/carrel-echo:1', 'imagePullPolicy': 'IfNotPresent',
        'terminationMessagePolicy': 'FallbackToLogsOnError',
        'ports': [{'name': 'http', 'containerPort': 3000, 'protocol': 'TCP'}],
        'env': [{'name': key, 'value': value} for key, value in env.items()],
        'resources': template()['spec']['defaultResources'],
        'securityContext': {'allowPrivilegeEscalation': False, 'privileged': False,
                            'readOnlyRootFilesystem': False, 'capabilities': {'drop': ['ALL']}},
        'readinessProbe': {'tcpSocket': {'port': 3000}, 'periodSeconds': 2, 'timeoutSeconds': 2,
                           'failureThreshold': 3}}
    return {'metadata': {'labels': labels(name), 'annotations': {
                'cluster-autoscaler.kubernetes.io/safe-to-evict': 'false',
                'karpenter.sh/do-not-disrupt': 'true', 'carrel.dev/session-uid': uid}},
            'spec': {'containers': [container], 'automountServiceAccountToken': False,
                     'enableServiceLinks': False, 'terminationGracePeriodSeconds': 10,
                     'securityContext': {'runAsNonRoot': True, 'seccompProfile': {'type': 'RuntimeDefault'}}}}


def deployment(name, uid):
    start = json.dumps({'revision': f'{TEMPLATE}-8fb45b8705', 'renderer': 1, 'at': '2026-01-01T00:00:00.000000Z',
                        'spec': {'persistentHome': False}}, separators=(',', ':'))
    return {'apiVersion': 'apps/v1', 'kind': 'Deployment', 'metadata': metadata(name, uid, {'carrel.dev/start': start}),
            'spec': {'replicas': 1, 'revisionHistoryLimit': 1, 'strategy': {'type': 'Recreate'},
                     'selector': {'matchLabels': {'carrel.dev/session': name}}, 'template': pod(name, uid)}}


def service(name, uid, kind):
    address = {'clusterIP': 'None'} if kind == 'headless' else {}
    return {'apiVersion': 'v1', 'kind': 'Service', 'metadata': metadata(name, uid, {}),
            'spec': {'type': 'ClusterIP', **address, 'selector': {'carrel.dev/session': name},
                     'ports': [{'name': 'http', 'protocol': 'TCP', 'port': 3000, 'targetPort': 3000}]}}


def ingress(name, uid):
    backend = {'service': {'name': f'ss-{name}', 'port': {'number': 3000}}}
    return {'apiVersion': 'networking.k8s.io/v1', 'kind': 'Ingress', 'metadata': metadata(name, uid, {}),
            'spec': {'rules': [{'host': f'{name}.{DOMAIN}', 'http': {'paths': [
                {'path': '/', 'pathType': 'Prefix', 'backend': backend}]}}]}}


def status(name):
    now = '2026-01-01T00:00:00Z'
    said = {'TemplateResolved': ('True', 'Resolved'), 'StorageReady': ('True', 'NotNeeded'),
            'WorkloadReady': ('False', 'Starting'), 'RouteReady': ('True', 'Routed'), 'Saved': ('True', 'NotNeeded'),
            'Stalled': ('False', 'NotStalled'), 'Ready': ('False', 'Starting')}
    return {'status': {
        'phase': 'Pending', 'url': f'https://{name}.{DOMAIN}/', 'startedAt': now, 'observedGeneration': 1,
        'templateRevision': f'{TEMPLATE}-8fb45b8705', 'templateBehind': False,
        'idle': {'blockedBy': 'NoActivitySource'},
        'conditions': [{'type': kind, 'status': truth, 'reason': reason, 'message': '', 'observedGeneration': 1,
                        'lastTransitionTime': now} for kind, (truth, reason) in said.items()]}}


def line(mark, method, path, kind, body):
    return '\t'.join((mark, method, path, kind, json.dumps(body, separators=(',', ':')))) + '\n'


def sessions_file(path, names):
    """One group each: the Sessions themselves."""
    with open(path, 'w') as out:
        for name in names:
            out.write(line('+', 'POST', f'/apis/carrel.dev/v1alpha1/namespaces/{NS}/sessions',
                           'application/json', session(name)))


def children_file(path, uids, kind):
    """The four writes of each session: three at once, then the status. Four watches are drained beside."""
    with open(path, 'w') as out:
        for group, plural in (('api/v1', 'services'), ('apis/apps/v1', 'deployments'),
                              ('apis/networking.k8s.io/v1', 'ingresses'), ('apis/carrel.dev/v1alpha1', 'sessions')):
            out.write(f'~\tGET\t/{group}/namespaces/{NS}/{plural}?watch=1\t\t\n')
        for name, uid in uids.items():
            out.write(line('+', 'POST', f'/apis/apps/v1/namespaces/{NS}/deployments', 'application/json',
                           deployment(name, uid)))
            out.write(line('=', 'POST', f'/api/v1/namespaces/{NS}/services', 'application/json',
                           service(name, uid, kind)))
            out.write(line('=', 'POST', f'/apis/networking.k8s.io/v1/namespaces/{NS}/ingresses', 'application/json',
                           ingress(name, uid)))
            out.write(line('-', 'PATCH', f'/apis/carrel.dev/v1alpha1/namespaces/{NS}/sessions/{name}/status',
                           'application/merge-patch+json', status(name)))
