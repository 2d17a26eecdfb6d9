"""The operator's images: this tree's, and that of the previous version, built from its own commit."""
import os
import shutil
import subprocess

from lib.serve import ROOT

ARCHIVE = os.path.join(ROOT, 'build', 'carrel.tar')
FOLDER = os.path.join(ROOT, 'build', 'previous')
PREVIOUS = os.path.join(FOLDER, 'carrel.tar')
RECORD = os.path.join(ROOT, 'test', 'e2e', 'previous')
PROGRAM = ('cmd', 'apiserver', 'controller', 'lib', 'crds', 'web')


class NotBuilt(Exception):
    """Which step failed; what it said stands above."""


def run(*argv, **env):
    done = subprocess.run(argv, env={**os.environ, **env}, stdin=subprocess.DEVNULL, check=False)
    if done.returncode != 0:
        raise NotBuilt(' '.join(argv))


def git(*args):
    """What it prints; None where it fails."""
    done = subprocess.run(['git', '-c', f'safe.directory={ROOT}', '-C', ROOT, *args], text=True,
                          capture_output=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else None


def has(commit):
    return git('cat-file', '-e', f'{commit}^{{commit}}') is not None


def build():
    """This tree's image, as `make image` makes it."""
    run('make', '-s', '-C', ROOT, 'image')


def previous_commit():
    """The recorded one, fetched where a shallow clone lacks it. Where history does not know it any more: the newest whose
    program is not this one."""
    with open(RECORD) as record:
        commit = record.read().strip()
    if has(commit) or git('fetch', '--depth', '1', 'origin', commit) is not None:
        return commit
    changed = git('rev-list', '-1', 'HEAD', '--', *PROGRAM)
    if changed and has(f'{changed}^'):
        return git('rev-parse', f'{changed}^')
    raise NotBuilt(f'the previous version, {commit}: this clone does not have it (test/e2e/previous records it)')


def build_previous():
    """The previous version in PREVIOUS: its program, packed as today's. Its sources stay beside it."""
    commit = previous_commit()
    source = os.path.join(FOLDER, 'source')
    shutil.rmtree(source, ignore_errors=True)
    os.makedirs(source)
    packed = os.path.join(FOLDER, 'source.tar')
    if git('archive', '-o', packed, commit) is None:
        raise NotBuilt(f'git archive {commit}')
    run('tar', '-xf', packed, '-C', source)
    os.unlink(packed)
    shutil.rmtree(os.path.join(source, 'image'), ignore_errors=True)
    shutil.copytree(os.path.join(ROOT, 'image'), os.path.join(source, 'image'))
    for name in ('Dockerfile', '.dockerignore'):
        shutil.copy(os.path.join(ROOT, name), source)
    run(os.path.join(ROOT, 'image', 'build'), 'localhost/carrel:previous', PREVIOUS, source, VERSION=commit[:7])
    return commit


def previous_chart():
    """The previous version's own chart, or today's with its CRDs where it had none."""
    source = os.path.join(FOLDER, 'source')
    own = os.path.join(source, 'manifests', 'chart')
    if os.path.isdir(own):
        return own
    chart = os.path.join(FOLDER, 'chart')
    shutil.rmtree(chart, ignore_errors=True)
    shutil.copytree(os.path.join(ROOT, 'manifests', 'chart'), chart)
    crds = os.path.join(chart, 'files', 'crds')
    shutil.rmtree(crds)
    shutil.copytree(os.path.join(source, 'crds'), crds)
    return chart
