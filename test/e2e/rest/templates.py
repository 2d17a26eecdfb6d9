"""Templates over REST."""
from lib.tests import equal, expect, test, until
from rest.serving import place, problem

PYTHON = {'name': 'python', 'displayName': 'Python', 'baseImage': 'example.com/python:3', 'category': 'Languages', 'tags': ['repl', 'py'],
          'defaultResources': {'memory': '256Mi', 'cpu': '100m'}, 'ports': [{'name': 'http', 'containerPort': 8080}],
          'env': [{'name': 'A', 'value': 'b'}], 'description': 'A REPL'}


@test('rest', 'a template that is made over REST keeps all its fields, is judged, found by category, tag and words, and deleted')
def _(world):
    with place(world, 'templates') as (api, ns):
        made = api.post('/api/v1/templates', PYTHON)
        equal(made.code, 201, repr(made))
        spec = world.kube.get('templates', ns, 'python')['spec']
        equal({k: spec[k] for k in PYTHON if k not in ('name', 'ports')}, {k: v for k, v in PYTHON.items() if k not in ('name', 'ports')})
        equal(spec['ports'][0]['containerPort'], 8080)
        until(lambda: api.get('/api/v1/templates/python').json['valid'], 5, 'it is judged')
        shown = api.get('/api/v1/templates/python').json
        equal((shown['displayName'], shown['category'], shown['tags'], shown['defaultResources']['memory']),
              ('Python', 'Languages', ['repl', 'py'], '256Mi'))
        for query in 'category=Languages', 'tag=repl', 'tags=repl,py', 'search=REPL', 'search=pyth':
            equal([t['name'] for t in api.get(f'/api/v1/templates?{query}').json['templates']], ['python'], query)
        equal(api.get('/api/v1/templates?category=Other').json['total'], 0)
        equal(api.delete('/api/v1/templates/python').code, 200)
        until(lambda: api.get('/api/v1/templates/python').code == 404, 5, 'it has gone')
        problem(api.delete('/api/v1/templates/python'), 404, 'not-found')


@test('rest', 'a wrong template is refused with the field and the rule')
def _(world):
    with place(world, 'wrongtpl') as (api, _):
        problem(api.post('/api/v1/templates', {'displayName': 'x', 'baseImage': 'y'}), 422, 'invalid-field', 'name')
        said = problem(api.post('/api/v1/templates', {'name': 'x', 'displayName': 'x'}), 422, 'invalid-field', 'baseImage')
        expect('equired' in said or 'image' in said, said)
        said = problem(api.post('/api/v1/templates', {**PYTHON, 'colour': 'red'}), 422, 'invalid')
        expect('colour' in said, said)
        problem(api.post('/api/v1/templates', {**PYTHON, 'name': 'plain'}), 409, 'exists', 'name')
        problem(api.post('/api/v1/templates', 'x'), 400, 'invalid-body')
