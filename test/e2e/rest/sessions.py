"""Sessions over REST, while kubectl looks at the same objects and changes them."""
from lib import things
from lib.tests import equal, expect, test, until
from rest.serving import place, problem


@test('rest', 'a session that is made over REST is the Session that kubectl sees, and both show what becomes of it')
def _(world):
    with place(world, 'create') as (api, ns):
        made = api.post('/api/v1/sessions', {'user': 'alice', 'template': 'plain', 'tags': ['a', 'b'], 'idleTimeout': '1h',
                                             'resources': {'memory': '64Mi', 'cpu': '50m'}, 'persistentHome': False})
        equal(made.code, 201, repr(made))
        name = made.json['name']
        expect(name.startswith('alice-plain-') and len(name) == len('alice-plain-') + 8, name)
        equal(made.headers['Location'], f'/api/v1/sessions/{name}')
        stored = world.kube.get('sessions', ns, name)
        equal(stored['spec']['resources'], {'limits': {'memory': '64Mi', 'cpu': '50m'}, 'requests': {'memory': '64Mi', 'cpu': '50m'}})
        equal((made.json['id'], made.json['user'], made.json['template'], made.json['state'], made.json['tags'],
               made.json['resources']['memory'], made.json['createdAt']),
              (name, 'alice', 'plain', 'running', ['a', 'b'], '64Mi', stored['metadata']['creationTimestamp']))
        world.wait_children(ns, name)

        def shows_it():
            shown = api.get(f'/api/v1/sessions/{name}').json
            status = world.status(ns, name)
            return shown['url'] == status['url'] == shown['status']['url'] and shown['phase'] == status['phase'] == 'Pending'
        until(shows_it, 10, 'REST shows what kubectl does')
        equal(api.get('/api/v1/sessions').json['total'], 1)


@test('rest', 'what kubectl makes, changes and deletes is there at once, and comes and goes from lists')
def _(world):
    with place(world, 'both') as (api, ns):
        for i in range(5):
            world.session(ns, f's-{i}', user=f'user-{i % 2}', persistentHome=False)
        until(lambda: api.get('/api/v1/sessions').json['total'] == 5, 5, 'all are listed')
        equal([s['name'] for s in api.get('/api/v1/sessions?user=user-1').json['sessions']], ['s-1', 's-3'])
        world.kube.patch('sessions', ns, 's-1', {'spec': {'state': 'hibernated'}})
        until(lambda: [s['name'] for s in api.get('/api/v1/sessions?state=hibernated').json['sessions']] == ['s-1'], 5, 'the change')
        world.kube.delete('sessions', ns, 's-2')
        until(lambda: api.get('/api/v1/sessions/s-2').code == 404, 5, 'it has gone')
        equal(api.get('/api/v1/sessions').json['total'], 4)


@test('rest', 'a session is put to sleep, woken, restarted, changed and deleted, each by one request that says what was stored')
def _(world):
    with place(world, 'change') as (api, ns):
        path = '/api/v1/sessions/mine'
        equal(api.post('/api/v1/sessions', {'name': 'mine', 'user': 'alice', 'template': 'plain', 'persistentHome': False}).code, 201)
        equal(api.get(path).code, 200, 'who has made it finds it')
        for body, state in (({'state': 'hibernated'}, 'hibernated'), ({'state': 'running'}, 'running')):
            answer = api.patch(path, body)
            equal((answer.code, answer.json['state'], world.kube.get('sessions', ns, 'mine')['spec']['state']), (200, state, state))
            equal(api.get(path).json['state'], state, 'what was written is read')
        equal(api.post(f'{path}/hibernate').json['state'], 'hibernated')
        equal(api.post(f'{path}/start').json['state'], 'running')
        marks = set()
        for _ in range(2):
            equal(api.post(f'{path}/restart').code, 200)
            marks.add(world.kube.get('sessions', ns, 'mine')['metadata']['annotations']['carrel.dev/restart-at'])
        equal(len(marks), 2, 'each restart is another one')
        equal(api.patch(path, {'tags': ['x'], 'idleTimeout': '2h'}).json['tags'], ['x'])
        equal(api.patch(path, {'idleTimeout': None}).json['idleTimeout'], '30m', 'back to its default')
        equal(api.delete(path).code, 200)
        until(lambda: not world.kube.find('sessions', ns, 'mine'), 20, 'it has gone')
        until(lambda: api.get(path).code == 404, 5, 'and from the cache')
        problem(api.delete(path), 404, 'not-found')


@test('rest', 'a change that was made for an older version is refused, and changes nothing')
def _(world):
    with place(world, 'versions') as (api, ns):
        world.session(ns, 'x', persistentHome=False)
        world.wait_children(ns, 'x')
        until(lambda: api.get('/api/v1/sessions/x').code == 200, 5, 'it is in the cache')
        old = api.get('/api/v1/sessions/x')
        world.kube.patch('sessions', ns, 'x', {'spec': {'tags': ['new']}})
        refused = api.patch('/api/v1/sessions/x', {'state': 'hibernated'}, headers={'If-Match': old.headers['ETag']})
        problem(refused, 409, 'conflict')
        equal(refused.json['current']['name'], 'x')
        problem(api.patch('/api/v1/sessions/x', {'state': 'hibernated', 'resourceVersion': old.json['resourceVersion']}), 409, 'conflict')
        problem(api.delete('/api/v1/sessions/x', headers={'If-Match': old.headers['ETag']}), 409, 'conflict')
        problem(api.patch('/api/v1/sessions/x', {'state': 'hibernated', 'resourceVersion': 'x1'}), 422, 'invalid-field', 'resourceVersion')
        for ask in (lambda h: api.patch('/api/v1/sessions/x', {'state': 'hibernated'}, headers=h),
                    lambda h: api.delete('/api/v1/sessions/x', headers=h)):
            problem(ask({'If-Match': '"x"'}), 400, 'invalid-parameter', 'If-Match')
        equal(world.kube.get('sessions', ns, 'x')['spec'].get('state', 'running'), 'running')
        until(lambda: api.patch('/api/v1/sessions/x', {'state': 'hibernated'},
                                headers={'If-Match': api.get('/api/v1/sessions/x').headers['ETag']}).code == 200, 5, 'its own version')


WRONG = [  # body, status, code, field, what the text must hold
    ({'template': 'plain'}, 422, 'invalid-field', 'user', 'whose'),
    ({'user': 'a'}, 422, 'invalid-field', 'template', 'what is to run'),
    ({'user': 'a', 'template': 'plain', 'colour': 'red'}, 422, 'invalid-field', 'colour', 'no such field'),
    ({'user': 'a', 'template': 'plain', 'state': 'asleep'}, 422, 'invalid-field', 'state', 'hibernated'),
    ({'user': 'a', 'template': 'plain', 'idleTimeout': 'soon'}, 422, 'invalid-field', 'idleTimeout', 'whole number'),
    ({'user': 'a', 'template': 'plain', 'resources': {'limits': {'memory': 'much'}}}, 422, 'invalid-field', 'resources.limits[memory]', '512Mi'),
    ({'user': 'a', 'template': 'plain', 'name': 'No!'}, 422, 'invalid-field', 'name', ''),
    ({'user': 'a', 'template': 'a b'}, 422, 'invalid-field', 'template', 'kubectl get tpl'),
    ('{"user":', 400, 'invalid-body', None, 'JSON'),
    ('[]', 400, 'invalid-body', None, 'object'),
    ('', 400, 'invalid-body', None, 'empty'),
    ('{"user":"a","user":"b"}', 400, 'invalid-body', None, 'JSON'),
]


@test('rest', 'a wrong session is refused with the field and the rule, and nothing is made')
def _(world):
    with place(world, 'wrong') as (api, ns):
        for body, status, code, field, hint in WRONG:
            said = problem(api.post('/api/v1/sessions', body), status, code, field)
            expect(hint in said, f'{body}: {said}')
        problem(api.ask('POST', '/api/v1/sessions', 'user=a', kind='application/x-www-form-urlencoded'), 415, 'not-json')
        equal(world.kube.list('sessions', ns), [])
        equal(api.post('/api/v1/sessions', {'name': 'x', 'user': 'a', 'template': 'plain'}).code, 201)
        problem(api.post('/api/v1/sessions', {'name': 'x', 'user': 'a', 'template': 'plain'}), 409, 'exists', 'name')
        until(lambda: api.get('/api/v1/sessions/x').code == 200, 5, 'it is in the cache')
        said = problem(api.patch('/api/v1/sessions/x', {'user': 'b'}), 422, 'invalid-field', 'user')
        expect('stays with its user' in said, said)


@test('rest', 'a dry run says what would be stored, and stores nothing')
def _(world):
    with place(world, 'dry') as (api, ns):
        answer = api.post('/api/v1/sessions?dryRun=All', {'user': 'a', 'template': 'plain'})
        equal(answer.code, 201, repr(answer))
        equal(answer.json['idleTimeout'], '30m')
        equal(world.kube.list('sessions', ns), [])
        world.session(ns, 'x', persistentHome=False)
        until(lambda: api.get('/api/v1/sessions/x').code == 200, 5, 'it is in the cache')
        equal(api.patch('/api/v1/sessions/x?dryRun=All', {'state': 'hibernated'}).json['state'], 'hibernated')
        equal(world.kube.get('sessions', ns, 'x')['spec'].get('state', 'running'), 'running')
        for odd, field in (('dryRun=all', 'dryRun'), ('dryrun=All', 'dryrun'), ('dryRun=', 'dryRun')):
            problem(api.delete(f'/api/v1/sessions/x?{odd}'), 400, 'invalid-parameter', field)
        expect(world.kube.find('sessions', ns, 'x'), 'it was not meant to go')


@test('rest', 'a name of another system becomes one that fits, the same each time')
def _(world):
    with place(world, 'names') as (api, ns):
        users = {api.post('/api/v1/sessions', {'user': user, 'template': 'plain', 'persistentHome': False}).json['user']
                 for user in ('Alice@Example.com', 'Alice@Example.com', 'alice@example.com')}
        equal(len(users), 2, users)
        expect(all(user.startswith('alice-example-com-') for user in users), users)
        until(lambda: api.get('/api/v1/sessions?user=Alice%40Example.com').json['total'] == 2, 5, 'found by the name that was given')


@test('rest', 'lists are cut into pages, ordered and filtered, and 1,000 come in one')
def _(world):
    with place(world, 'pages') as (api, ns):
        world.kube.patch('templates', ns, 'plain', {'spec': {'displayName': 'Still plain'}})
        world.sessions(ns, [things.session(f's-{i:04}', user=f'u-{i % 7}', state='hibernated', tags=[f't-{i % 3}'], persistentHome=False)
                            for i in range(1000)])
        until(lambda: api.get('/api/v1/sessions?limit=1').json['total'] == 1000, 20, 'all are in the cache')
        whole = api.get('/api/v1/sessions').json['sessions']
        equal([s['name'] for s in whole], [f's-{i:04}' for i in range(1000)])
        names, query = [], ''
        while True:
            page = api.get(f'/api/v1/sessions?limit=90&sort=-user{query}').json
            names += [s['name'] for s in page['sessions']]
            if 'continue' not in page:
                break
            query = '&continue=' + page['continue'].replace('\n', '%0A')
        equal((len(names), len(set(names))), (1000, 1000))
        equal(names[0], 's-0006', 'the last user first')
        equal(api.get('/api/v1/sessions?tag=t-1&user=u-0&limit=5').json['total'], 48)
        problem(api.get('/api/v1/sessions?limit=0'), 400, 'invalid-parameter', 'limit')
        problem(api.get('/api/v1/sessions?colour=red'), 400, 'invalid-parameter', 'colour')


@test('rest', 'who has the list already is told so, until something changes')
def _(world):
    with place(world, 'etag') as (api, ns):
        world.session(ns, 'x', persistentHome=False)
        world.wait_children(ns, 'x')
        world.running.quiet()
        first = api.get('/api/v1/sessions')
        again = api.get('/api/v1/sessions', If_None_Match=first.headers['ETag'])
        equal((again.code, again.text), (304, ''))
        equal(api.get('/api/v1/sessions?user=x', If_None_Match=first.headers['ETag']).code, 200, 'another question')
        world.kube.patch('sessions', ns, 'x', {'spec': {'tags': ['t']}})
        until(lambda: api.get('/api/v1/sessions', If_None_Match=first.headers['ETag']).code == 200, 5, 'it has changed')


@test('rest', 'a session says why it waits, and what happened to it')
def _(world):
    with place(world, 'why') as (api, ns):
        world.session(ns, 'x', template='absent', persistentHome=False)
        world.wait(ns, 'x', lambda s: s.reason('Ready'))
        until(lambda: api.get('/api/v1/sessions/x').code == 200, 5, 'it is in the cache')

        def says_why():
            why = api.get('/api/v1/sessions/x/why').json
            return 'TemplateResolved' in [c['type'] for c in why['waitsFor']] and not why['ready'] and 'absent' in why.get('message', '')
        until(says_why, 5, 'the template is what it waits for')

        def tells():
            events = api.get('/api/v1/sessions/x/events').json
            return events['total'] > 0 and events['events'][0]['type'] == 'Warning' and 'absent' in events['events'][0]['message']
        until(tells, 10, 'its event')
        problem(api.get('/api/v1/sessions/x/logs'), 409, 'no-pod')
        problem(api.get('/api/v1/sessions/nobody/why'), 404, 'not-found')
        problem(api.get('/api/v1/sessions/nobody/events'), 404, 'not-found')
        api.ns = None
        problem(api.get(f'/api/v1/cluster/pods/{ns}/nobody/logs'), 404, 'not-found')
        problem(api.get(f'/api/v1/cluster/pods/{ns}/nobody/logs?tail=0'), 400, 'invalid-parameter', 'tail')
