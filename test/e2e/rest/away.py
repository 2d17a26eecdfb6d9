"""The API server goes away: last of all, for it takes a while until all of it is back."""
from lib import cluster, things
from lib.tests import equal, expect, test, until
from rest.serving import place


@test('rest', 'while the API server is away reads go on, and a write says that nothing was done or that nobody knows')
def _(world):
    name = world.own_cluster()
    with place(world, 'away') as (it, ns):
        world.session(ns, 'x', persistentHome=False)
        world.wait_children(ns, 'x')
        until(lambda: it.get('/api/v1/sessions/x').code == 200, 5, 'it is in the cache')
        cluster.script('component', 'kube-apiserver', 'kill', cluster=name)
        try:
            equal(it.get('/api/v1/sessions/x').code, 200)
            answer = it.post('/api/v1/sessions', {'name': 'y', 'user': 'a', 'template': 'plain'})
            expect(answer.code in (503, 504) and answer.json['code'] in ('cluster-unavailable', 'outcome-unknown'), repr(answer))
        finally:
            cluster.script('component', 'kube-apiserver', 'start', cluster=name)
        until(lambda: it.post('/api/v1/sessions', {'name': 'z', 'user': 'a', 'template': 'plain'}).code == 201, 60, 'it is back')
        world.kube.create('templates', ns, things.template('late'))  # the kinds come back one by one
        until(lambda: world.judged_template(ns, 'late'), 90, 'and so is the operator')
