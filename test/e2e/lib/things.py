"""The objects that tests make, and short words for reading those that come back."""
import re


def template(name, **spec):
    return {'apiVersion': 'carrel.dev/v1alpha1', 'kind': 'Template', 'metadata': {'name': name},
            'spec': {'displayName': name.capitalize(), 'baseImage': 'localhost/carrel-echo:1',
                     'ports': [{'name': 'http', 'containerPort': 3000}],
                     'webapp': {'port': 3000},
                     'defaultResources': {'requests': {'cpu': '10m', 'memory': '16Mi'},
                                          'limits': {'cpu': '500m', 'memory': '64Mi'}},
                     **spec}}


def session(name, template='plain', annotations=None, **spec):
    return {'apiVersion': 'carrel.dev/v1alpha1', 'kind': 'Session',
            'metadata': {'name': name, 'annotations': annotations or {}},
            'spec': {'user': 'alice', 'template': template, 'persistentHome': False, **spec}}


def labels(session_name, user, template_name):
    """All that a child carries."""
    return {'app.kubernetes.io/name': 'carrel-session', 'app.kubernetes.io/instance': session_name,
            'app.kubernetes.io/part-of': 'carrel', 'app.kubernetes.io/managed-by': 'carrel',
            'carrel.dev/session': session_name, 'carrel.dev/user': user,
            'carrel.dev/template': template_name, 'session': session_name, 'user': user,
            'template': template_name}


class Status:
    """A Session's status, read with short words."""

    def __init__(self, session):
        self.session, self.raw = session, session.get('status', {})
        self.generation = session['metadata']['generation']
        self.observed = self.raw.get('observedGeneration')
        self.phase = self.raw.get('phase')
        self.conditions = {c['type']: c for c in self.raw.get('conditions', [])}

    def __getitem__(self, field):
        return self.raw[field]

    def is_true(self, condition):
        return self.conditions[condition]['status'] == 'True'

    def reason(self, condition):
        return self.conditions[condition]['reason']

    def message(self, condition):
        return self.conditions[condition]['message']


def container(deployment):
    return deployment['spec']['template']['spec']['containers'][0]


def env_of(deployment):
    return {e['name']: e.get('value') for e in container(deployment).get('env', [])}


COUNTER = re.compile(r'^apiserver_request_total\{(.*)\} (\S+)$')


def request_counters(text):
    found = {}
    for line in text.splitlines():
        match = COUNTER.match(line)
        if not match:
            continue
        label = dict(re.findall(r'(\w+)="([^"]*)"', match[1]))
        key = label['verb'], label['resource'], label['subresource']
        found[key] = found.get(key, 0) + float(match[2])
    return found


def percentile(numbers, share):
    ordered = sorted(numbers)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0
