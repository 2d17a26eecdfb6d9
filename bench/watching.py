"""When things appear: a watch of metadata alone, cheap for the server and for us, with the time of each name."""
import http.client
import re
import threading
import time

from lib.kube import place

META = 'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io'
TYPE = re.compile(rb'^\{"type":"([A-Z]+)"')
NAME = re.compile(rb'"name":"([^"]+)"')


class Watch(threading.Thread):
    """First time at which each name was told of in an event of one of these types. An apiserver that has too much to do ends a
    watch that does not keep up; what it would have told meanwhile is then listed, and the watch goes on from there."""

    def __init__(self, kube, kind, ns, types, news, fields=''):
        super().__init__(daemon=True)
        self.kube, self.types, self.news, self.seen, self.failure = kube, types, news, {}, ''
        self.place, self.query = place(kind, ns), f'&fieldSelector={fields}' if fields else ''
        self.over = False
        self.begin(kube.call('GET', f'{self.place}?limit=1{self.query}')['metadata']['resourceVersion'])
        self.start()

    def begin(self, version):
        path = f'{self.place}?watch=1&resourceVersion={version}&timeoutSeconds=3600{self.query}'
        self.connection = self.kube.connect()
        self.connection.timeout = None
        self.connection.request('GET', self.kube.url.path.rstrip('/') + path,
                                headers={'Accept': META, 'User-Agent': 'carrel-bench'})
        self.connection.sock.settimeout(None)
        self.reply = self.connection.getresponse()
        if self.reply.status != 200:
            raise AssertionError(f'watch of {self.place}: {self.reply.status} {self.reply.read()[:300]}')

    def told(self, names):
        now = time.monotonic()
        with self.news:
            for name in names:
                self.seen.setdefault(name, now)
            self.news.notify_all()

    def follow(self):
        for line in iter(self.reply.readline, b''):
            kind = TYPE.match(line)
            if kind and kind[1].decode() in self.types:
                self.told([NAME.search(line)[1].decode()])

    def catch_up(self):
        """What is there now, by pages; the version from which the watch goes on."""
        query, version = '', None
        while True:
            page = self.kube.call('GET', f'{self.place}?limit=500{self.query}{query}')
            self.told([item['metadata']['name'] for item in page['items']])
            version = version or page['metadata']['resourceVersion']
            if not page['metadata'].get('continue'):
                return version
            query = '&continue=' + page['metadata']['continue']

    def run(self):
        for left in range(10, -1, -1):
            why = 'the server has ended it'
            try:
                self.follow()
                if not self.over and left and 'ADDED' in self.types:
                    self.begin(self.catch_up())
                    continue
            except (OSError, ValueError, AttributeError, http.client.HTTPException) as error:
                why = repr(error)
            break
        with self.news:
            self.failure = why
            self.news.notify_all()

    def end(self):
        self.over = True
        try:
            self.connection.sock and self.connection.sock.shutdown(2)
        except OSError:
            pass


class Watches:
    """Several, with one wait for all."""

    def __init__(self, kube, ns, kinds):
        """kinds: name -> (types, fields)"""
        self.news = threading.Condition()
        self.by = {kind: Watch(kube, kind, ns, types, self.news, fields) for kind, (types, fields) in kinds.items()}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for watch in self.by.values():
            watch.end()

    def broken(self):
        """A watch that has ended tells nothing any more: what waits for it shall not wait."""
        return {kind: watch.failure for kind, watch in self.by.items() if watch.failure}

    def wait(self, is_so, seconds, what):
        with self.news:
            self.news.wait_for(lambda: is_so() or self.broken(), seconds)
            if not is_so():
                counts = {kind: len(watch.seen) for kind, watch in self.by.items()}
                raise TimeoutError(f'not within {seconds} s: {what}; seen: {counts}; broken: {self.broken()}')

    def wait_name(self, names, seconds):
        """kind -> name; the moment of each."""
        self.wait(lambda: all(name in self.by[kind].seen for kind, name in names.items()), seconds, str(names))
        return {kind: self.by[kind].seen[name] for kind, name in names.items()}
