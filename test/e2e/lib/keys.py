"""Certificates for tests that change them."""
import os
import subprocess


class Authority:
    """One that signs what it is asked to; path: its own certificate."""

    def __init__(self, folder, name, certificate=None, key=None):
        """certificate, key: of one that is there already, such as the cluster's."""
        self.folder, self.name, self.count = folder, name, 0
        self.path = certificate or os.path.join(folder, f'{name}-ca.crt')
        self.key = key or os.path.join(folder, f'{name}-ca.key')
        if not certificate:
            self.openssl('req', '-x509', *self.new(self.key), '-days', '30', '-subj', f'/CN={name}', '-out', self.path)

    @staticmethod
    def new(key):
        return ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', key]

    @staticmethod
    def openssl(*args, env=None):
        subprocess.run(['openssl', *args], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                       env={**os.environ, **(env or {})})

    def issue(self, subject, server=False, env=None):
        """Paths of a new certificate and its key; env: for an openssl that lives in another time."""
        self.count += 1
        stem = os.path.join(self.folder, f'{self.name}-{self.count}')
        with open(f'{stem}.ext', 'w') as file:
            file.write('subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth\n' if server else
                       'extendedKeyUsage=clientAuth\n')
        subject = subject if subject.startswith('/') else f'/CN={subject}'
        self.openssl('req', *self.new(f'{stem}.key'), '-subj', subject, '-out', f'{stem}.csr')
        self.openssl('x509', '-req', '-in', f'{stem}.csr', '-CA', self.path, '-CAkey', self.key, '-CAcreateserial',
                     '-CAserial', f'{stem}.srl', '-days', '1', '-extfile', f'{stem}.ext', '-out', f'{stem}.crt', env=env)
        return f'{stem}.crt', f'{stem}.key'


def cluster_authority(world):
    """The cluster's own, for clients: each caller counts anew, so each has its own names."""
    pki = os.path.join(os.path.dirname(world.kubeconfig), 'pki')
    folder = os.path.join(world.folder, f'clients-{len(os.listdir(world.folder))}')
    os.mkdir(folder)
    return Authority(folder, 'client', os.path.join(pki, 'ca.crt'), os.path.join(pki, 'ca.key'))


def replace(path, text):
    """As a kubelet does it: never half of it."""
    with open(f'{path}.new', 'w') as file:
        file.write(text)
    os.rename(f'{path}.new', path)


def read(path):
    with open(path) as file:
        return file.read()
