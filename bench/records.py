"""What was measured: one JSON file a run, so that a measurement that was broken off can go on."""
import json
import os

from lib.serve import ROOT

FOLDER = os.environ.get('BENCH_RECORDS') or os.path.join(ROOT, 'build', 'bench', 'runs')


class Records:
    def __init__(self):
        os.makedirs(FOLDER, exist_ok=True)
        self.missing = []

    @staticmethod
    def path(name):
        return os.path.join(FOLDER, name + '.json')

    def has(self, name, digest):
        """Of this very program: figures of two of them are never mixed."""
        try:
            return self.get(name)['program'] == digest
        except (FileNotFoundError, ValueError, KeyError):
            return False

    def get(self, name):
        with open(self.path(name)) as file:
            return json.load(file)

    def put(self, name, out):
        half = self.path(name) + '.new'
        with open(half, 'w') as file:
            json.dump(out, file, indent=1)
        os.replace(half, self.path(name))

    def all(self):
        names = sorted(f[:-5] for f in os.listdir(FOLDER) if f.endswith('.json'))
        return {name: self.get(name) for name in names}
