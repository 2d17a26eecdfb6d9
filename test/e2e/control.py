#!/usr/bin/env python3
"""The operator on a real control plane without nodes: what it writes, repairs, reports and survives.

    test/e2e/control.py [WORD]...     the tests whose name holds one of the words, such as election

Started by `run`, which gives it a cluster in E2E_KUBECONFIG; by itself it starts one and takes it away at the end.
"""
import os
import signal
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True

from lib import cluster  # noqa: E402
from lib.tests import run_all, skip_all  # noqa: E402
from lib.world import World  # noqa: E402
from plane import start, fleet, repair, intent, sessions, election, faults, older, kills, leaders, soak  # noqa: E402,F401
from plane import refused  # noqa: E402,F401  its one test looks back on all the others


def main():
    words = sys.argv[1:]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    foreign = os.environ.get('CARREL_TEST_KUBECONFIG')
    world = name = None
    try:
        if foreign:
            world = World(foreign, 'kubectl')
        else:
            name, kubeconfig = cluster.up('control', '--rootless', AUDIT='yes')
            audit = os.path.join(os.path.dirname(kubeconfig), 'audit.log')
            world = World(kubeconfig, cluster.kubectl(), audit, name)
        world.install(shipped=not foreign)
        run_all(world, words)
    except cluster.NoCluster as why:
        skip_all(words, why)
    finally:
        if world:
            world.end()
        if name and 'KEEP' not in os.environ:
            cluster.down(name)


main()
