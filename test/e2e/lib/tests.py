"""Tests as sentences: registered in order, run one after the other, counted.

    @test('budget', 'a session costs three creates and one status write')
    def _(world):
        expect(...)

A test that raises Failed has found something; any other exception is a failure too, with its trace. NotRun says why a test
cannot be run here. Lines: `ok - area: sentence`, `not ok - area: sentence` and what was seen, `not run - area: sentence (why)`.
"""
import os
import sys
import time
import traceback

TESTS = []


class Failed(Exception):
    """What was seen instead of what was promised."""


class NotRun(Exception):
    """Why this cannot be tried here."""


class Test:
    def __init__(self, area, sentence, body):
        self.area, self.sentence, self.body = area, sentence, body

    @property
    def name(self):
        return f'{self.area}: {self.sentence}'


def test(area, sentence):
    def register(body):
        TESTS.append(Test(area, sentence, body))
        return body
    return register


def expect(is_so, seen):
    """seen: what to print where it is not so; a function is called only then."""
    if not is_so:
        raise Failed(seen() if callable(seen) else str(seen))


def equal(seen, wanted, what=''):
    expect(seen == wanted, lambda: f'{what + ": " if what else ""}{seen!r} instead of {wanted!r}')


def until(is_so, seconds, what, every=0.05):
    """Asks again and again until is_so() is true, and returns that; Failed after so many seconds. An is_so that raises
    Failed is not so yet, and says why."""
    deadline = time.monotonic() + seconds
    while True:
        why = ''
        try:
            value = is_so()
            if value:
                return value
        except Failed as failed:
            why = f'\n{failed}'
        if time.monotonic() >= deadline:
            raise Failed(f'not within {seconds} s: {what}{why}')
        time.sleep(every)


def figure(text):
    """A number worth keeping; it counts as nothing."""
    print(f'figure - {text}', flush=True)


def indented(text):
    return '\n'.join('    ' + line for line in str(text).splitlines())


def run_one(one, world):
    try:
        one.body(world)
    except NotRun as why:
        print(f'not run - {one.name} ({why})', flush=True)
        return 'skipped'
    except Failed as failed:
        print(f'not ok - {one.name}\n{indented(failed)}', flush=True)
        return 'failed'
    except Exception:
        print(f'not ok - {one.name}\n{indented(traceback.format_exc())}', flush=True)
        return 'failed'
    print(f'ok - {one.name}', flush=True)
    return 'passed'


def chosen(words):
    return [t for t in TESTS if not words or any(word in t.name for word in words)]


def skip_all(words, why):
    """Names every test as not run."""
    for one in chosen(words):
        print(f'not run - {one.name} ({why})')
    finish({'passed': 0, 'failed': 0, 'skipped': len(chosen(words))})


def run_all(world, words):
    """Runs those whose name holds one of the words, all where there is none, and ends the program."""
    counts = {'passed': 0, 'failed': 0, 'skipped': 0}
    for one in chosen(words):
        began = time.monotonic()
        result = run_one(one, world)
        counts[result] += 1
        if result == 'failed':
            world.say_what_happened()
        if 'E2E_TIMES' in os.environ:
            print(f'    {time.monotonic() - began:.1f} s', flush=True)
    finish(counts)


def finish(counts):
    skipped = f", {counts['skipped']} not run" if counts['skipped'] else ''
    print(f"{counts['passed']} passed, {counts['failed']} failed{skipped}", flush=True)
    sys.exit(1 if counts['failed'] else 0)
