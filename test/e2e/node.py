#!/usr/bin/env python3
"""Sessions that really run: a node with containers, Contour and Envoy in front. Needs root.

    test/e2e/node.py [WORD]...     the tests whose name holds one of the words

Starts a cluster of its own, goes on inside its network, and takes it away at the end.
"""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True

from lib import cluster, stage  # noqa: E402
from lib.tests import run_all, skip_all  # noqa: E402
from pods import serving, trouble  # noqa: E402,F401


def main():
    words = sys.argv[1:]
    if stage.is_within():
        with stage.within() as world:
            world.install(shipped=True)
            run_all(world, words)
    if stage.foreign():
        skip_all(words, f'{stage.FOREIGN}: images cannot be loaded into a foreign cluster')
    if os.getuid() != 0:
        skip_all(words, 'a node needs root')
    try:
        return stage.outside(__file__, 'node', words)
    except cluster.NoCluster as why:
        return skip_all(words, why)


sys.exit(main())
