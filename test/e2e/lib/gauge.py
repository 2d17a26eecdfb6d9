"""What a process holds, looked at again and again: descriptors, threads, memory, CPU; and whether that grows."""
import os
import re
import statistics
import threading
import time

MEMORY_SHARE, MEMORY_KIB = 0.05, 1024  # it may grow by the larger of the two


def sockets(op):
    """The inodes of its open sockets."""
    found, folder = set(), f'/proc/{op.process.pid}/fd'
    for fd in os.listdir(folder):
        try:
            link = os.readlink(os.path.join(folder, fd))
        except FileNotFoundError:
            continue
        if link.startswith('socket:['):
            found.add(link[8:-1])
    return found


def server_sockets(op):
    """The inodes of all connections to its API server."""
    with open(op.flags[op.flags.index('--kubeconfig') + 1]) as file:
        port = int(re.search(r'server["\']?:\s*["\']?https?://[^\s"\']+:(\d+)', file.read())[1])
    with open(f'/proc/{op.process.pid}/net/tcp') as table:
        rows = [line.split() for line in table.readlines()[1:]]
    return {row[9] for row in rows if int(row[2].split(':')[1], 16) == port}


class Sample:
    """descriptors: besides connections to the API server, of which there are as many as there was work lately."""

    def __init__(self, op):
        self.at_s = time.monotonic()
        self.connections = len(server_sockets(op) & sockets(op))
        self.descriptors = int(op.metrics()['process_open_fds']) - self.connections
        with open(f'/proc/{op.process.pid}/status') as status:
            text = status.read()
        self.threads = int(re.search(r'Threads:\s+(\d+)', text)[1])
        self.memory_kib = int(re.search(r'VmRSS:\s+(\d+)', text)[1])
        self.private_kib = int(re.search(r'RssAnon:\s+(\d+)', text)[1])  # without the pages of code
        self.cpu_s = op.cpu_seconds()


class Gauge(threading.Thread):
    def __init__(self, op, every_s):
        super().__init__(daemon=True)
        self.op, self.every_s, self.samples, self.over = op, every_s, [], threading.Event()

    def run(self):
        while not self.over.wait(self.every_s):
            try:
                self.samples.append(Sample(self.op))
            except Exception:  # it is paused, which is one of the faults: the next sample tells
                continue

    def stop(self):
        self.over.set()
        self.join(30)

    def quarter(self, number):
        """The medians of the first to fourth quarter, as one sample."""
        began, ended = self.samples[0].at_s, self.samples[-1].at_s
        length = (ended - began) / 4
        part = [s for s in self.samples if began + (number - 1) * length <= s.at_s <= began + number * length]
        return {what: statistics.median(getattr(s, what) for s in part)
                for what in ('connections', 'descriptors', 'threads', 'memory_kib', 'private_kib')}

    def cpu_share(self):
        first, last = self.samples[0], self.samples[-1]
        return (last.cpu_s - first.cpu_s) / (last.at_s - first.at_s)


def other_numbers(before, after):
    return [f'{what}: {before[what]:g}, then {after[what]:g}' for what in ('descriptors', 'threads')
            if after[what] != before[what]]


def more_memory(before, after, kinds=('private_kib',)):
    """private_kib alone where not all code that is ever used has been: its pages come back and are no leak."""
    return [f'{what}: {before[what]:.0f}, then {after[what]:.0f}' for what in kinds
            if after[what] > before[what] + max(MEMORY_SHARE * before[what], MEMORY_KIB)]
