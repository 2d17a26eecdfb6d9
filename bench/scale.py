"""Many sessions with pods, on nodes that kwok plays, with controller-manager and scheduler; then the operator again."""
import http.client
import time

import bodies
import fleet
import plane
import procs
from watching import Watches

PODS_A_NODE = 1000


def ready_s(run, seconds=120):
    """From its start until /readyz says that all caches are filled."""
    host, port = run.listens.split(':')
    while time.monotonic() - run.began < seconds:
        connection = http.client.HTTPConnection(host, int(port), timeout=5)
        try:
            connection.request('GET', '/readyz')
            if connection.getresponse().status == 200:
                return round(time.monotonic() - run.began, 3)
        except OSError:
            pass
        finally:
            connection.close()
        run.check()
        time.sleep(0.005)
    raise TimeoutError(f'not ready within {seconds} s')


class Run(fleet.Run):
    def start(self):
        super().start()
        arguments = self.process.args
        self.listens = arguments[arguments.index('--metrics-listen') + 1]
        return self


def start_all(run, n):
    """Sessions made while the operator runs; until the last one is Running."""
    on = run.plane
    with Watches(on.kube, bodies.NS, {'sessions': (('ADDED',), 'status.phase%3DRunning')}) as told:
        seen = told.by['sessions'].seen
        counters, cpu, before = on.counters(), run.cpu(), on.cpu()
        began = time.monotonic()
        made = on.make_sessions([f's-{i}' for i in range(n)])
        told.wait(lambda: len(seen) >= n, 900 + n / 2, f'{n} sessions that run')
        took = sorted(at - began for at in seen.values())
        run.settle(600)
        requests = plane.between(counters, on.counters())
    time.sleep(fleet.QUIET_S)
    return {'created_s': round(made['wall_s'], 2), 'half_ready_s': round(took[n // 2], 2), 'all_ready_s': round(took[-1], 2),
            'op_cpu_s': round(run.cpu() - cpu, 2), **plane.spent(before, on.cpu()), **procs.memory(run.pid),
            'requests_of_all': requests}


def own_metrics(run):
    """What the operator says of itself: 'name{labels}' -> number."""
    host, port = run.listens.split(':')
    connection = http.client.HTTPConnection(host, int(port), timeout=10)
    connection.request('GET', '/metrics')
    text = connection.getresponse().read().decode()
    connection.close()
    rows = (line.rsplit(' ', 1) for line in text.splitlines() if line and line[0] != '#')
    return {name: int(float(value)) for name, value in rows}


def start_again(run):
    on = run.plane
    on.wait_still()
    run.stop()
    counters = on.counters()
    run.start()
    ready = ready_s(run)
    idle = run.settle(600)
    requests, own = plane.between(counters, on.counters()), own_metrics(run)
    sent = sum(n for name, n in own.items()
               if name.startswith('rest_client_requests_total') and 'method="GET"' not in name)
    cpu = round(run.cpu(), 2)
    time.sleep(fleet.QUIET_S)
    return {'again_ready_s': ready, 'again_idle_s': idle, 'again_op_cpu_s': cpu,
            **{f'again_{key}': mib for key, mib in procs.memory(run.pid).items()},
            'again_writes': sent, 'again_requests_of_all': requests,
            'cached': {name.split('"')[1]: n for name, n in own.items() if name.startswith('carrel_cache_objects{')}}


def measure(program, n):
    with plane.Plane('scale', NODES=str(max(10, n // PODS_A_NODE))) as on:
        run = Run(program, on, 'headless', procs.Noise(on.pids.values()))
        try:
            run.start()
            ready_s(run)
            out = {'part': 'scale', 'n': n, **start_all(run, n)}
            run.noise, noise = procs.Noise(), run.noise
            out['others_pct'] = noise.percent()[0]
            out.update(start_again(run))
        finally:
            run.kill()
    return out
