"""What docs/api.md shows works as it stands."""
import os
import re
import subprocess

from lib.serve import ROOT
from lib.tests import equal, expect, test, until
from rest.serving import api
from rest.templates import PYTHON


def commands():
    with open(os.path.join(ROOT, 'docs', 'api.md')) as file:
        text = re.search(r'^## By example\n(.*?)^## ', file.read(), re.S | re.M)[1]
    lines = [line[4:] for line in text.splitlines() if line.startswith('    ')]
    return [c for c in re.sub(r'\\\n\s*', '', '\n'.join(lines)).splitlines() if c.startswith('curl ')]


@test('rest', 'each example of docs/api.md works as it is written')
def _(world):
    it = api(world)
    equal(it.post('/api/v1/templates?namespace=default', PYTHON).code, 201)
    tried = 0
    for command in commands():
        answer = []

        def run():
            done = subprocess.run(command.replace('localhost:8080', f'localhost:{it.port}') + " -w '\\n%{http_code}'", shell=True, text=True,
                                  capture_output=True, check=True)
            answer[:] = done.stdout.rsplit('\n', 1)
            return answer[1] in ('200', '201')
        until(run, 5, command)  # what was made a moment ago comes into the cache
        expect(answer[0].startswith('{'), f'{command}: {answer}')
        tried += 1
    equal(tried, 11)
    world.kube.delete('templates', 'default', 'python')
