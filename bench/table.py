"""The tables of docs/performance.md, made of what is in build/bench/runs."""
import programs

GO = ('naive', 'tuned')
PEERS = (*GO, 'rs', 'rs-hash')
ORDER = list(programs.VARIANTS)


def median(numbers):
    ordered = sorted(numbers)
    return (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2


def short(number):
    if number == 0:
        return '0'
    digits = 0 if abs(number) >= 100 else 1 if abs(number) >= 10 else 2
    return f'{number:.{digits}f}'


def spread(numbers):
    """median [min–max], the median alone where there is one run or no spread."""
    if not numbers:
        return '–'
    low, high = short(min(numbers)), short(max(numbers))
    return short(median(numbers)) if low == high else f'{short(median(numbers))} [{low}–{high}]'


def rows(head, lines):
    out = ['| ' + ' | '.join(head) + ' |', '|' + '---|' * len(head)]
    return out + ['| ' + ' | '.join(str(cell) for cell in line) + ' |' for line in lines] + ['']


def refused(requests):
    return sum(n for key, n in requests.items() if key.split()[-1][0] == '4')


def sent(requests):
    return sum(n for key, n in requests.items() if key.split()[0] not in ('GET', 'LIST'))


# name -> its number in a run
FIGURES = {
    'wall s': lambda r: r['cold']['wall_s'],
    'sessions/s': lambda r: r['n'] / r['cold']['wall_s'],
    'own CPU ms a session': lambda r: 1000 * r['cold']['op_cpu_s'] / r['n'],
    'apiserver ms': lambda r: 1000 * r['cold']['apiserver_cpu_s'] / r['n'],
    'etcd ms': lambda r: 1000 * r['cold']['etcd_cpu_s'] / r['n'],
    'RSS MiB': lambda r: r['quiet']['rss_mib'],
    'own data MiB': lambda r: r['quiet']['anon_mib'],
    'peak MiB': lambda r: r['quiet']['hwm_mib'],
    'writes a session': lambda r: sent(r['cold']['requests']) / r['n'],
    '4xx': lambda r: refused(r['cold']['requests']),
    'others %': lambda r: r['others_pct'],
}
AGAIN = {
    'served s': lambda r: r['restart']['served_s'],
    'idle s': lambda r: r['restart']['idle_s'],
    'own CPU s': lambda r: r['restart']['op_cpu_s'],
    'apiserver CPU s': lambda r: r['restart']['apiserver_cpu_s'],
    'RSS MiB': lambda r: r['restart']['rss_mib'],
    'own data MiB': lambda r: r['restart']['anon_mib'],
    'peak MiB': lambda r: r['restart']['hwm_mib'],
    'writes': lambda r: sent(r['restart']['requests']),
    'writes in 10 quiet s': lambda r: sent(r['quiet']['requests']),
}
ONE = {
    'POST p50 ms': lambda r: r['latency']['post_ms']['p50'],
    'children p50': lambda r: r['latency']['children_ms']['p50'],
    'children p99': lambda r: r['latency']['children_ms']['p99'],
    'status p50': lambda r: r['latency']['status_ms']['p50'],
    'status p99': lambda r: r['latency']['status_ms']['p99'],
    'own CPU ms a session': lambda r: 1000 * r['latency']['op_cpu_s'] / r['latency']['count'],
    'apiserver ms': lambda r: 1000 * r['latency']['apiserver_cpu_s'] / r['latency']['count'],
}


def figures_of(runs, figures):
    def of(figure):
        found = []
        for run in runs:
            try:
                found.append(figure(run))
            except KeyError:
                pass  # the loader has no restart, and keeps nothing resident
        return found
    return [spread(of(figure)) for figure in figures.values()]


class Fleet:
    """The runs of `fleet`, by size, Service type and variant; each with its round."""

    def __init__(self, records):
        self.by = {}
        for name, run in records.items():
            if run.get('part') == 'fleet':
                key = run['n'], run['service'], run['variant']
                self.by.setdefault(key, {})[int(name.rsplit('-r', 1)[1])] = run

    def sizes(self):
        return sorted({n for n, _, _ in self.by})

    def runs(self, n, service, variant):
        return [run for _, run in sorted(self.by.get((n, service, variant), {}).items())]

    def table(self, n, service, figures, only=None):
        lines = []
        for variant in ORDER:
            runs = self.runs(n, service, variant)
            if runs and not (only and only not in runs[0]):
                lines.append([variant, len(runs), *figures_of(runs, figures)])
        return rows(['', 'runs', *figures], lines) if lines else []

    def median_of(self, n, service, variant, figure):
        runs = self.runs(n, service, variant)
        return median([figure(run) for run in runs]) if runs else None

    def best(self, n, service, peers, figure, highest):
        """The peer whose median is best, None where none was measured."""
        known = {p: self.median_of(n, service, p, figure) for p in peers}
        known = {p: value for p, value in known.items() if value is not None}
        return (max if highest else min)(known, key=known.get) if known else None

    def ratio(self, n, mine, theirs, figure):
        """Carrel's figure over another's, pair by pair of the same round: median, spread, pairs."""
        a, b = self.by.get((n, mine, 'carrel'), {}), self.by.get((n, *theirs), {})
        pairs = [figure(a[i]) / figure(b[i]) for i in sorted(a.keys() & b.keys()) if figure(b[i])]
        return (spread(pairs), len(pairs)) if pairs else None


COMPARED = [  # what, Carrel's Service type, the other's, among whom, figure, highest is best, target
    ('CPU a session, like for like', 'headless', 'headless', GO, FIGURES['own CPU ms a session'], False, '≤ 0.25'),
    ('CPU a session, like for like', 'headless', 'headless', PEERS, FIGURES['own CPU ms a session'], False, ''),
    ('sessions/s, like for like', 'headless', 'headless', PEERS, FIGURES['sessions/s'], True, '≥ 1.5'),
    ('sessions/s, both ClusterIP', 'ClusterIP', 'ClusterIP', PEERS, FIGURES['sessions/s'], True, ''),
    ('sessions/s, as each is deployed', 'headless', 'ClusterIP', PEERS, FIGURES['sessions/s'], True, '≥ 2'),
    ('sessions/s, of the bare loader', 'headless', 'headless', ('loader',), FIGURES['sessions/s'], True, '≥ 0.9'),
    ('resident memory', 'headless', 'headless', PEERS, FIGURES['RSS MiB'], False, ''),
    ('restart until idle', 'headless', 'headless', PEERS, AGAIN['idle s'], False, '≤ 0.33'),
    ('created → children, p50', 'headless', 'headless', PEERS, ONE['children p50'], False, '≤ 0.6'),
    ('created → children, p99', 'headless', 'headless', PEERS, ONE['children p99'], False, '≤ 0.6'),
]


def comparison(fleet, n):
    lines = []
    for what, mine, theirs, peers, figure, highest, target in COMPARED:
        best = fleet.best(n, theirs, peers, figure, highest)
        found = best and fleet.ratio(n, mine, (theirs, best), figure)
        if found:
            lines.append([what, f'{best} ({theirs})', found[0], found[1], target])
    return rows(['Carrel ÷ the best of the others', 'who', 'median of pairs', 'pairs', 'target'], lines) if lines else []


def fleet_tables(fleet):
    out = []
    for n in fleet.sizes():
        out += [f'### {n:,} sessions', '', *comparison(fleet, n)]
        for service in ('headless', 'ClusterIP'):
            out += [f'{service} Services, from a cold start:', '', *fleet.table(n, service, FIGURES)]
        for service in ('headless', 'ClusterIP'):
            out += [f'{service}, restarted while one session waits:', '', *fleet.table(n, service, AGAIN, 'restart')]
        for service in ('headless', 'ClusterIP'):
            out += [f'{service}, one session at a time:', '', *fleet.table(n, service, ONE, 'latency')]
    return out


def requests_table(fleet):
    out = []
    for n in fleet.sizes():
        lines = []
        for variant in ORDER:
            runs = fleet.runs(n, 'headless', variant)
            if runs:
                counted = runs[0]['cold']['requests']
                lines.append([variant, ', '.join(f'{key} {number}' for key, number in counted.items())])
        out += [f'Requests of the first round, {n:,} sessions, headless, as the apiserver counts them:', '',
                *rows(['', 'verb, resource, code, number'], lines)]
    return out


def first_byte_table(records):
    lines = [[r['pairs'], spread(r['took_ms']['session']), spread(r['took_ms']['kubectl']), spread(r['took_ms']['api']),
              r['of_kubectl'], r['of_api']] for r in records.values() if r.get('part') == 'first-byte']
    head = ['pairs', 'Session ms', 'kubectl apply ms', 'three POSTs ms', 'Session ÷ kubectl (target ≤ 1.15)', 'Session ÷ POSTs']
    return ['### Created → first byte through Envoy, real node', '', *rows(head, lines)] if lines else []


def scale_table(records):
    fields = {'sessions': 'n', 'half ready s': 'half_ready_s', 'all ready s': 'all_ready_s', 'own CPU s': 'op_cpu_s',
              'RSS MiB': 'rss_mib', 'own data MiB': 'anon_mib', 'peak MiB': 'hwm_mib', 'again: ready s': 'again_ready_s',
              'idle s': 'again_idle_s', 'CPU s ': 'again_op_cpu_s', 'RSS MiB ': 'again_rss_mib',
              'own data MiB ': 'again_anon_mib', 'peak MiB ': 'again_hwm_mib', 'own writes': 'again_writes',
              'others %': 'others_pct'}
    lines = [[r[field] for field in fields.values()] for r in records.values() if r.get('part') == 'scale']
    return ['### Sessions with pods on played nodes', '', *rows(list(fields), lines)] if lines else []


def origin(records):
    commits = sorted({r['commit'] for r in records.values()})
    days = sorted({r['at'][:10] for r in records.values()})
    worst = max((r['others_pct'] for r in records.values()), default=0)
    return [f'Measured {" to ".join(sorted({days[0], days[-1]}))} at {", ".join(commits)}. '
            f'Other processes used up to {worst:.0f} % of a core beside a run'
            + (': these are not figures, only a proof that the bench runs.' if worst > 12 else '.'), '']


def all_of_them(records):
    if not records:
        return 'Nothing is measured yet.\n'
    fleet = Fleet(records)
    lines = [*origin(records), *fleet_tables(fleet), *requests_table(fleet), *first_byte_table(records), *scale_table(records)]
    return '\n'.join(lines).rstrip('\n') + '\n'
