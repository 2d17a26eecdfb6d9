#!/usr/bin/env python3
"""Sessions that really run: a node with containers, Contour and Envoy in front. Needs root.

    test/e2e/node.py [WORD]...     the tests whose name holds one of the words

Starts a cluster of its own, goes on inside its network, and takes it away at the end.
"""
import os
import signal
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True

from lib import cluster  # noqa: E402
from lib.tests import run_all, skip_all  # noqa: E402
from lib.world import World  # noqa: E402
from pods import serving, trouble  # noqa: E402,F401


def outside(words):
    """Starts the cluster and this program again within; its exit status."""
    name = None
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        name, kubeconfig = cluster.up('node', 'node', 'ingress')
        cluster.script('testimage', cluster=name)
        env = {**os.environ, 'CLUSTER_NAME': name, 'E2E_INSIDE': kubeconfig}
        inside = subprocess.Popen([os.path.join(cluster.SCRIPTS, 'in'), sys.executable, __file__, *words],
                                  env=env)
        signal.signal(signal.SIGTERM, lambda *_: inside.terminate())
        return inside.wait()
    finally:
        if name and 'KEEP' not in os.environ:
            cluster.down(name)


def within(kubeconfig, words):
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    world = World(kubeconfig, cluster.kubectl(), cluster=os.environ['CLUSTER_NAME'])
    try:
        world.install(shipped=True)
        run_all(world, words)
    finally:
        world.end()


def main():
    words = sys.argv[1:]
    if 'E2E_INSIDE' in os.environ:
        return within(os.environ['E2E_INSIDE'], words)
    if os.environ.get('CARREL_TEST_KUBECONFIG'):
        return skip_all(words, 'CARREL_TEST_KUBECONFIG: images cannot be loaded into a foreign cluster')
    if os.getuid() != 0:
        return skip_all(words, 'a node needs root')
    try:
        return outside(words)
    except cluster.NoCluster as why:
        return skip_all(words, why)


sys.exit(main())
