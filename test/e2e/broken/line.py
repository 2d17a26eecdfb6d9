"""The connection to the apiserver breaks: cut, slow, silent, corrupt, deaf. Then requests that arrive long after."""
import threading
import time

from lib.keys import Authority
from lib.proxy import Gate, Line
from lib.tests import equal, expect, figure, test, until
from lib.trouble import Churn, Skew, ends_well, insist, kubeconfig, operator, place, runs_with, total

FAST = 5  # times that the operator's patience runs down faster than the wall clock


def line(world):
    return Line(world.kube.url.hostname, world.kube.url.port)


def through(world, port, name, **changes):
    return kubeconfig(world, name, f'https://127.0.0.1:{port}', **changes)


def pause(seconds):
    """The fault lasts so long, whatever happens meanwhile."""
    threading.Event().wait(seconds)


def lists_nothing(op):
    """After the first lists, but for watches that were mute: in hurried time the server's bookmarks come late."""
    mute = op.log().count('no byte for 150 s')
    expect(total(op, 'carrel_watch_relists') <= mute, f'{total(op, "carrel_watch_relists"):.0f} lists after the first, {mute} mute watches')


@test('line', 'a watch that is cut after any number of bytes goes on from there: no list, and nothing is missed')
def _(world):
    runs_with(world, 'kube-apiserver')
    skew = Skew(world, 'cut', FAST)
    with line(world) as it, place(world, 'cut') as ns, \
            operator(world, ns, through(world, it.port, 'cut'), env=skew.env) as op:
        it.lifetime = (4000, 60000)
        it.cut()
        churn = Churn(world, ns, 40)
        until(lambda: it.cuts >= 8, 60, 'eight cuts')
        it.lifetime = None
        ends_well(world, ns, op, churn)
        lists_nothing(op)
        figure(f'line: {it.cuts} cuts at random bytes, {it.accepted} connections, no list')


@test('line', 'at 20 KB/s all is done, only later')
def _(world):
    with line(world) as it, place(world, 'slow') as ns:
        it.rate = 20000
        with operator(world, ns, through(world, it.port, 'slow')) as op:
            ends_well(world, ns, op, Churn(world, ns, 15))


@test('line', 'with 300 ms to the server and 300 back all is done, only later')
def _(world):
    with line(world) as it, place(world, 'far') as ns:
        it.latency_s = 0.3
        with operator(world, ns, through(world, it.port, 'far')) as op:
            ends_well(world, ns, op, Churn(world, ns, 15))


@test('line', 'connections that pass a byte a second are given up, and new ones go on without a list')
def _(world):
    skew = Skew(world, 'drip', FAST)
    with line(world) as it, place(world, 'drip') as ns, \
            operator(world, ns, through(world, it.port, 'drip'), env=skew.env) as op:
        Churn(world, ns, 5, 'a').done()
        op.quiet()
        expect(it.drip() >= 1, 'no connection to slow down')
        began = time.monotonic()
        ends_well(world, ns, op, Churn(world, ns, 10, 'b'))
        figure(f'line: a watch at 1 B/s is replaced within {(time.monotonic() - began) * FAST:.0f} s of the operator\'s time')
        lists_nothing(op)


@test('line', 'connections that fall silent with their sockets open are noticed, and new ones go on without a list')
def _(world):
    skew = Skew(world, 'silent', FAST)
    with line(world) as it, place(world, 'silent') as ns, \
            operator(world, ns, through(world, it.port, 'silent'), env=skew.env) as op:
        Churn(world, ns, 5, 'a').done()
        op.quiet()
        expect(it.silence() >= 1, 'no connection to silence')
        began = time.monotonic()
        ends_well(world, ns, op, Churn(world, ns, 10, 'b'))
        figure(f'line: a silent watch is replaced within {(time.monotonic() - began) * FAST:.0f} s of the operator\'s time')
        lists_nothing(op)


@test('line', 'bits that flip on the way end connections and change nothing')
def _(world):
    skew = Skew(world, 'flips', FAST)
    with line(world) as it, place(world, 'flips') as ns, \
            operator(world, ns, through(world, it.port, 'flips'), env=skew.env) as op:
        it.flips = 15000
        churn = Churn(world, ns, 30)
        until(lambda: it.flipped >= 5, 60, 'five flipped bits')
        it.flips = 0
        ends_well(world, ns, op, churn)
        expect(op.log().count('"level":"error"') == 0, op.tail())


@test('line', 'answers that are lost after the requests were carried out: nothing is made twice, nothing forgotten')
def _(world):
    skew = Skew(world, 'deaf', FAST)
    with line(world) as it, place(world, 'deaf') as ns, \
            operator(world, ns, through(world, it.port, 'deaf'), env=skew.env) as op:
        churn = Churn(world, ns, 60)
        for _ in range(6):
            sent = op.writes()
            insist(lambda: op.writes() > sent or not churn.thread.is_alive())
            it.deaf = True
            pause(0.3)
            it.cut()
            it.deaf = False
            pause(0.7)
        unknown = total(op, 'carrel_unknown_outcomes')
        ends_well(world, ns, op, churn)
        unknown = max(unknown, total(op, 'carrel_unknown_outcomes'))
        expect(unknown > 0, 'no answer was lost')
        figure(f'line: {unknown:.0f} writes whose answer was lost')


@test('line', 'nobody accepts connections for a while: waited for, few tries, and then all is done')
def _(world):
    skew = Skew(world, 'refused', FAST)
    with line(world) as it, place(world, 'refused') as ns, \
            operator(world, ns, through(world, it.port, 'refused'), env=skew.env) as op:
        it.refuses = True
        it.cut()
        before = it.accepted
        churn = Churn(world, ns, 20)
        pause(4)
        tries = it.accepted - before
        it.refuses = False
        expect(tries < 40 * FAST * 4, f'{tries} connections in 4 s')
        figure(f'line: {tries} tries to connect in {4 * FAST} s of the operator\'s time')
        ends_well(world, ns, op, churn)


def gate(world, hold=None):
    """Passes requests on as the cluster's administrator."""
    authority = Authority(world.folder, 'gate')
    certificate, key = authority.issue('apiserver', server=True)
    upstream = world.kube.make_tls()
    upstream.set_alpn_protocols(['http/1.1'])
    it = Gate(certificate, key, world.kube.url.hostname, world.kube.url.port, upstream, hold)
    return it, through(world, it.port, 'gate', certificate_authority=authority.path)


@test('gate', 'a server that speaks HTTP/1.1 alone is served as well')
def _(world):
    it, config = gate(world)
    with it, place(world, 'plain') as ns, operator(world, ns, config) as op:
        ends_well(world, ns, op, Churn(world, ns, 30))
        figure(f'gate: {it.accepted} HTTP/1.1 connections for {it.requests} requests')


@test('gate', 'writes that arrive after a crash, a restart and a successor of the same name do no harm')
def _(world):
    held = [('POST', '/deployments'), ('DELETE', '/deployments/ss-ended'), ('DELETE', '/services/ss-ended'),
            ('PATCH', '/sessions/asleep/status'), ('PATCH', '/deployments/ss-asleep')]

    def is_held(method, path):
        late = any(method == m and path.split('?')[0].endswith(end) for m, end in held)
        return late and ('late' in watched or method != 'POST')
    watched = []
    it, config = gate(world, is_held)
    with it, place(world, 'late') as ns:
        it.hold = None
        with operator(world, ns, config) as op:
            for name in ('ended', 'asleep'):
                world.session(ns, name)
                world.wait_children(ns, name, 30)
            op.quiet()
            watched.append('late')
            it.hold = is_held
            world.session(ns, 'late')
            world.kube.patch('sessions', ns, 'ended', {'spec': {'state': 'terminated'}})
            world.kube.patch('sessions', ns, 'asleep', {'spec': {'state': 'hibernated'}})
            until(lambda: {m for m, _ in it.held} == {'POST', 'DELETE', 'PATCH'}, 30, 'one of each is on its way')
            op.kill()
            op.start().wait_ready(60)  # the same flags, through the gate; what is on its way stays there
            it.hold = None
            world.kube.delete('sessions', ns, 'ended')
            until(lambda: not world.kube.find('deployments', ns, 'ss-ended'), 30, 'the old Deployment is collected')
            world.session(ns, 'ended')
            world.kube.patch('sessions', ns, 'asleep', {'spec': {'state': 'running'}})
            ends_well(world, ns, op)
            uids = {kind: world.kube.get(kind, ns, 'ss-ended')['metadata']['uid'] for kind in ('deployments', 'services')}
            it.release()
            until(lambda: len(it.answers) == len(it.held), 30, 'all that was held has arrived')
            figure('gate: held back past a crash and answered ' +
                   ', '.join(f'{m} {p.split("?")[0].rsplit("/", 1)[1]} {code}' for m, p, code in it.answers))
            ends_well(world, ns, op)
            equal({kind: world.kube.get(kind, ns, 'ss-ended')['metadata']['uid'] for kind in uids}, uids,
                  'the successor\'s children')
