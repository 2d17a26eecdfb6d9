"""The write budget, held by the apiserver's own counters on a control plane of its own: `bench/run budget`."""
import fleet
import plane
import procs
from lib import cluster

N = 200
EACH = ('POST deployments 201', 'POST services 201', 'POST ingresses 201', 'APPLY sessions/status 200')
ONCE = ('POST controllerrevisions 201', 'APPLY templates/status 200')  # of the one Template


FOUR = f'{N} sessions cost four requests each: three creates and one status, no conflict'
QUIET = 'a quiet cluster costs nothing'
AGAIN = 'a restart with everything reconciled writes nothing'


def judge(sentence, seen, wanted):
    good = seen == wanted
    print(f'{"ok" if good else "not ok"} - bench: {sentence}' + ('' if good else f'\n    {seen} instead of {wanted}'),
          flush=True)
    return good


def stopped_and_started(run):
    """Everything stands: what does a restart write?"""
    run.stop()
    before = run.plane.counters()
    run.start()
    run.settle()
    return plane.between(before, run.plane.counters())


def try_all(on, program):
    on.make_sessions([f's-{i}' for i in range(N)])
    operator = fleet.Run(program, on, 'headless', procs.Noise())
    try:
        cold = plane.only_writes(fleet.cold(operator, N)['requests'])
        yield judge(FOUR, {key: n for key, n in cold.items() if key not in ONCE}, dict.fromkeys(sorted(EACH), N))
        yield judge(QUIET, plane.only_writes(fleet.quiet(operator)['requests']), {})
        yield judge(AGAIN, plane.only_writes(stopped_and_started(operator)), {})
    finally:
        operator.kill()


def run(program):
    good = []
    try:
        with plane.Plane(CONTROLLERS='no') as on:
            good += try_all(on, program)
    except cluster.NoCluster as why:
        for sentence in (FOUR, QUIET, AGAIN):
            print(f'not run - bench: {sentence} ({why})')
    print(f'{sum(good)} passed, {len(good) - sum(good)} failed')
    return 0 if all(good) else 1
