"""The programs that are measured: where they come from, and how each is started on a cluster."""
import hashlib
import os
import shutil
import subprocess

from lib.serve import ROOT, clean_environment, free_port

CACHE = os.path.join(os.environ.get('CARREL_CACHE') or os.path.expanduser('~/.cache/carrel'), 'bench')
PEERS = os.path.join(ROOT, 'bench', 'peers')
CONCURRENCY = os.environ.get('CONCURRENCY', '16')


class Absent(Exception):
    """Why a program cannot be run here, in a line."""


def carrel(kubeconfig, service):
    return ['serve', '--kubeconfig', kubeconfig, '--namespace', '', '--leader-elect', 'false',
            '--domain', 'sessions.example.com', '--metrics-listen', f'127.0.0.1:{free_port()}',
            '--service-type', service]


def go(_, service):
    return ['-concurrency', CONCURRENCY] + (['-headless'] if service == 'headless' else [])


def go_applies(_, service):
    return ['-create=false', '-hash=false', *go(_, service)]


def rust(_, service):
    return ['--concurrency', CONCURRENCY] + (['--headless'] if service == 'headless' else [])


def rust_hash(_, service):
    return ['--hash', *rust(_, service)]


def built(name):
    path = os.path.join(ROOT, 'build', name)
    subprocess.run(['make', '-s', '-C', ROOT, f'build/{name}'], check=True, stdout=2)
    return path


def cached(name, tool, command, folder, made):
    """A peer, built outside of the tree; the build is asked each time whether something has changed."""
    if not shutil.which(tool):
        raise Absent(f'{name}: there is no {tool} here to build it')
    os.makedirs(CACHE, exist_ok=True)
    env = {**os.environ, 'GOFLAGS': '-mod=readonly'}
    done = subprocess.run(command, cwd=os.path.join(PEERS, folder), env=env, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode != 0:
        raise Absent(f'{name}: it could not be built: {done.stdout.strip().splitlines()[-1:]}')
    return os.path.join(CACHE, made)


def go_peer(name):
    made = f'go-{name}'
    command = ['go', 'build', '-trimpath', '-buildvcs=false', '-o', os.path.join(CACHE, made), f'./cmd/{name}']
    return cached(name, 'go', command, 'go', made)


def rust_peer():
    target = os.path.join(CACHE, 'rs')
    return cached('kube-rs', 'cargo', ['cargo', 'build', '--release', '--locked', '--target-dir', target],
                  'rs', 'rs/release/peer-rs')


# name -> (how it is made, its arguments, what it is); the loader is started otherwise (fleet.py)
VARIANTS = {
    'carrel': (lambda: built('carrel'), carrel, 'Carrel'),
    'naive': (lambda: go_peer('naive'), go, 'controller-runtime as its book has it'),
    'tuned': (lambda: go_peer('tuned'), go, 'controller-runtime, tuned'),
    'tuned-apply': (lambda: go_peer('tuned'), go_applies, 'controller-runtime, tuned, applying always'),
    'rs': (rust_peer, rust, 'kube-rs as its examples have it'),
    'rs-hash': (rust_peer, rust_hash, 'kube-rs, tuned'),
    'loader': (lambda: built('loader'), None, 'the four writes alone, in C'),
}
USUAL = [v for v in VARIANTS if v != 'tuned-apply']


SOURCES = ('cmd', 'controller', 'apiserver', 'dev', 'lib', 'bench', 'crds')


def sources():
    """The files that our own programs are made of; their version differs from commit to commit, and counts for nothing."""
    for top in SOURCES:
        for folder, _, files in sorted(os.walk(os.path.join(ROOT, top))):
            yield from (os.path.join(folder, f) for f in sorted(files) if f.endswith(('.c', '.h', '.yaml')))


def digest(paths):
    text = hashlib.sha256()
    for path in paths:
        with open(path, 'rb') as file:
            text.update(file.read())
    return text.hexdigest()[:12]


class Program:
    """One variant, built."""

    def __init__(self, variant):
        make, self.arguments, self.title = VARIANTS[variant]
        self.variant, self.path = variant, make()
        self.digest = digest([self.path] if self.path.startswith(CACHE) else sources())

    def start(self, kubeconfig, service, log):
        env = clean_environment(KUBECONFIG=kubeconfig)
        if self.variant == 'carrel':
            del env['KUBECONFIG']
        with open(log, 'ab') as out:
            return subprocess.Popen([self.path, *self.arguments(kubeconfig, service)], env=env,
                                    stdin=subprocess.DEVNULL, stdout=out, stderr=out)


def commit():
    done = subprocess.run(['git', '-C', ROOT, 'describe', '--always', '--dirty'], text=True, capture_output=True)
    return done.stdout.strip() or 'unknown'
