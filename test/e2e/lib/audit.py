"""The apiserver's audit log: every request with who sent it and when it was answered."""
import datetime
import json
import re

WRITES = ('create', 'update', 'patch', 'delete', 'deletecollection')

REPLICA = re.compile(r'replica/(\S+)')


def moment(text):
    return datetime.datetime.fromisoformat(text.replace('Z', '+00:00')).timestamp()


class Request:
    def __init__(self, line):
        ref = line.get('objectRef') or {}
        self.verb, self.agent = line['verb'], line.get('userAgent', '')
        self.kind, self.sub = ref.get('resource', ''), ref.get('subresource', '')
        self.user, self.group = line.get('user', {}).get('username', ''), ref.get('apiGroup', '')
        self.decision = line.get('annotations', {}).get('authorization.k8s.io/decision', '')
        self.ns, self.name = ref.get('namespace', ''), ref.get('name', '')
        self.code = (line.get('responseStatus') or {}).get('code', 0)
        self.at_s, self.done_s = moment(line['requestReceivedTimestamp']), moment(line['stageTimestamp'])

    def __repr__(self):
        sub = f'/{self.sub}' if self.sub else ''
        return f'{self.verb} {self.kind}{sub} {self.ns}/{self.name} {self.code}'

    @property
    def is_write(self):
        return self.verb in WRITES

    @property
    def replica(self):
        """Which of several operators sent it, by the name that it also puts into the Lease."""
        found = REPLICA.search(self.agent)
        return found[1] if found else None

    @property
    def is_ours(self):
        return self.agent.startswith('carrel/')


class Audit:
    """Read from a mark on; None as path: this cluster keeps no log that we can read."""

    def __init__(self, path):
        self.path = path

    def mark(self):
        with open(self.path, 'rb') as log:
            return log.seek(0, 2)

    def since(self, mark):
        with open(self.path, 'rb') as log:
            log.seek(mark)
            lines = log.read().split(b'\n')
        for line in lines:
            if line.endswith(b'}'):
                entry = json.loads(line)
                if entry['stage'] == 'ResponseComplete':
                    yield Request(entry)

    def writes(self, mark):
        """Those of the operator, its Lease aside."""
        return [r for r in self.since(mark) if r.is_ours and r.is_write and r.kind != 'leases']

    def requests(self, mark):
        """All of the operator but its Lease."""
        return [r for r in self.since(mark) if r.is_ours and r.kind != 'leases']
