#!/usr/bin/env python3
"""The operator on a real control plane without nodes: what it writes, repairs, reports and survives.

    test/e2e/control.py [WORD]...     the tests whose name holds one of the words, such as election

Started by `run`, which gives it a cluster in E2E_KUBECONFIG; by itself it starts one and takes it away at the end.
"""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True

from lib import cluster, stage  # noqa: E402
from lib.tests import run_all, skip_all  # noqa: E402
from plane import start, fleet, repair, intent, sessions, election, faults, older, kills, leaders, soak  # noqa: E402,F401
from plane import refused  # noqa: E402,F401  its one test looks back on all the others


def main():
    words, kubeconfig = sys.argv[1:], stage.foreign()
    try:
        with stage.given(kubeconfig) if kubeconfig else stage.control_plane('control') as world:
            world.install(shipped=not kubeconfig)
            run_all(world, words)
    except cluster.NoCluster as why:
        skip_all(words, why)


main()
