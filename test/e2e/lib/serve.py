"""`carrel serve` as a child process: started with flags, asked over its metrics address, stopped by its pid."""
import http.client
import os
import re
import signal
import socket
import subprocess
import time

from lib.tests import Failed, until

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
BINARY = os.environ.get('CARREL_BINARY') or os.path.join(ROOT, 'build', 'carrel')
OURS = re.compile(r'^(CARREL_|DB_|SYNC_|INGRESS_)|^(KUBECONFIG|PORT|API_PORT|NAMESPACE)$')


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def clean_environment(**more):
    """The caller's without what would configure the program."""
    env = {k: v for k, v in os.environ.items() if not OURS.search(k)}
    # what a sanitizer finds ends the program, so that it is seen
    return {**env, **more}


def run_once(*args, seconds=10, **env):
    """The program to its end: exit status and what it said. Still running after that: None."""
    process = subprocess.Popen([BINARY, *args], env=clean_environment(**env), text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        said, _ = process.communicate(timeout=seconds)
        return process.returncode, said
    except subprocess.TimeoutExpired:
        process.kill()
        said, _ = process.communicate()
        return None, said


class Operator:
    def __init__(self, kubeconfig, flags=(), log=None, env=None):
        self.port = free_port()
        self.flags = [*flags]
        if kubeconfig:
            self.flags += ['--kubeconfig', kubeconfig]
        self.flags += ['--metrics-listen', f'127.0.0.1:{self.port}']
        self.log_path = log
        self.env = clean_environment(**(env or {}))
        self.process = None

    def start(self):
        with open(self.log_path, 'ab') as log:
            self.process = subprocess.Popen([BINARY, 'serve', *self.flags], stdout=log, stderr=log,
                                            stdin=subprocess.DEVNULL, env=self.env)
        self.began = time.monotonic()
        return self

    def lives(self):
        return self.process is not None and self.process.poll() is None

    def ask(self, path):
        """Code and text; code 0 where nobody answers."""
        connection = http.client.HTTPConnection('127.0.0.1', self.port, timeout=5)
        try:
            connection.request('GET', path)
            reply = connection.getresponse()
            return reply.status, reply.read().decode(errors='replace')
        except (OSError, http.client.HTTPException):
            return 0, ''
        finally:
            connection.close()

    def is_ready(self):
        if not self.lives():
            raise Failed(f'it has ended with {self.process.returncode}\n{self.tail()}')
        return self.ask('/readyz')[0] == 200

    def wait_ready(self, seconds=20):
        deadline = time.monotonic() + seconds
        while not self.is_ready():
            if time.monotonic() > deadline:
                raise Failed(f'not ready within {seconds} s: {self.ask("/readyz")}\n{self.tail()}')
            time.sleep(0.01)
        return time.monotonic() - self.began

    def metrics(self):
        """'name{labels}' -> number."""
        code, text = self.ask('/metrics')
        if code != 200:
            raise Failed(f'/metrics answers {code}')
        rows = (line.rsplit(' ', 1) for line in text.splitlines() if line and line[0] != '#')
        return {name: float(value) for name, value in rows}

    def writes(self):
        """How many writes it has sent; its Lease goes by another way."""
        return sum(value for name, value in self.metrics().items()
                   if name.startswith('rest_client_requests_total') and 'method="GET"' not in name)

    def accepted(self):
        """How many of them the server took: a patch that meets a newer version is refused, and changes nothing."""
        return sum(value for name, value in self.metrics().items()
                   if name.startswith('rest_client_requests_total{code="2') and 'method="GET"' not in name)

    def quiet(self, seconds=1.5, limit=60):
        """Waits until it has sent no write for so long."""
        last = [self.writes(), time.monotonic()]

        def is_quiet():
            now = self.writes()
            if now != last[0]:
                last[:] = now, time.monotonic()
            return time.monotonic() - last[1] >= seconds
        until(is_quiet, limit, f'no write for {seconds} s')

    def memory_kib(self):
        with open(f'/proc/{self.process.pid}/status') as status:
            return int(re.search(r'VmRSS:\s+(\d+)', status.read())[1])

    def cpu_seconds(self):
        with open(f'/proc/{self.process.pid}/stat') as stat:
            fields = stat.read().rsplit(')', 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')

    def signal(self, number):
        self.process.send_signal(number)

    def stop(self, seconds=10):
        """Politely; its exit status."""
        if not self.lives():
            return self.process.returncode if self.process else None
        self.process.send_signal(signal.SIGCONT)
        self.process.terminate()
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise Failed(f'it has not ended {seconds} s after SIGTERM\n{self.tail()}')

    def kill(self):
        if self.lives():
            self.process.kill()
            self.process.wait()

    def log(self):
        with open(self.log_path, errors='replace') as log:
            return log.read()

    def tail(self, lines=12):
        return '\n'.join(line[:300] for line in self.log().splitlines()[-lines:])
