"""What is in the image, and what is not."""
import json
import os
import shutil
import tarfile
import tempfile

from lib import builds
from lib.serve import ROOT
from lib.tests import equal, expect, figure, test


class Image:
    """An OCI archive of one image: its configuration and its files, path -> tarfile member; digest names its content."""

    def __init__(self, path):
        with tarfile.open(path) as tar:
            def blob(digest):
                return tar.extractfile('blobs/' + digest.replace(':', '/'))
            index = json.load(tar.extractfile('index.json'))
            self.digest = index['manifests'][0]['digest']
            manifest = json.load(blob(self.digest))
            self.config = json.load(blob(manifest['config']['digest']))['config']
            self.packed = sum(layer['size'] for layer in manifest['layers'])
            self.files, self.content = {}, {}
            for layer in manifest['layers']:
                with tarfile.open(fileobj=blob(layer['digest'])) as files:
                    for member in files:
                        self.add(files, member)

    def add(self, files, member):
        if not member.isdir():
            path = '/' + member.name.lstrip('./')
            self.files[path] = member
            self.content[path] = files.extractfile(member).read() if member.isreg() else b''


@test('image', 'holds the program, its libraries, certificates and a user; no shell, no package manager')
def _(_world):
    image = Image(builds.ARCHIVE)
    paths = sorted(image.files)
    runs = [p for p in paths if image.files[p].mode & 0o111 and not p.startswith(('/lib/', '/lib64/'))]
    equal(runs, ['/usr/bin/carrel'], 'what can be run')
    elsewhere = [p for p in paths if not p.startswith(('/lib/', '/lib64/', '/usr/share/carrel/')) and p not in runs]
    equal(elsewhere, ['/etc/group', '/etc/nsswitch.conf', '/etc/passwd', '/etc/ssl/certs/ca-certificates.crt'])
    libraries = [p for p in paths if p.startswith(('/lib/', '/lib64/'))]
    equal([p for p in libraries if '.so' not in p], [], 'what is no library')
    equal([p for p in paths if image.files[p].mode & 0o6022 or image.files[p].uid], [], 'what another may change')
    unpacked = sum(member.size for member in image.files.values())
    figure(f'image: {image.packed / 1e6:.1f} MB packed, {unpacked / 1e6:.1f} MB unpacked in {len(paths)} files; '
           f'the program {image.files["/usr/bin/carrel"].size / 1024:.0f} KiB, {len(libraries)} libraries')


@test('image', 'runs the program, stripped, as nobody in particular, and says what it is')
def _(_world):
    image = Image(builds.ARCHIVE)
    equal(image.config['User'], '65532:65532')
    equal((image.config['Entrypoint'], image.config['Cmd']), (['/usr/bin/carrel'], ['serve']))
    program = image.content['/usr/bin/carrel']
    expect(program.startswith(b'\x7fELF') and b'.symtab' not in program, 'it is not stripped')
    labels = image.config['Labels']
    equal(labels['org.opencontainers.image.licenses'], 'Apache-2.0')
    expect(labels['org.opencontainers.image.version'].encode() in program, f'{labels}: not the program\'s version')


@test('image', 'built again from the same sources it is the same, byte for byte')
def _(_world):
    first = Image(builds.ARCHIVE)
    folder = tempfile.mkdtemp(prefix='carrel-e2e-')
    try:
        again = os.path.join(folder, 'again.tar')
        version = first.config['Labels']['org.opencontainers.image.version']
        builds.run(os.path.join(ROOT, 'image', 'build'), 'localhost/carrel:again', again, ROOT, VERSION=version)
        equal(Image(again).digest, first.digest)
    finally:
        shutil.rmtree(folder)
