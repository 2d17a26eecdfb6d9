"""Certificates and tokens that change, run out, or are written only in part, while the operator runs."""
import base64
import os

from lib import keys
from lib.keys import cluster_authority, read, replace
from lib.proxy import Gate, Line
from lib.tests import expect, figure, test, until
from lib.trouble import Churn, Skew, ends_well, insist, kubeconfig, operator, place, total

ADMIN = '/O=system:masters/CN=carrel-'


def pair(world, *issued):
    """Two files, and how to put another certificate and key there."""
    cert, key = (os.path.join(world.folder, f'pair.{end}') for end in ('crt', 'key'))

    def put(certificate, its_key):
        replace(key, read(its_key))
        replace(cert, read(certificate))
    put(*issued)
    return cert, key, put


@test('keys', 'a client certificate that is exchanged is taken up, also when half of it was written first')
def _(world):
    authority = cluster_authority(world)
    cert, key, put = pair(world, *authority.issue(ADMIN + '1'))
    with place(world, 'pair') as ns, Line(world.kube.url.hostname, world.kube.url.port) as it:
        config = kubeconfig(world, 'pair', f'https://127.0.0.1:{it.port}', client_certificate=cert, client_key=key)
        skew = Skew(world, 'pair', 5)
        with operator(world, ns, config, env=skew.env) as op:
            mark, (certificate, its_key) = world.audit.mark(), authority.issue(ADMIN + '2')
            with open(cert, 'w') as file:
                file.write(read(certificate)[:200])
            it.cut()
            ends_well(world, ns, op, Churn(world, ns, 10, 'a'))
            put(certificate, its_key)
            skew.set(boot_s=310)  # certificate files have their turn every five minutes
            ends_well(world, ns, op, Churn(world, ns, 10, 'b'))
            until(lambda: 'carrel-2' in users(world, mark), 60, 'the new name in the audit log')
            expect('carrel-1' in users(world, mark), 'the old one was not used meanwhile')


def users(world, mark):
    with open(world.audit.path) as log:
        log.seek(mark)
        text = log.read()
    return {name for name in ('carrel-1', 'carrel-2') if f'"username":"{name}"' in text}


@test('keys', 'a client certificate that has run out is told of in the log, and replaced it serves')
def _(world):
    authority = cluster_authority(world)
    yesterday = Skew(world, 'yesterday')
    yesterday.set(wall_s=-2 * 86400)
    good, old = authority.issue(ADMIN + '3'), authority.issue(ADMIN + '3', env=yesterday.env)
    cert, key, put = pair(world, *good)
    skew = Skew(world, 'expired', 5)
    with place(world, 'expired') as ns, Line(world.kube.url.hostname, world.kube.url.port) as it:
        config = kubeconfig(world, 'expired', f'https://127.0.0.1:{it.port}', client_certificate=cert, client_key=key)
        with operator(world, ns, config, env=skew.env) as op:
            Churn(world, ns, 5, 'a').done()
            ends_well(world, ns, op)
            put(*old)
            skew.set(boot_s=310)
            world.session(ns, 'needs-a-write')
            until(lambda: '401' in op.log(), 60, 'a refusal in the log')
            churn = Churn(world, ns, 10, 'b')
            churn.done()
            refused = total(op, 'rest_client_requests_total', code='401')
            put(*good)
            ends_well(world, ns, op)
            figure(f'keys: {refused:.0f} requests refused with 401 while the certificate was out of date')


@test('keys', 'the server\'s certificate comes from a new authority: known before, at the same time, or late')
def _(world):
    first, second, third = (keys.Authority(world.folder, f'gate-{i}') for i in (1, 2, 3))
    ca = os.path.join(world.folder, 'gate.ca')
    replace(ca, read(first.path))
    upstream = world.kube.make_tls()
    upstream.set_alpn_protocols(['http/1.1'])
    skew = Skew(world, 'authority', 5)
    with Gate(*first.issue('apiserver', server=True), world.kube.url.hostname, world.kube.url.port, upstream) as it, \
            place(world, 'authority') as ns:
        config = kubeconfig(world, 'authority', f'https://127.0.0.1:{it.port}', certificate_authority=ca)
        with operator(world, ns, config, env=skew.env) as op:
            replace(ca, read(first.path) + read(second.path))
            it.serve_with(*second.issue('apiserver', server=True))
            ends_well(world, ns, op, Churn(world, ns, 10, 'before'))
            it.serve_with(*third.issue('apiserver', server=True))
            churn = Churn(world, ns, 10, 'late')
            until(lambda: 'certificate' in op.log(), 30, 'the log says that it is the certificate')
            with open(ca, 'w') as file:
                file.write(read(third.path)[:300])
            churn.done()
            replace(ca, read(third.path))
            ends_well(world, ns, op)


def token(world, ns, secret):
    """Of the service account carrel, good until that Secret is deleted."""
    world.kube.create('secrets', ns, {'metadata': {'name': secret}})
    uid = world.kube.get('secrets', ns, secret)['metadata']['uid']
    answer = world.kube.call('POST', f'/api/v1/namespaces/{ns}/serviceaccounts/carrel/token', {
        'apiVersion': 'authentication.k8s.io/v1', 'kind': 'TokenRequest',
        'spec': {'boundObjectRef': {'kind': 'Secret', 'apiVersion': 'v1', 'name': secret, 'uid': uid}}})
    return answer['status']['token']


@test('keys', 'a token that is revoked is replaced from its file, also when half of it was written first')
def _(world):
    with place(world, 'token') as ns, Line(world.kube.url.hostname, world.kube.url.port) as it:
        world.kube.create('serviceaccounts', ns, {'metadata': {'name': 'carrel'}})
        world.kube.kubectl('create', 'clusterrolebinding', ns, '--clusterrole=cluster-admin', f'--serviceaccount={ns}:carrel')
        path = os.path.join(world.folder, 'token')
        replace(path, token(world, ns, 'first'))
        skew = Skew(world, 'token', 5)
        config = kubeconfig(world, 'token', f'https://127.0.0.1:{it.port}', tokenFile=path)
        with operator(world, ns, config, env=skew.env) as op:
            Churn(world, ns, 5, 'a').done()
            ends_well(world, ns, op)
            fresh = token(world, ns, 'second')
            with open(path, 'w') as file:
                file.write(fresh[:len(fresh) // 2])
            insist(world.kube.delete, 'secrets', ns, 'first')
            it.cut()
            churn = Churn(world, ns, 10, 'b')
            until(lambda: total(op, 'rest_client_requests_total', code='401') > 0 or '401' in op.log(), 60, 'a 401')
            replace(path, fresh)
            ends_well(world, ns, op, churn)
            expect(base64.urlsafe_b64decode(fresh.split('.')[1] + '==') and fresh not in op.log(), 'the token is in the log')
        world.kube.kubectl('delete', 'clusterrolebinding', ns)
