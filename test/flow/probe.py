"""What the flow tests in Python share: building their C programs, checking, counting."""
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Failed(Exception):
    pass


def check(that, text):
    if not that:
        raise Failed(str(text))


def build(name):
    """test/flow/NAME.c against the program's own code, into build/flow/NAME."""
    out = os.path.join(ROOT, 'build', 'flow', name)
    os.makedirs(os.path.dirname(out), exist_ok=True)
    subprocess.run(['make', '--no-print-directory', 'build/carrel.a'], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    flags = subprocess.run(['pkg-config', '--cflags', '--libs', 'libcurl', 'libcjson', 'yaml-0.1', 'libcrypto'],
                           check=True, capture_output=True, text=True).stdout.split()
    subprocess.run([os.environ.get('CC', 'gcc'), '-std=gnu11', '-O2', '-g', '-D_GNU_SOURCE', '-I.', '-o', out,
                    f'test/flow/{name}.c', 'build/carrel.a', *flags, '-lcivetweb', '-lpthread'], cwd=ROOT, check=True)
    return out


def run_all(area, tests, part=''):
    """Runs each test_ function whose name has that part; the exit status."""
    passed = failed = 0
    for name, test in list(tests.items()):
        sentence = name[5:].replace('_', ' ')
        if not name.startswith('test_') or part not in sentence:
            continue
        try:
            test()
            passed += 1
        except (Failed, OSError, subprocess.TimeoutExpired) as e:
            failed += 1
            print(f'not ok - {area}: {sentence}\n    {type(e).__name__}: {e}')
            sys.stdout.flush()
    print(f'{passed} passed, {failed} failed')
    return 1 if failed else 0
