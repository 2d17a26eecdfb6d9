#!/usr/bin/env python3
"""The operator as it is shipped: its image, built here, and its pods, installed from the chart. Needs root.

    test/e2e/image.py [WORD]...     the tests whose name holds one of the words

Builds this tree's image and the previous version's, starts a cluster of its own, goes on inside its network, and takes it
away at the end. What cannot be built is a failure.
"""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True

from lib import builds, cluster, stage  # noqa: E402
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


def load(name):
    """Both images, on the cluster's node."""
    loaded = [cluster.script('load', archive, cluster=name) for archive in (builds.ARCHIVE, builds.PREVIOUS)]
    return {'E2E_IMAGES': ' '.join(loaded)}


def outside(words):
    try:
        builds.build()
        builds.build_previous()
    except builds.NotBuilt as why:
        print(f'not ok - image: it can be built\n    {why}\n0 passed, 1 failed')
        return 1
    cluster.script('build', 'helm', check=False)
    return stage.outside(__file__, 'image', words, load, AUDIT='yes')


def main():
    words = sys.argv[1:]
    if stage.is_within():
        with stage.within(Shipped, audited=True, images=os.environ['E2E_IMAGES'].split()) as world:
            run_all(world, words)
    if stage.foreign():
        skip_all(words, f'{stage.FOREIGN}: images cannot be loaded into a foreign cluster')
    if os.getuid() != 0:
        skip_all(words, 'an image and a node need root')
    try:
        return outside(words)
    except cluster.NoCluster as why:
        return skip_all(words, why)


sys.exit(main())
