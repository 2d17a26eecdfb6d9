"""The apiserver restarts, is replaced by another, forgets, refuses, and says goodbye."""
import os
import signal
import socket
import time

from lib import cluster
from lib.keys import cluster_authority
from lib.proxy import Line
from lib.tests import equal, expect, figure, test, until
from lib.trouble import (Churn, ends_well, etcd, insist, kubeconfig, operator, place, restart, runs_with, total)
from lib.world import CHILDREN


@test('server', 'an apiserver that is killed twice amid starts and changes loses and doubles nothing')
def _(world):
    runs_with(world, 'kube-apiserver')
    with place(world, 'twice') as ns, operator(world, ns) as op:
        churn, pid = Churn(world, ns, 40), op.process.pid
        until(lambda: op.writes() > 20, 30, 'it is at work')
        restart(world, 'kube-apiserver', times=2)
        began = time.monotonic()
        ends_well(world, ns, op, churn, pid=pid)
        figure(f'server: after two restarts of the apiserver all is done within {time.monotonic() - began:.1f} s, '
               f'{op.writes():.0f} writes for 40 sessions')
        expect(op.writes() < 40 * 12 + 100, f'{op.writes()} writes')


def second_apiserver(world):
    """The same on another port; its name among the components and the port."""
    folder = os.path.join(os.path.dirname(world.kubeconfig), 'cmd')
    with open(os.path.join(folder, 'kube-apiserver')) as file:
        line = file.read()
    old = world.kube.url.port
    new = next(port for port in range(10100, 11000) if port != old and is_free(port))
    with open(os.path.join(folder, 'kube-apiserver-2'), 'w') as file:
        file.write(line.replace(f'--secure-port={old}', f'--secure-port={new}'))
    return 'kube-apiserver-2', new


def is_free(port):
    with socket.socket() as s:
        return s.connect_ex(('127.0.0.1', port)) != 0


@test('server', 'while two apiservers take turns, as in an upgrade, sessions go on')
def _(world):
    name, (other, port) = world.own_cluster(), second_apiserver(world)
    with Line(world.kube.url.hostname, world.kube.url.port) as it, place(world, 'turns') as ns:
        config = kubeconfig(world, 'turns', f'https://127.0.0.1:{it.port}')
        try:
            with operator(world, ns, config) as op:
                churn = Churn(world, ns, 40)
                cluster.script('component', other, 'start', cluster=name)
                until(lambda: not is_free(port), 60, 'the second one listens')
                for target in (port, world.kube.url.port, port, world.kube.url.port):
                    it.target = ('127.0.0.1', target)
                    it.cut()
                    before = op.writes()
                    until(lambda: op.writes() > before + 3 or not churn.thread.is_alive(), 30, 'it goes on')
                ends_well(world, ns, op, churn)
                equal(total(op, 'carrel_watch_relists'), 0, 'lists after the first')
        finally:
            cluster.script('component', other, 'kill', cluster=name)


@test('server', 'what was compacted away while the operator slept is listed anew: nothing is missed, nothing made twice')
def _(world):
    with place(world, 'compacted') as ns, operator(world, ns) as op:
        Churn(world, ns, 20).done()
        ends_well(world, ns, op)
        op.signal(signal.SIGSTOP)
        try:
            churn = Churn(world, ns, 20, 'y')
            churn.done()
            for kind in CHILDREN:
                insist(world.kube.delete, kind, ns, 'ss-x-0')
            insist(world.kube.delete, 'sessions', ns, 'x-5')
            revision = int(etcd(world, '/v3/kv/range', {'key': 'Lw==', 'limit': '1'})['header']['revision'])
            etcd(world, '/v3/kv/compaction', {'revision': str(revision), 'physical': True})
            restart(world, 'kube-apiserver')  # its own memory of events is gone, too
        finally:
            op.signal(signal.SIGCONT)
        ends_well(world, ns, op)
        until(lambda: total(op, 'carrel_watch_relists') >= 1, 10, 'it had to list again')
        figure(f'server: {total(op, "carrel_watch_relists"):.0f} of 10 kinds were listed again after a compaction')


@test('server', 'a server that takes two writes at a time and refuses the rest with 429: 300 sessions get done')
def _(world):
    with place(world, 'busy') as ns:
        for i in range(300):
            world.session(ns, f's-{i}')
        runs_with(world, 'kube-apiserver', '--max-mutating-requests-inflight=2', '--max-requests-inflight=4',
                  '--enable-priority-and-fairness=false')
        # the server never refuses its masters
        certificate, key = cluster_authority(world).issue('/CN=carrel-busy')
        world.kube.kubectl('create', 'clusterrolebinding', ns, '--clusterrole=cluster-admin', '--user=carrel-busy')
        config = kubeconfig(world, 'busy', client_certificate=certificate, client_key=key)
        with operator(world, ns, config) as op:
            lowest = [64.0]

            def is_done():
                lowest[0] = min(lowest[0], total(op, 'carrel_requests_cap'))
                return op.accepted() >= 1200 and insist(lambda: ends_once(world, ns))
            until(is_done, 300, 'all done', every=0.25)
            refused = total(op, 'rest_client_requests_total', code='429')
            expect(refused > 0, 'nothing was refused')
            equal(lowest[0], 4, 'the cap at its lowest')
            expect(op.writes() - refused < 300 * 6, f'{op.writes()} writes, {refused} refused')
            figure(f'server: 300 sessions over a server that refused {refused:.0f} of {op.writes():.0f} writes')
            runs_with(world, 'kube-apiserver')
            ends_well(world, ns, op, Churn(world, ns, 60, 'after'))
            until(lambda: total(op, 'carrel_requests_cap') > 4, 60, 'the cap rises again')
        world.kube.kubectl('delete', 'clusterrolebinding', ns)


def ends_once(world, ns):
    return all(len(world.kube.list(kind, ns)) == 300 for kind in CHILDREN)


@test('server', 'a server that says GOAWAY to every fiftieth watch loses nothing, though they begin again twenty times')
def _(world):
    runs_with(world, 'kube-apiserver', '--goaway-chance=0.02')
    with Line(world.kube.url.hostname, world.kube.url.port) as it, place(world, 'goaway') as ns, \
            operator(world, ns, kubeconfig(world, 'goaway', f'https://127.0.0.1:{it.port}')) as op:
        churn = Churn(world, ns, 60)
        for _ in range(20):  # requests speak HTTP/1.1, which knows no GOAWAY: only the begin of a watch can hear one
            time.sleep(0.5)
            it.cut()
        ends_well(world, ns, op, churn)
        figure(f'server: with --goaway-chance=0.02 {it.accepted} connections for {op.writes():.0f} writes')


@test('server', 'four streams a connection are enough for ten watches and all writes')
def _(world):
    runs_with(world, 'kube-apiserver', '--http2-max-streams-per-connection=4')
    with Line(world.kube.url.hostname, world.kube.url.port) as it, place(world, 'four') as ns, \
            operator(world, ns, kubeconfig(world, 'four', f'https://127.0.0.1:{it.port}')) as op:
        ends_well(world, ns, op, Churn(world, ns, 40))
        figure(f'server: with four streams a connection {it.accepted} connections')


@test('server', 'an apiserver without HTTP/2 is served over HTTP/1.1')
def _(world):
    runs_with(world, 'kube-apiserver', '--disable-http2-serving')
    with place(world, 'http1') as ns, operator(world, ns) as op:
        ends_well(world, ns, op, Churn(world, ns, 40))
    runs_with(world, 'kube-apiserver')
