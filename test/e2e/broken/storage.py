"""Below the apiserver: etcd that is full, its disk that is, and one that was restored from a backup."""
import contextlib
import http.client
import os
import shutil
import subprocess
import threading
import time

from lib import cluster
from lib.kube import Kube
from lib.tests import NotRun, equal, expect, figure, test, until
from lib.trouble import Churn, Skew, ends_well, etcd, insist, operator, place, runs_with, serves, settled, total

ROOM = 16 << 20  # beside what the tests before have left in it


def is_full(world, ns):
    """Fills it up until etcd says so."""
    for i in range(200):
        code, text = world.kube.raw('POST', f'/api/v1/namespaces/{ns}/configmaps',
                                    {'metadata': {'name': f'ballast-{i}'}, 'data': {'x': 'y' * 900000}})
        if code >= 500:
            expect('space exceeded' in text, text[:300])
            return i
    raise AssertionError('it never got full')


@test('storage', 'while etcd is full nothing is lost and nothing hammers at it; freed, all goes on')
def _(world):
    size = int(etcd(world, '/v3/maintenance/status', {})['dbSize'])
    runs_with(world, 'etcd', f'--quota-backend-bytes={size + ROOM}')
    with place(world, 'full') as ns, operator(world, ns) as op:
        Churn(world, ns, 10).done()
        ends_well(world, ns, op)
        for i in range(10):
            world.session(ns, f'late-{i}')
        ballast = is_full(world, ns)
        for i in range(10):  # work that must be written, and cannot be
            world.kube.delete('services', ns, f'ss-x-{i}')
        before = op.writes()
        until(lambda: total(op, 'rest_client_requests_total', code='5') > 0, 30, 'a write is refused')
        try:
            until(lambda: op.writes() > before + 400, 8, 'a hot loop')
            raise AssertionError(f'{op.writes() - before} writes in eight seconds')
        except Exception as is_bounded:
            if isinstance(is_bounded, AssertionError):
                raise
        refused = total(op, 'rest_client_requests_total', code='5')
        for i in range(ballast):
            insist(world.kube.delete, 'configmaps', ns, f'ballast-{i}')
        free(world)
        figure(f'storage: {refused:.0f} writes refused by a full etcd within eight seconds, for 10 sessions that lacked a child')
        ends_well(world, ns, op)
    runs_with(world, 'etcd')


def free(world):
    """What was deleted is given back to the disk, and the alarm taken off."""
    revision = etcd(world, '/v3/kv/range', {'key': 'Lw==', 'limit': '1'})['header']['revision']
    etcd(world, '/v3/kv/compaction', {'revision': revision, 'physical': True})
    etcd(world, '/v3/maintenance/defragment', {})
    for alarm in etcd(world, '/v3/maintenance/alarm', {'action': 'GET'}).get('alarms', []):
        etcd(world, '/v3/maintenance/alarm', {**alarm, 'action': 'DEACTIVATE'})


@contextlib.contextmanager
def small_disk(name, data, spare):
    """etcd's data on a disk of its own with so many bytes to spare, and back."""
    if os.getuid() != 0:
        raise NotRun('a disk of its own needs root')
    apart, size = f'{data}.apart', int(subprocess.check_output(['du', '-sb', data]).split()[0]) + spare
    exchange(name, lambda: (os.rename(data, apart), os.mkdir(data),
                            subprocess.run(['mount', '-t', 'tmpfs', '-o', f'size={size}', 'none', data], check=True),
                            shutil.copytree(apart, data, dirs_exist_ok=True)))
    try:
        yield
    finally:
        exchange(name, lambda: (shutil.rmtree(apart), shutil.copytree(data, apart),
                                subprocess.run(['umount', '-l', data], check=True), os.rmdir(data), os.rename(apart, data)))


def fill(path):
    """A file that takes all that is left."""
    with open(path, 'wb', buffering=0) as file:
        with contextlib.suppress(OSError):
            while file.write(bytes(1 << 16)):
                pass


def write_much(kubeconfig, kubectl, ns, enough):
    """Until it is enough: what it went on to write when there is room again would take that too."""
    kube = Kube(kubeconfig, kubectl)
    for i in range(400):
        if enough.is_set():
            return
        with contextlib.suppress(OSError, http.client.HTTPException):
            kube.raw('POST', f'/api/v1/namespaces/{ns}/configmaps',
                     {'metadata': {'name': f'ballast-{i}'}, 'data': {'x': 'y' * 900000}})


@test('storage', 'a disk that is full under etcd ends it; with room again it comes back, and nothing is lost or double')
def _(world):
    name, run = world.own_cluster(), os.path.dirname(world.kubeconfig)
    data = os.path.join(run, 'etcd')

    def etcd_lives():
        with open(os.path.join(run, 'pid', 'etcd')) as file:
            return os.path.exists(f'/proc/{file.read().split()[0]}/root')
    with small_disk(name, data, 160 << 20), place(world, 'disk') as ns, operator(world, ns) as op:
        serves(world)
        Churn(world, ns, 10).done()
        ends_well(world, ns, op)
        ballast = os.path.join(data, 'ballast')
        fill(ballast)
        churn = Churn(world, ns, 10, 'amid')
        # it has room in the files that it has made already; a request that it dies of hangs for a minute
        enough = threading.Event()
        threading.Thread(target=write_much, args=(world.kubeconfig, world.kube.kubectl_path, ns, enough), daemon=True).start()
        until(lambda: not etcd_lives(), 60, 'etcd has ended')
        enough.set()
        before = op.writes()
        time.sleep(3)
        figure(f'storage: {op.writes() - before:.0f} writes in three seconds without an etcd')
        os.unlink(ballast)
        cluster.script('component', 'etcd', 'start', cluster=name)
        serves(world)
        ends_well(world, ns, op, churn)
    serves(world)


@test('storage', 'after etcd was restored from a backup it starts over with what is there, and its world is made good')
def _(world):
    name, data = world.own_cluster(), os.path.join(os.path.dirname(world.kubeconfig), 'etcd')
    skew = Skew(world, 'restored', 12)
    with place(world, 'restored') as ns, operator(world, ns, env=skew.env) as op:
        Churn(world, ns, 10, 'old').done()
        ends_well(world, ns, op)
        exchange(name, lambda: shutil.copytree(data, f'{data}.backup'))
        serves(world)
        age(world, ns)
        Churn(world, ns, 20, 'new').done()  # none of it will ever have been
        insist(world.kube.delete, 'sessions', ns, 'old-0')
        ends_well(world, ns, op)
        exchange(name, lambda: (shutil.rmtree(data), os.rename(f'{data}.backup', data)))
        serves(world)
        insist(world.kube.delete, 'deployments', ns, 'ss-old-0')
        began = time.monotonic()
        until(lambda: total(op, 'carrel_history_undone_total') == 1, 90, 'it starts over')
        figure(f'storage: it started over {12 * (time.monotonic() - began):.0f} s of its own after it could ask a restored etcd')
        until(lambda: insist(lambda: world.children(ns, 'old-0')), 90, 'the Deployment is made again')
        until(lambda: insist(settled, world, ns), 60, 'all as their specs ask')
        world.session(ns, 'after')
        world.wait_children(ns, 'after', 60)
        ends_well(world, ns, op)
        equal(total(op, 'carrel_history_undone_total'), 1, 'times that it started over')


def age(world, ns, versions=1500):
    """As between a backup and a disaster: of a few versions, whose numbers are soon used again, no client could ever notice."""
    world.kube.create('configmaps', ns, {'metadata': {'name': 'age'}})
    for i in range(versions):
        insist(world.kube.patch, 'configmaps', ns, 'age', {'data': {'n': str(i)}})


def exchange(name, what):
    """Does it while the control plane is away; its collector, too, must begin anew after a restore."""
    for component in ('kube-controller-manager', 'kube-apiserver', 'etcd'):
        cluster.script('component', component, 'kill', cluster=name)
    what()
    for component in ('etcd', 'kube-apiserver', 'kube-controller-manager'):
        cluster.script('component', component, 'start', cluster=name)
