#!/usr/bin/env python3
"""The API of the operator on a real control plane: every route, what it refuses, and that kubectl and it agree.

    test/e2e/api.py [WORD]...     the tests whose name holds one of the words, such as templates
"""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True

from lib import cluster, stage  # noqa: E402
from lib.tests import run_all, skip_all  # noqa: E402
from rest import examples, schema, server, sessions, templates, tokens  # noqa: E402,F401
from rest import away  # noqa: E402,F401


def main():
    words, kubeconfig = sys.argv[1:], stage.foreign()
    try:
        with stage.given(kubeconfig) if kubeconfig else stage.control_plane('api') as world:
            world.install()
            run_all(world, words)
    except cluster.NoCluster as why:
        skip_all(words, why)


main()
