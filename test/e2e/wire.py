#!/usr/bin/env python3
"""The operator on a wire, a server, keys and a clock that break, one after the other.

    test/e2e/wire.py [WORD]...     the tests whose name holds one of the words, such as etcd

Started by `run`; it starts a cluster of its own and takes it away at the end. These tests restart parts of the cluster with
other flags, and so never run on one that they are given.
"""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True

from lib import cluster, stage  # noqa: E402
from lib.tests import run_all, skip_all  # noqa: E402
from broken import line, keys, clocks, objects, server, storage  # noqa: E402,F401


def main():
    words = sys.argv[1:]
    if stage.foreign():
        skip_all(words, 'they restart the cluster: never on one that is given')
    try:
        with stage.control_plane('wire') as world:
            world.install()
            run_all(world, words)
    except cluster.NoCluster as why:
        skip_all(words, why)


main()
