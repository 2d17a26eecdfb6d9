"""A second watch beside the operator's: who lived when, in the order of the server's own revisions.

    with Witness(kube, ns) as witness:
        ...
        witness.catch_up()
        witness.doubles('pods')        owners that ever had two at a time

Each kind has a thread that lists once and then watches; it goes on after a cut from where it was. Where the server has
forgotten that place (it restarted), it lists again and counts a gap: what came and went meanwhile was not seen.
"""
import http.client
import json
import threading
import time
import urllib.parse

from lib.kube import place
from lib.tests import until

METADATA = 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1'
LISTED = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1'
KINDS = ('deployments', 'services', 'ingresses', 'pods', 'persistentvolumeclaims')
SESSION_UID = 'carrel.dev/session-uid'


class Forgotten(Exception):
    """The server does not know that revision any more."""


class Life:
    """Of one object: from its first revision until it is deleted or on its way out (None: it lives)."""
    __slots__ = ('uid', 'name', 'owner', 'born', 'died')

    def __init__(self, meta):
        self.uid, self.name, self.born, self.died = meta['uid'], meta['name'], int(meta['resourceVersion']), None
        owners = [o['uid'] for o in meta.get('ownerReferences', []) if o.get('controller')]
        self.owner = meta.get('annotations', {}).get(SESSION_UID) or (owners[0] if owners else None)

    def __repr__(self):
        return f'{self.name} {self.uid} from {self.born} to {self.died or "now"}'


class Stream(threading.Thread):
    def __init__(self, kube, kind, ns):
        super().__init__(daemon=True, name=f'witness of {kind}')
        self.kube, self.kind, self.ns = kube, kind, ns
        self.lives, self.living = {}, {}
        self.revision = self.gaps = 0
        self.stopping = False
        self.list()

    def ask(self, accept, **query):
        connection = self.kube.connect()
        headers = {'Accept': accept, 'User-Agent': self.kube.agent + '-witness'}
        path = self.kube.url.path.rstrip('/') + place(self.kind, self.ns)
        connection.request('GET', path + '?' + urllib.parse.urlencode(query), headers=headers)
        reply = connection.getresponse()
        if reply.status == 410:
            raise Forgotten
        if reply.status != 200:
            raise OSError(f'{reply.status} for {self.kind}')
        return reply

    def list(self):
        found = json.loads(self.ask(LISTED).read())
        there = {item['metadata']['uid']: item['metadata'] for item in found['items'] or ()}
        # of what is gone, or on its way out, a list does not say since when: it counts from what was seen last
        for uid in set(self.living) - set(there):
            self.end(self.living[uid], self.revision)
        for uid, meta in there.items():
            if 'deletionTimestamp' not in meta:
                self.see(meta)
                continue
            if uid not in self.lives:
                self.lives[uid] = Life(meta)
                self.lives[uid].born = self.revision
            self.end(self.lives[uid], self.revision)
        self.revision = int(found['metadata']['resourceVersion'])

    def end(self, life, revision):
        if life.died is None:
            life.died = revision
            self.living.pop(life.uid, None)

    def see(self, meta, deleted=False):
        uid, revision = meta['uid'], int(meta['resourceVersion'])
        if uid not in self.lives:
            self.lives[uid] = self.living[uid] = Life(meta)
        if deleted or 'deletionTimestamp' in meta:
            self.end(self.lives[uid], revision)

    def follow(self):
        reply = self.ask(METADATA, watch=1, allowWatchBookmarks='true', resourceVersion=self.revision,
                         timeoutSeconds=20)
        for line in reply:
            event = json.loads(line)
            if event['type'] == 'ERROR':
                raise Forgotten if event['object'].get('code') == 410 else OSError(line)
            meta = event['object']['metadata']
            if event['type'] != 'BOOKMARK':
                self.see(meta, event['type'] == 'DELETED')
            self.revision = max(self.revision, int(meta['resourceVersion']))
            if self.stopping:
                return

    def run(self):
        while not self.stopping:
            try:
                self.follow()
            except Forgotten:
                self.gaps += 1
                self.again()
            except (OSError, ValueError, http.client.HTTPException):
                time.sleep(0.1)

    def again(self):
        try:
            self.list()
        except (OSError, ValueError, http.client.HTTPException):
            time.sleep(0.1)


class Witness:
    def __init__(self, kube, ns, kinds=KINDS):
        self.kube, self.ns = kube, ns
        self.streams = {kind: Stream(kube, kind, ns) for kind in kinds}

    def __enter__(self):
        for stream in self.streams.values():
            stream.start()
        return self

    def __exit__(self, *_):
        for stream in self.streams.values():
            stream.stopping = True

    @property
    def gaps(self):
        return sum(stream.gaps for stream in self.streams.values())

    def catch_up(self, seconds=30):
        """Until it has seen what was there when this was called."""
        for kind, stream in self.streams.items():
            there = {item['metadata']['uid'] for item in self.kube.list(kind, self.ns)
                     if 'deletionTimestamp' not in item['metadata']}
            until(lambda: there - set(stream.lives) == set() and set(stream.living) - there == set(), seconds,
                  f'the witness of {kind} has seen them all')

    def lives_by_owner(self, kind):
        found = {}
        for life in list(self.streams[kind].lives.values()):
            found.setdefault(life.owner, []).append(life)
        return found

    def doubles(self, kind):
        """owner -> two of its objects that lived at one time."""
        found = {}
        for owner, lives in self.lives_by_owner(kind).items():
            lives.sort(key=lambda life: life.born)
            for one, next_one in zip(lives, lives[1:]):
                if one.died is None or one.died > next_one.born:
                    found[owner] = one, next_one
        return found

    def made_again(self, kind):
        """owner -> all that it ever had, where that is more than one."""
        return {owner: lives for owner, lives in self.lives_by_owner(kind).items() if len(lives) > 1}

    def ended(self, kind):
        return [life for life in list(self.streams[kind].lives.values()) if life.died is not None]
