"""What processes cost: processor time and memory from /proc, and how much of the machine was not ours."""
import os
import re
import time

TICK = os.sysconf('SC_CLK_TCK')


def cpu_s(pid):
    """User and system time of a process so far; 0.0 where it is gone."""
    try:
        with open(f'/proc/{pid}/stat') as stat:
            fields = stat.read().rsplit(')', 1)[1].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICK


MEMORY = {'rss_mib': 'VmRSS', 'anon_mib': 'RssAnon', 'hwm_mib': 'VmHWM'}


def memory(pid):
    """MiB resident now, what of it is the program's own data, and the most it ever was."""
    with open(f'/proc/{pid}/status') as status:
        text = status.read()
    return {key: round(int(re.search(rf'{name}:\s+(\d+)', text)[1]) / 1024, 2) for key, name in MEMORY.items()}


def machine_s():
    """(busy, stolen by the host) seconds of all cores since the machine started."""
    with open('/proc/stat') as stat:
        n = [int(field) / TICK for field in stat.readline().split()[1:9]]
    return n[0] + n[1] + n[2] + n[5] + n[6], n[7]


def own_s():
    """Of this program, and of its children that have ended."""
    return sum(os.times()[:4])


class Noise:
    """The share of a core that processes other than ours have used since it was made."""

    def __init__(self, pids=()):
        self.pids = {pid: cpu_s(pid) for pid in pids}
        self.began, self.own, (self.busy, self.stolen) = time.monotonic(), own_s(), machine_s()
        self.ended_s = 0.0

    def add(self, pid):
        self.pids.setdefault(pid, 0.0)

    def ended(self, pid):
        """Waited for: all that it has ever used counts as our child's now, also what was before our time."""
        self.own += self.pids.pop(pid, 0.0)

    def percent(self):
        wall = time.monotonic() - self.began
        busy, stolen = machine_s()
        ours = own_s() - self.own + sum(cpu_s(pid) - was for pid, was in self.pids.items())
        return (round(max(0.0, 100 * (busy - self.busy - ours) / wall), 1),
                round(100 * (stolen - self.stolen) / wall, 1))


def wait_for_quiet(limit_pct, seconds=300):
    """Until the machine has been left to us for two seconds; whether it was."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        noise = Noise()
        time.sleep(2)
        if noise.percent()[0] <= limit_pct:
            return True
    return False
