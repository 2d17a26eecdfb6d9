"""docs/operate.md against the program: every flag, metric, condition, reason, event and alert stands there, and no other."""
import os
import re
import subprocess

from lib.api import Api
from lib.serve import BINARY, ROOT, free_port
from lib.tests import equal, expect, test
from shipped.helm import CHART, lead, operator

CODE = 'controller'
WORD = r'"([A-Z][A-Za-z]+)"'


def text_of(*path):
    with open(os.path.join(ROOT, *path)) as file:
        return file.read()


def table(head):
    """First cells of the table of docs/operate.md that begins with this cell."""
    lines = iter(text_of('docs', 'operate.md').splitlines())
    for line in lines:
        if line.startswith(f'| {head} |'):
            next(lines)
            break
    rows = []
    for line in lines:
        if not line.startswith('|'):
            break
        rows.append(re.split(r'(?<!\\)\|', line)[1].strip())
    expect(rows, f'no table of {head}')
    return rows


def source():
    names = sorted(n for n in os.listdir(os.path.join(ROOT, CODE)) if n.endswith('.c'))
    return '\n'.join(text_of(CODE, name) for name in names)


def statements(code, begin):
    """Each statement that holds what begins so, from there on."""
    for match in re.finditer(begin, code):
        yield code[match.end():code.index(';', match.end())]


@test('documents', 'every option stands in docs/operate.md as the program explains it')
def _(_):
    said = subprocess.run([BINARY, 'help', 'serve'], capture_output=True, text=True, check=True).stdout
    wanted = [f'| `--{name}` | {what} |' for name, what in re.findall(r'^  --([a-z-]+ \S+) +(.*)$', said, re.M)]
    wanted = [row.replace('true|false', 'true\\|false') for row in wanted]
    expect(len(wanted) > 30, said)
    stand = [line for line in text_of('docs', 'operate.md').splitlines() if line.startswith('| `--')]
    equal(stand, wanted)


@test('documents', 'every metric that the program prints stands there, and no other')
def _(world):
    world.helm.install()
    port = free_port()
    with operator(world, '--listen', f'127.0.0.1:{port}') as op, world.namespace('metrics') as ns:
        lead(op)
        equal(Api(port).get('/health').code, 200)  # the API counts from its first answer on
        world.template(ns)
        world.session(ns, 'x')
        world.wait_children(ns, 'x')
        printed = set(re.findall(r'^# TYPE (\w+) ', op.ask('/metrics')[1], re.M))
    stand = {name for row in table('series') for name in re.findall(r'`([a-z_]+)', row)}
    equal((sorted(printed - stand), sorted(stand - printed)), ([], []))


@test('documents', 'every condition and every reason of the source stands there, and no other')
def _(_):
    code = source()
    block = re.search(r'session_condition_names\[SESSION_CONDITION_COUNT\] = \{(.*?)\};', code, re.S)[1]
    equal(set(table('condition')), set(re.findall(WORD, block)))
    reasons = set(re.findall(r'problem_reason = ' + WORD, code)) | set(re.findall(r'\\"reason\\":\\"([A-Z]\w+)', code))
    reasons |= set(re.findall(r'\(struct judgement\)\{\w+, ' + WORD, code))
    for statement in statements(code, r'\(struct trouble\)\{'):
        reasons |= set(re.findall(WORD, statement.split(',')[0]))
    for statement in statements(code, r'\bset(?:_true|_false|_unknown)?\(st, SESSION_\w+,|\bset_problem\(f,'):
        reasons |= set(re.findall(WORD, statement))
    equal((sorted(reasons - set(table('reason'))), sorted(set(table('reason')) - reasons)), ([], []))


@test('documents', 'every event that is told by name stands there, and no other')
def _(_):
    code = source()
    told = {word for rest in statements(code, r'\bstep_event\(io, (?:true|false),')
            for word in re.findall(r'^\s*' + WORD, rest)}
    expect(len(told) > 4, told)
    # the one event of a Template has the reason of its judgement, of which one is bad
    equal(set(table('event')), told | set(re.findall(r'\(struct judgement\)\{false, ' + WORD, code)))


@test('documents', 'every alert stands there, is said in words, and asks for metrics that there are')
def _(_):
    rules = text_of('manifests', 'chart', 'files', 'alerts.yaml')
    alerts = re.findall(r'alert: (\w+)\n +expr: (.*)\n', rules)
    equal([name for name, _ in alerts], table('alert'))
    stand = {name for row in table('series') for name in re.findall(r'`([a-z_]+)', row)}
    for name, expression in alerts:
        asked = set(re.findall(r'\b(?:carrel|controller|workqueue|rest|leader)_\w+', expression))
        expect(asked and asked <= stand, f'{name} asks for {asked - stand}')


@test('documents', 'values that docs/operate.md names are values of the chart')
def _(world):
    said = world.helm.run('show', 'values', CHART)[1]
    named = re.findall(r'`((?:rbac|admission|networkPolicy|sessionNetworkPolicy|flowControl|serviceMonitor|prometheusRule|'
                       r'crds)[.\w]*)', text_of('docs', 'operate.md'))
    expect(len(set(named)) > 6, named)
    for name in named:
        expect(re.search(rf'^ *{re.escape(name.split(".")[-1])}:', said, re.M), f'there is no {name}')
