"""A cluster whose nodes are played: pods are scheduled, become ready and go, and no container runs."""
import os

from lib import cluster
from lib.world import World


def start_played():
    """A world of its own; its cluster goes with it."""
    name, kubeconfig = cluster.up('played', '--rootless', 'scale', AUDIT='yes')
    try:
        world = World(kubeconfig, cluster.kubectl(), os.path.join(os.path.dirname(kubeconfig), 'audit.log'), name)
        world.at_end.append(lambda: 'KEEP' in os.environ or cluster.down(name))
        world.kept['played'] = world
        world.install()
    except BaseException:
        cluster.down(name)
        raise
    return world


def played(world):
    """Started by the first test that needs it, beside the usual one."""
    if 'played' not in world.kept:
        world.own_cluster()
        world.stop_operator()
        world.kept['played'] = start_played()
        world.at_end.append(world.kept['played'].end)
    return world.kept['played']
