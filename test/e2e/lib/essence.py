"""What a namespace holds, without what no two runs share: uids, versions, times, its own name, who was scheduled where."""
import json
import re

KINDS = ('sessions', 'templates', 'deployments', 'services', 'ingresses', 'persistentvolumeclaims',
         'controllerrevisions')
UNSHARED = {'uid', 'resourceVersion', 'creationTimestamp', 'managedFields', 'lastTransitionTime', 'namespace'}
MASKS = ((re.compile(r'[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}'), 'UID'),
         (re.compile(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z'), 'TIME'),
         (re.compile(r'-[0-9a-f]{6,10}-[a-z0-9]{5}\b'), '-POD'))  # a pod's name after its Deployment's


def masked(value, ns):
    if isinstance(value, dict):
        return {k: masked(v, ns) for k, v in value.items() if k not in UNSHARED}
    if isinstance(value, list):
        return [masked(v, ns) for v in value]
    if isinstance(value, str):
        value = value.replace(ns, 'NAMESPACE')
        for pattern, mask in MASKS:
            value = pattern.sub(mask, value)
    return value


def of_object(kind, thing, ns):
    """Besides: how often a Deployment was written depends on how many of a user's changes one write took up, and
    how long a start took on the machine."""
    thing = masked(thing, ns)
    thing['metadata'].get('annotations', {}).pop('carrel.dev/intent', None)
    if kind == 'persistentvolumeclaims':  # the volume controllers note there how they came to bind it
        thing['metadata'].pop('annotations', None)
    if kind == 'deployments':
        thing['metadata'].pop('generation')
        thing['status'] = {k: v for k, v in thing.get('status', {}).items() if k.endswith('eplicas') and v}
    if kind == 'sessions' and 'start' in thing.get('status', {}):
        thing['status']['start'] = sorted(thing['status']['start'])
    return thing


def of_pods(pods):
    """session -> how many of its pods are ready, how many not, and how many are on their way out."""
    found = {}
    for pod in pods:
        conditions = {c['type']: c['status'] for c in pod['status'].get('conditions', [])}
        word = 'leaving' if 'deletionTimestamp' in pod['metadata'] else \
            'ready' if conditions.get('Ready') == 'True' else 'unready'
        counts = found.setdefault(pod['metadata']['labels'].get('carrel.dev/session', ''), {})
        counts[word] = counts.get(word, 0) + 1
    return found


def of_namespace(kube, ns):
    """'kind/name' -> what can be compared."""
    found = {f'{kind}/{thing["metadata"]["name"]}': of_object(kind, thing, ns)
             for kind in KINDS for thing in kube.list(kind, ns)}
    found.update((f'pods of {name}', counts) for name, counts in of_pods(kube.list('pods', ns)).items())
    return found


def differences(one, other, limit=5):
    """In words; empty where they are equal."""
    found = []
    for key in sorted(set(one) | set(other)):
        a, b = (json.dumps(side.get(key), sort_keys=True) for side in (one, other))
        if a != b:
            at = next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))
            found.append(f'{key}: ...{a[max(0, at - 60):at + 80]}\n    against ...{b[max(0, at - 60):at + 80]}')
    more = [f'and {len(found) - limit} more'] if len(found) > limit else []
    return '\n'.join(found[:limit] + more)
