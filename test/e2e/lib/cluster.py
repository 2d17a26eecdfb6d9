"""The clusters of test/cluster that a run starts for itself; each bears the run's pid in its name and goes with it."""
import os
import re
import subprocess

from lib.serve import ROOT

SCRIPTS = os.path.join(ROOT, 'test', 'cluster')
NAME = 'carrel-e2e'


class NoCluster(Exception):
    """Why there is none, in a line."""


def script(name, *args, cluster=None, check=True, **env):
    """Runs one of test/cluster. What it says goes to our standard error, what it prints is returned."""
    full = {**os.environ, **env}
    full.pop('KUBECONFIG', None)
    if cluster:
        full['CLUSTER_NAME'] = cluster
    done = subprocess.run([os.path.join(SCRIPTS, name), *args], env=full, text=True,
                          stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
    if check and done.returncode != 0:
        raise NoCluster(f'test/cluster/{" ".join((name, *args))} failed')
    return done.stdout.strip()


def programs():
    return script('build', '--bin')


def kubectl():
    return os.path.join(programs(), 'kubectl')


def up(part, *args, **env):
    """A cluster of our own for this part of the tests; its kubeconfig."""
    name = f'{NAME}-{os.getpid()}-{part}'
    # a cache that may only be read is as good where all is in it: `up` says what is missing
    script('build', *[a for a in args if not a.startswith('--')], check=False)
    try:
        return name, script('up', *args, cluster=name, **env)
    except BaseException:
        down(name)
        raise


def folders():
    return [os.path.join(os.path.dirname(programs()), 'run'),
            f'{os.environ.get("TMPDIR", "/tmp")}/carrel-cluster-{os.getuid()}']


def down(name):
    script('down', cluster=name, check=False)
    for folder in folders():
        lock = os.path.join(folder, f'{name}.lock')
        if os.path.exists(lock):
            os.unlink(lock)


def sweep():
    """Takes away what a killed run has left behind."""
    for folder in folders():
        for name in os.listdir(folder) if os.path.isdir(folder) else ():
            left = re.fullmatch(NAME + r'-(\d+)-\w+', name)
            if left and not os.path.exists(f'/proc/{left[1]}'):
                down(name)
