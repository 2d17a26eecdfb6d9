"""docs/openapi.yaml and the server agree: schemathesis makes requests of what the document says, and of what it does not allow."""
import os
import shutil
import subprocess
import sys

from lib.serve import ROOT
from lib.tests import NotRun, equal, expect, test
from rest.serving import api

WANTED = os.path.join(ROOT, 'test', 'e2e', 'rest', 'schema.txt')
CACHE = os.environ.get('CARREL_CACHE') or os.path.expanduser('~/.cache/carrel')
# Of what fits the document some is refused all the same: names that Kubernetes does not take, templates that are not there.
LEFT_OUT = 'positive_data_acceptance'


def fetched():
    """The folder with schemathesis and what it needs, fetched once."""
    with open(WANTED) as file:
        version = [line.strip() for line in file if '==' in line][0]
    folder = os.path.join(CACHE, f'{version}-py{sys.version_info[0]}{sys.version_info[1]}')
    if os.path.isdir(folder):
        return folder
    half = f'{folder}.{os.getpid()}'
    done = subprocess.run([sys.executable, '-m', 'pip', 'install', '-q', '--disable-pip-version-check', '--no-warn-script-location',
                           '--only-binary', ':all:', '--target', half, '-r', WANTED], text=True, capture_output=True)
    if done.returncode != 0:
        shutil.rmtree(half, ignore_errors=True)
        raise NotRun(f'{version} cannot be fetched: {done.stderr.strip().splitlines()[-1:]}')
    os.rename(half, folder)
    return folder


@test('rest', 'schemathesis finds nothing')
def _(world):
    folder = fetched()
    it = api(world)
    world.make_namespace('schema')
    made = os.path.join(world.folder, 'schemathesis')
    os.makedirs(made, exist_ok=True)
    done = subprocess.run([sys.executable, '-m', 'schemathesis.cli', 'run', f'http://127.0.0.1:{it.port}/openapi.json',
                           '--checks', 'all', '--exclude-checks', LEFT_OUT, '--max-examples', os.environ.get('EXAMPLES', '25'),
                           '--generation-deterministic', '--no-color'],
                          cwd=made, env={**os.environ, 'PYTHONPATH': folder, 'HYPOTHESIS_STORAGE_DIRECTORY': made},
                          text=True, capture_output=True)
    expect(done.returncode == 0, lambda: done.stdout[-6000:] + done.stderr[-2000:])
    equal(it.get('/health').code, 200)
