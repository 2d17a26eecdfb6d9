"""The operator's pods on a node, as the chart makes them."""
import errno
import os
import subprocess

from lib.tests import equal, expect, figure, test, until
from lib.web import answers, host_of, is_up
from shipped.helm import CHART, SPACE


def process_of(pod):
    """The pid of the pod's one container."""
    container = pod['status']['containerStatuses'][0]['containerID'].partition('://')[2]
    for pid in filter(str.isdigit, os.listdir('/proc')):
        try:
            with open(f'/proc/{pid}/cgroup') as cgroup:
                if container in cgroup.read():
                    return int(pid)
        except OSError:
            continue
    raise AssertionError(f'no process of {container}')


def status_of(pid):
    with open(f'/proc/{pid}/status') as status:
        return dict(line.rstrip('\n').split(':\t', 1) for line in status if ':\t' in line)


def run_in(pod, *command):
    """On the root that the pod's process has. Not by kubectl exec: where the node itself runs in a chroot, as on a fresh
    system that is tried, the kernel gives what is exec'd the machine's root."""
    said = subprocess.run(['chroot', f'/proc/{process_of(pod)}/root', *command], capture_output=True, text=True, timeout=20)
    return said.stdout + said.stderr


@test('pods', 'two replicas run, as user 65532, without any privilege, under seccomp, on a root that nobody can write')
def _(world):
    world.release.put(CHART, world.present)
    pods = world.release.pods()
    equal(len(pods), 2)
    for pod in pods:
        pid = process_of(pod)
        status = status_of(pid)
        equal(set(status['Uid'].split() + status['Gid'].split()), {'65532'})
        equal({status[f'Cap{which}'] for which in ('Inh', 'Prm', 'Eff', 'Bnd', 'Amb')}, {'0' * 16}, 'capabilities')
        equal((status['NoNewPrivs'], status['Seccomp']), ('1', '2'), 'no new privileges, a seccomp filter')
        try:
            with open(f'/proc/{pid}/root/written', 'w'):
                expect(False, 'the root file system can be written')
        except OSError as error:
            equal(error.errno, errno.EROFS)
        figure(f'pods: {pod["metadata"]["name"]} resident {status["VmRSS"].strip()}')


@test('pods', 'there is no shell to be had in them, and the program is')
def _(world):
    world.release.put(CHART, world.present)
    pod = world.release.pods()[0]
    version = run_in(pod, '/usr/bin/carrel', 'version')
    expect(version.startswith('carrel '), version)
    for shell in ('/bin/sh', 'bash', 'busybox'):
        said = run_in(pod, shell, '-c', 'echo here')
        expect('No such file or directory' in said, said)


@test('pods', 'from the chart a session becomes ready and answers through the ingress')
def _(world):
    world.release.put(CHART, world.present)
    with world.namespace('chart') as ns:
        world.template(ns)
        world.session(ns, 'x')
        s = world.wait(ns, 'x', is_up, 60)
        equal(s['url'], f'http://{host_of(world, ns, "x")}:8080/')
        expect(f'host {s["podName"]}\n' in answers(world, ns, 'x'), 'another pod answers')
        until(lambda: 'Ready' in world.events(ns, 'x'), 10, 'an event')
        equal([line for line in world.release.log(500).splitlines() if 'forbidden' in line.lower()], [])


@test('pods', 'where the leader\'s pod is deleted another leads, sessions go on, and new ones come up')
def _(world):
    world.release.put(CHART, world.present)
    with world.namespace('lead') as ns:
        world.template(ns)
        world.session(ns, 'old')
        before = world.wait(ns, 'old', is_up, 60)
        answers(world, ns, 'old')
        leader = world.release.leader()['metadata']['name']
        world.kube.delete('pods', SPACE, leader)
        until(lambda: (now := world.release.leader()) and now['metadata']['name'] != leader, 30, 'another leads')
        world.session(ns, 'new')
        world.wait(ns, 'new', is_up, 60)
        answers(world, ns, 'new')
        answers(world, ns, 'old')
        equal(world.status(ns, 'old')['podName'], before['podName'])
        until(lambda: len([p for p in world.release.pods() if p['status']['phase'] == 'Running']) == 2, 60,
              'two pods again')
