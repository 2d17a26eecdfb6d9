#!/usr/bin/env python3
"""The operator as it is shipped: its image, built here, and its pods, installed from the chart. Needs root.

    test/e2e/image.py [WORD]...     the tests whose name holds one of the words

Builds this tree's image and the previous version's, starts a cluster of its own, goes on inside its network, and takes it
away at the end. What cannot be built is a failure.
"""
import os
import signal
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True

from lib import builds, cluster  # noqa: E402
from lib.tests import run_all, skip_all  # noqa: E402
from lib.world import World  # noqa: E402
from shipped import archive, running, upgrade  # noqa: E402,F401
from shipped.rollout import Release  # noqa: E402


class Shipped(World):
    """Nothing is installed beforehand: that is the chart's task."""

    def __init__(self, *args, images, **more):
        super().__init__(*args, **more)
        self.release = Release(self)
        self.present, self.previous = images

    def say_what_happened(self):
        super().say_what_happened()
        print('\n'.join('    ' + line for line in self.release.state().splitlines()[-60:]), flush=True)


def outside(words):
    """Builds the images, starts the cluster and this program again within; its exit status."""
    name = None
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        builds.build()
        builds.build_previous()
        cluster.script('build', 'helm', check=False)
        name, kubeconfig = cluster.up('image', 'node', 'ingress', AUDIT='yes')
        cluster.script('testimage', cluster=name)
        images = [cluster.script('load', archive, cluster=name) for archive in (builds.ARCHIVE, builds.PREVIOUS)]
        env = {**os.environ, 'CLUSTER_NAME': name, 'E2E_INSIDE': kubeconfig, 'E2E_IMAGES': ' '.join(images)}
        inside = subprocess.Popen([os.path.join(cluster.SCRIPTS, 'in'), sys.executable, __file__, *words],
                                  env=env)
        signal.signal(signal.SIGTERM, lambda *_: inside.terminate())
        return inside.wait()
    except builds.NotBuilt as why:
        print(f'not ok - image: it can be built\n    {why}\n0 passed, 1 failed')
        return 1
    finally:
        if name and 'KEEP' not in os.environ:
            cluster.down(name)


def within(kubeconfig, words):
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    world = Shipped(kubeconfig, cluster.kubectl(), audit=os.path.join(os.path.dirname(kubeconfig), 'audit.log'),
                    cluster=os.environ['CLUSTER_NAME'], images=os.environ['E2E_IMAGES'].split())
    try:
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
        return skip_all(words, 'an image and a node need root')
    try:
        return outside(words)
    except cluster.NoCluster as why:
        return skip_all(words, why)


sys.exit(main())
