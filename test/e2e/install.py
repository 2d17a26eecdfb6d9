#!/usr/bin/env python3
"""What is shipped: the chart and install.yaml on a real control plane, with no right but those that they give.

    test/e2e/install.py [WORD]...     the tests whose name holds one of the words, such as rights

There is no node here: the operator runs as a process, with the arguments of the chart's Deployment and a token of the
chart's ServiceAccount. Starts a cluster of its own and takes it away at the end.
"""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True

from lib import cluster, stage  # noqa: E402
from lib.tests import run_all, skip_all  # noqa: E402
from shipped import chart, rights, tenancy, backup, documents, release  # noqa: E402,F401
from shipped.helm import Helm  # noqa: E402

# what OpenShift does: who names an owner that blocks must be allowed to change that owner's finalizers
STRICT = '--enable-admission-plugins=OwnerReferencesPermissionEnforcement'


def main():
    words = sys.argv[1:]
    if stage.foreign():
        skip_all(words, f'{stage.FOREIGN}: what a whole cluster shares is not changed in a foreign one')
    try:
        with stage.control_plane('install', APISERVER_ARGS=STRICT) as world:
            cluster.script('build', 'helm')
            world.helm = Helm(world)
            run_all(world, words)
    except cluster.NoCluster as why:
        skip_all(words, why)


main()
