"""Sessions as their users meet them: through Envoy, on 127.0.0.1:8080 of the cluster's network."""
import http.client
import threading
import time

from lib.tests import until

DOMAIN = 'carrel.test'
URL = f'http://{DOMAIN}:8080'


def ask(host, path='/'):
    """Code and text through the ingress; code 0 where nobody listens."""
    connection = http.client.HTTPConnection('127.0.0.1', 8080, timeout=5)
    try:
        connection.request('GET', path, headers={'Host': host})
        reply = connection.getresponse()
        return reply.status, reply.read().decode(errors='replace')
    except (OSError, http.client.HTTPException):
        return 0, ''
    finally:
        connection.close()


def host_of(world, ns, name):
    return f'{name}-{ns}.{DOMAIN}'


def answers(world, ns, name, seconds=20):
    """Until it answers through the ingress; the text."""
    host = host_of(world, ns, name)

    def is_there():
        code, text = ask(host)
        return text if code == 200 else None
    return until(is_there, seconds, f'{host} answers', every=0.01)


def is_up(status):
    return status.phase == 'Running' and status.is_true('Ready')


class Visitors:
    """Users who ask one session after the other, each time on a new connection, until the end of the block. What does not
    answer 200 is kept in `failed`."""

    def __init__(self, hosts, threads=4, pause=0.02):
        self.hosts, self.pause = hosts, pause
        self.asked, self.failed = 0, []
        self.lock, self.enough = threading.Lock(), threading.Event()
        self.threads = [threading.Thread(target=self.go_round, args=(hosts[i::threads],), daemon=True)
                        for i in range(threads)]

    def go_round(self, hosts):
        while not self.enough.is_set():
            for host in hosts:
                code, text = ask(host)
                with self.lock:
                    self.asked += 1
                    if code != 200:
                        self.failed.append((time.strftime('%H:%M:%S'), host, code, text[:80]))
                self.enough.wait(self.pause)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.enough.set()
        for thread in self.threads:
            thread.join()
