"""Users who never rest: each thread has sessions of its own, and does with them at random what users do."""
import http.client
import random
import threading
import time

from lib import things
from lib.kube import ApiError

USERS = 23
NEXT = {  # what may follow which wish, and how likely it is
    None: (('create', 1),),
    'running': (('hibernate', 5), ('delete', 2), ('edit', 2), ('spoil', 1)),
    'hibernated': (('wake', 6), ('delete', 2), ('edit', 1)),
}
STATES = {'create': 'running', 'hibernate': 'hibernated', 'wake': 'running', 'delete': None}


class Crowd:
    """wishes: session -> the state that its user asked for last; None: that it is gone."""

    def __init__(self, kube, ns, count, a_second, seed, threads=4):
        self.kube, self.ns = kube, ns
        self.names = [f's-{i}' for i in range(count)]
        self.wishes = dict.fromkeys(self.names)
        self.homes = {}  # session -> whether it has one
        self.pause_s = threads / a_second
        self.go, self.over = threading.Event(), threading.Event()
        self.done, self.refused = {}, 0
        self.threads = [threading.Thread(target=self.live, args=(self.names[i::threads], random.Random(f'{seed} {i}')),
                                         daemon=True) for i in range(threads)]

    def fill(self):
        """Begins to make every session once; what comes after waits for go."""
        for thread in self.threads:
            thread.start()

    def full(self):
        return all(self.wishes.values())

    def stop(self):
        self.over.set()
        self.go.set()
        for thread in self.threads:
            thread.join(120)
        stuck = [thread.name for thread in self.threads if thread.is_alive()]
        assert not stuck, f'users that cannot stop: {stuck}'

    def live(self, names, rng):
        for name in names:
            self.insist(name, 'create', rng)
        self.go.wait()
        while not self.over.wait(rng.expovariate(1 / self.pause_s)):
            name = rng.choice(names)
            words, weights = zip(*NEXT[self.wishes[name]])
            self.insist(name, rng.choices(words, weights)[0], rng)

    def insist(self, name, what, rng):
        """Until the server has it: an answer that did not come may have been a yes."""
        body = rng.random(), rng.randrange(30, 90)
        while True:
            try:
                self.act(name, what, *body)
                break
            except ApiError as error:
                if error.code == 409 and what == 'create' and self.kube.find('sessions', self.ns, name):
                    break
                if error.code == 404 and what == 'spoil':
                    break
                if error.code < 500 and error.code not in (409, 429):
                    raise
            except (OSError, http.client.HTTPException):
                pass
            self.refused += 1
            time.sleep(0.5)
        if what in STATES:
            self.wishes[name] = STATES[what]
        self.done[what] = self.done.get(what, 0) + 1

    def act(self, name, what, share, minutes):
        if what == 'create':
            self.homes[name] = share < 0.2
            self.kube.create('sessions', self.ns, things.session(
                name, user=f'u-{int(name[2:]) % USERS}', persistentHome=share < 0.2))
        elif what == 'delete':
            self.kube.delete('sessions', self.ns, name)
        elif what == 'spoil':  # somebody else's hand on what is ours
            self.kube.delete('services' if share < 0.5 else 'ingresses', self.ns, f'ss-{name}')
        else:
            change = {'idleTimeout': f'{minutes}m'} if what == 'edit' else {'state': STATES[what]}
            self.kube.patch('sessions', self.ns, name, {'spec': change}, manager='user')
