"""An operator with its API, for the tests of this folder."""
import contextlib

from lib.api import Api
from lib.serve import free_port
from lib.tests import equal, expect


def api(world, ns=None, *flags):
    """The API of the one operator, over a connection of its own."""
    port = world.kept.setdefault('api port', free_port())
    world.operator('--listen', f'127.0.0.1:{port}', *flags)
    return Api(port, ns)


@contextlib.contextmanager
def place(world, word):
    """A namespace with the template `plain`, and the API for it."""
    with world.namespace(word) as ns:
        it = api(world, ns)
        world.template(ns)
        yield it, ns


def problem(answer, code, name, field=None):
    """The answer is a problem of that status, code and field; its text."""
    equal(answer.code, code, repr(answer))
    equal(answer.headers['Content-Type'], 'application/problem+json')
    said = answer.json
    equal((said['status'], said['code'], said.get('field')), (code, name, field), repr(answer))
    expect(said['detail'] and said['detail'] == said['error'] and said['title'], repr(answer))
    return said['detail']
