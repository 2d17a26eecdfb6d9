"""One measurement of one operator on a fresh control plane without nodes: N Sessions are there when it starts.

    cold      from its start until the last status stands
    quiet     ten seconds in which nothing happens: nobody should send anything; then its memory
    latency   Sessions made one at a time: POST until the third child and until the status are told of
    restart   one Session is made while it is down: from its start until that one's children are there, until it is idle;
              its memory ten seconds later
"""
import os
import time

import bodies
import plane
import procs
from watching import Watches

CHILDREN = ('deployments', 'services', 'ingresses')
QUIET_S = 10
IDLE_S, IDLE_CPU_S = 2.0, 0.02  # idle: no more than this in so long (a garbage collector ticks)
LATENCY = int(os.environ.get('LATENCY', '200'))
NEWS = {'sessions': (('MODIFIED',), ''), **{kind: (('ADDED',), '') for kind in CHILDREN}}


class Run:
    """The operator as a process on a plane."""

    def __init__(self, program, on, service, noise):
        self.program, self.plane, self.service, self.noise = program, on, service, noise
        self.process = None

    def start(self):
        self.began = time.monotonic()
        self.process = self.program.start(self.plane.kubeconfig, self.service, self.plane.log)
        self.pid = self.process.pid
        self.noise.add(self.pid)
        return self

    def stop(self):
        self.process.terminate()
        # /proc keeps its times until it is waited for; then they are those of our children
        while self.process.poll() is None:
            time.sleep(0.02)
        self.noise.ended(self.pid)

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def cpu(self):
        return procs.cpu_s(self.pid)

    def check(self):
        if self.process.poll() is not None:
            raise RuntimeError(f'{self.program.variant} has ended:\n{self.plane.text(self.plane.log)[-2000:]}')

    def settle(self, seconds=90):
        """Waits until it is idle; when it last had something to do, in seconds since its start."""
        samples = [(time.monotonic(), self.cpu())]
        until = samples[0][0] + seconds + IDLE_S  # from now: it may have started an hour ago
        while samples[-1][0] < until:
            time.sleep(0.05)
            self.check()
            samples.append((time.monotonic(), self.cpu()))
            while samples[-1][0] - samples[0][0] > IDLE_S:
                if samples[-1][1] - samples[0][1] <= IDLE_CPU_S:
                    return round(samples[0][0] - self.began, 3)
                samples.pop(0)
        busy = samples[-1][1] - samples[0][1]
        raise TimeoutError(f'{self.program.variant} is never idle: {busy:.2f} s CPU in {IDLE_S} s')


def cold(run, n):
    on = run.plane
    with Watches(on.kube, bodies.NS, {'sessions': NEWS['sessions']}) as told:
        counters, before = on.counters(), on.cpu()
        told_of = told.by['sessions'].seen
        run.start()
        told.wait(lambda: len(told_of) >= n, 300 + n / 2, f'{n} statuses of {run.program.variant}')
        wall, after = max(told_of.values()) - run.began, on.cpu()
        first, others = min(told_of.values()) - run.began, run.noise.percent()[0]
        run.settle(120 + n / 4)
        requests = plane.between(counters, on.counters())
    on.verify(n)
    return {'wall_s': round(wall, 3), 'first_s': round(first, 3), 'op_cpu_s': round(run.cpu(), 2),
            **plane.spent(before, after), 'others_pct': others, 'requests': requests}


def quiet(run):
    before, cpu = run.plane.counters(), run.cpu()
    time.sleep(QUIET_S)
    return {'seconds': QUIET_S, 'op_cpu_s': round(run.cpu() - cpu, 2),
            'requests': plane.between(before, run.plane.counters()), **procs.memory(run.pid)}


def percentiles(numbers):
    ordered = sorted(numbers)
    return {f'p{p}': round(ordered[min(len(ordered) - 1, len(ordered) * p // 100)], 2) for p in (50, 99)}


def latency(run, count):
    on, post, children, status = run.plane, [], [], []
    with Watches(on.kube, bodies.NS, NEWS) as told:
        cpu, before = run.cpu(), on.cpu()
        for i in range(count):
            name = f'one-{i}'
            began = time.monotonic()
            on.kube.create('sessions', bodies.NS, bodies.session(name))
            post.append(1000 * (time.monotonic() - began))
            at = told.wait_name({'sessions': name, **{kind: f'ss-{name}' for kind in CHILDREN}}, 30)
            children.append(1000 * (max(at[kind] for kind in CHILDREN) - began))
            status.append(1000 * (at['sessions'] - began))
        return {'count': count, 'post_ms': percentiles(post), 'children_ms': percentiles(children),
                'status_ms': percentiles(status), 'op_cpu_s': round(run.cpu() - cpu, 2),
                **plane.spent(before, on.cpu())}


def restart(run):
    on, name = run.plane, 'waiting'
    run.stop()
    with Watches(on.kube, bodies.NS, NEWS) as told:
        on.kube.create('sessions', bodies.NS, bodies.session(name))
        counters, before = on.counters(), on.cpu()
        run.start()
        at = told.wait_name({kind: f'ss-{name}' for kind in CHILDREN}, 120)
        idle = run.settle(300)
        after = on.cpu()
        requests = plane.between(counters, on.counters())
    time.sleep(QUIET_S)  # an allocator gives back what it has not needed for some seconds
    return {'served_s': round(max(at.values()) - run.began, 3), 'idle_s': idle, 'op_cpu_s': round(run.cpu(), 2),
            **plane.spent(before, after), **procs.memory(run.pid), 'requests': requests}


def load(on, service, n):
    """The loader in an operator's place."""
    path = os.path.join(on.folder, 'children')
    bodies.children_file(path, on.uids(), service)
    counters, before = on.counters(), on.cpu()
    said = on.load(path, plane.IN_FLIGHT)
    after = on.cpu()
    requests = plane.between(counters, on.counters())
    on.verify(n)
    return {'wall_s': round(said['wall_s'], 3), 'op_cpu_s': round(said['cpu_s'], 3), **plane.spent(before, after),
            'requests': requests}


def measure(program, service, n, latency_count=LATENCY):
    """All parts of one run; others_pct is the worst part's share of a core that was not ours."""
    out, others = {}, {}
    with plane.Plane(CONTROLLERS='no') as on:
        out['created'] = on.make_sessions([f's-{i}' for i in range(n)])
        time.sleep(2)  # what the server does behind a reply is over

        def part(body, run, *args):
            noise = run.noise = procs.Noise([*on.pids.values(), *([run.pid] if run.process else [])])
            out[body.__name__] = body(run, *args)
            others[body.__name__] = noise.percent()

        if program.variant == 'loader':
            noise = procs.Noise(on.pids.values())
            out['cold'] = load(on, service, n)
            others['cold'] = noise.percent()
        else:
            run = Run(program, on, service, procs.Noise())
            try:
                part(cold, run, n)
                part(quiet, run)
                part(latency, run, latency_count)
                part(restart, run)
            except Exception as error:
                error.add_note(on.text(on.log)[-1500:])
                raise
            finally:
                run.kill()
    out['others_pct'] = max(out['cold'].get('others_pct', 0), *(pct for pct, _ in others.values()))
    out['stolen_pct'] = max(stolen for _, stolen in others.values())
    return out
