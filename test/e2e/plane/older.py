"""An API server that does not know the watch-list, as those before Kubernetes 1.32 did not."""
import contextlib

from lib import cluster
from lib.tests import equal, expect, test
from lib.world import World


@contextlib.contextmanager
def older_server():
    """A control plane of its own, with the feature off."""
    name, kubeconfig = cluster.up('older', '--rootless', APISERVER_ARGS='--feature-gates=WatchList=false')
    older = None
    try:
        older = World(kubeconfig, cluster.kubectl())
        older.install()
        yield older
    finally:
        if older:
            older.end()
        cluster.down(name)


@test('older', 'a server that refuses streamed lists is read by pages, and watched as any other')
def _(world):
    world.own_cluster()
    with older_server() as older:
        refused, text = older.kube.raw('GET', '/apis/carrel.dev/v1alpha1/sessions?watch=1&sendInitialEvents=true'
                                       '&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true')
        expect(refused in (400, 422), f'the server streams: {refused} {text[:200]}')
        with older.namespace('older') as ns:
            older.session(ns, 'early')
            older.operator()
            older.template(ns)
            older.wait_children(ns, 'early')
            older.session(ns, 'late')
            older.wait_children(ns, 'late')
            older.kube.patch('sessions', ns, 'late', {'spec': {'state': 'hibernated'}})
            older.wait(ns, 'late', lambda s: s.phase == 'Hibernated')
            equal(older.kube.get('deployments', ns, 'ss-late')['spec']['replicas'], 0)
