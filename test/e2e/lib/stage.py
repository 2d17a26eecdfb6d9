"""Where a part's tests run: a control plane of their own, or inside the network of a cluster of their own with a node."""
import contextlib
import os
import signal
import subprocess
import sys

from lib import cluster
from lib.world import World

FOREIGN = 'CARREL_TEST_KUBECONFIG'


def foreign():
    """The kubeconfig of a cluster that is not ours to start or stop, or None."""
    return os.environ.get(FOREIGN)


def ends_politely():
    """So that what was started is stopped, also when somebody asks us to end."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


def taken_down(name):
    if name and 'KEEP' not in os.environ:
        cluster.down(name)


def audit_of(kubeconfig):
    return os.path.join(os.path.dirname(kubeconfig), 'audit.log')


@contextlib.contextmanager
def control_plane(part, **env):
    """An audited one without nodes, as a World; it needs no root."""
    ends_politely()
    world = name = None
    try:
        name, kubeconfig = cluster.up(part, '--rootless', AUDIT='yes', **env)
        world = World(kubeconfig, cluster.kubectl(), audit_of(kubeconfig), name)
        yield world
    finally:
        if world:
            world.end()
        taken_down(name)


@contextlib.contextmanager
def given(kubeconfig):
    """Somebody else's cluster, as a World."""
    ends_politely()
    world = World(kubeconfig, 'kubectl')
    try:
        yield world
    finally:
        world.end()


def is_within():
    return 'E2E_INSIDE' in os.environ


def outside(program, part, words, prepare=None, **env):
    """A cluster with a node and an ingress, and this program again within its network; that one's exit status. prepare: called with
    the cluster's name first; what it returns is added to that one's environment."""
    ends_politely()
    name = None
    try:
        name, kubeconfig = cluster.up(part, 'node', 'ingress', **env)
        cluster.script('testimage', cluster=name)
        more = prepare(name) if prepare else {}
        inside = subprocess.Popen([os.path.join(cluster.SCRIPTS, 'in'), sys.executable, program, *words],
                                  env={**os.environ, **more, 'CLUSTER_NAME': name, 'E2E_INSIDE': kubeconfig})
        signal.signal(signal.SIGTERM, lambda *_: inside.terminate())
        return inside.wait()
    finally:
        taken_down(name)


@contextlib.contextmanager
def within(kind=World, audited=False, **more):
    """The cluster around us, as that kind of World."""
    ends_politely()
    kubeconfig = os.environ['E2E_INSIDE']
    audit = audit_of(kubeconfig) if audited else None
    world = kind(kubeconfig, cluster.kubectl(), audit, os.environ['CLUSTER_NAME'], **more)
    try:
        yield world
    finally:
        world.end()
