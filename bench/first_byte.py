"""From the object to the first byte through Envoy on a real node, beside the same three objects without an operator.

    session   a Session is POSTed; Carrel makes the three
    kubectl   `kubectl apply -f` of the three, its own start included
    api       the three POSTed by us, one after the other, on a connection that is open

In turn, each on an otherwise idle node; the objects of `kubectl` and `api` are those that Carrel has made, word for word.
Needs root. Goes on within the cluster's network by starting this file there.
"""
import json
import os
import subprocess
import sys
import time

if __name__ == '__main__':
    HERE = os.path.dirname(os.path.abspath(__file__))
    sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), 'test', 'e2e')]
    sys.dont_write_bytecode = True

import procs  # noqa: E402
from lib import cluster  # noqa: E402
from lib.tests import until  # noqa: E402
from lib.world import World  # noqa: E402
from pods.serving import FLAGS, answers  # noqa: E402

KINDS = {'deployments': ('apps/v1', 'Deployment'), 'services': ('v1', 'Service'),
         'ingresses': ('networking.k8s.io/v1', 'Ingress')}
OF_THE_SERVER = ('uid', 'resourceVersion', 'creationTimestamp', 'generation', 'managedFields', 'ownerReferences')


def model(world, ns, name):
    """What Carrel has made of a Session, as somebody else would apply it."""
    made = []
    for kind, (version, word) in KINDS.items():
        child = world.kube.get(kind, ns, f'ss-{name}')
        child.pop('status', None)
        for field in OF_THE_SERVER:
            child['metadata'].pop(field, None)
        if kind == 'services':
            child['spec'].pop('clusterIPs', None)
        made.append({**child, 'apiVersion': version, 'kind': word})
    return json.dumps(made)


def by_session(world, ns, name, _):
    return lambda: world.session(ns, name)


def by_kubectl(world, ns, name, things):
    path = os.path.join(world.folder, 'three.json')
    with open(path, 'w') as file:
        json.dump({'apiVersion': 'v1', 'kind': 'List', 'items': things}, file)
    return lambda: world.kube.kubectl('apply', '-f', path)


def by_api(world, ns, name, things):
    def create():
        for kind, thing in zip(KINDS, things):
            world.kube.create(kind, ns, thing)
    return create


WAYS = {'session': by_session, 'kubectl': by_kubectl, 'api': by_api}


def gone(world, ns, name):
    world.kube.delete('sessions', ns, name)
    for kind in KINDS:
        world.kube.delete(kind, ns, f'ss-{name}')
    until(lambda: not world.kube.list('pods', ns), 60, 'no pod')


def timed(world, ns, way, name, text):
    things = json.loads(text.replace('model', name))
    create = WAYS[way](world, ns, name, things)
    time.sleep(0.5)  # the last one's end is over
    began = time.monotonic()
    create()
    answers(world, ns, name, 30)
    took = 1000 * (time.monotonic() - began)
    gone(world, ns, name)
    return took


def within(kubeconfig, pairs):
    world = World(kubeconfig, cluster.kubectl(), cluster=os.environ['CLUSTER_NAME'])
    took = {way: [] for way in WAYS}
    try:
        world.install()
        world.operator(*FLAGS)
        with world.namespace('byte') as ns:
            world.template(ns)
            world.session(ns, 'model')
            answers(world, ns, 'model', 60)
            text = model(world, ns, 'model')
            gone(world, ns, 'model')
            for way in WAYS:  # once without counting: caches, kubectl's discovery
                timed(world, ns, way, f'warm-{way}', text)
            noise = procs.Noise()
            for i in range(pairs):
                for way in list(WAYS)[i % 3:] + list(WAYS)[:i % 3]:
                    took[way].append(round(timed(world, ns, way, f'{way}-{i}', text), 1))
            took['stolen_pct'] = noise.percent()[1]
    finally:
        world.end()
    print('took ' + json.dumps(took), flush=True)


def median(numbers):
    ordered = sorted(numbers)
    return (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2


def others():
    """Before and after: a node's own processes come and go too fast to be told from strangers."""
    noise = procs.Noise()
    time.sleep(3)
    return noise.percent()[0]


def measure(pairs):
    if os.getuid() != 0:
        raise RuntimeError('a node needs root')
    cluster.NAME = 'carrel-bench'
    beside = [others()]
    name, kubeconfig = cluster.up('node', 'node', 'ingress')
    try:
        cluster.script('testimage', cluster=name)
        env = {**os.environ, 'CLUSTER_NAME': name}
        done = subprocess.run([os.path.join(cluster.SCRIPTS, 'in'), sys.executable, os.path.abspath(__file__),
                               kubeconfig, str(pairs)], env=env, text=True, stdout=subprocess.PIPE)
    finally:
        cluster.down(name)
    beside.append(others())
    said = [line for line in done.stdout.splitlines() if line.startswith('took ')]
    if done.returncode != 0 or not said:
        raise RuntimeError(f'it ended with {done.returncode}: {done.stdout[-2000:]}')
    took = json.loads(said[0][5:])
    out = {'part': 'first-byte', 'pairs': pairs, 'others_pct': max(beside), 'took_ms': took}
    for way in WAYS:
        out[f'{way}_ms'] = round(median(took[way]), 1)
    for way in ('kubectl', 'api'):
        out[f'of_{way}'] = round(median([a / b for a, b in zip(took['session'], took[way])]), 3)
    return out


if __name__ == '__main__':
    within(sys.argv[1], int(sys.argv[2]))
