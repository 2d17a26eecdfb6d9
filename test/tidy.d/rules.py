"""The rules. Each is a function whose first line of documentation is the promise it checks, and which yields
(path, line, what is wrong). There is no list of exceptions: a rule names the one home of a thing, nothing else."""
import fnmatch
import glob
import os
import re

RULES = []


def rule(check):
    RULES.append(check)
    return check


def at_home(path, homes):
    return any(fnmatch.fnmatchcase(path, home) for home in homes)


def stem(path):
    return os.path.splitext(path)[0]


# --- Who may know whom ---

MAY_INCLUDE = {
    'lib': {'lib'},
    'controller': {'controller', 'lib'},
    'apiserver': {'apiserver', 'controller', 'lib'},
    'dev': {'dev', 'lib'},
    'agent': {'agent', 'lib'},
    'cmd': {'cmd', 'apiserver', 'controller', 'dev', 'lib'},
}

WRAPPERS = {  # third-party header -> the files that know it
    'curl/*': ['lib/http.c', 'lib/http_*.c'],
    'cjson/*': ['lib/json.c', 'lib/json.h'],
    'yaml.h': ['lib/yaml.c'],
    'civetweb.h': ['lib/serve/server.c', 'lib/serve/detach.c'],
    'openssl/*': ['lib/tls.c', 'lib/crypto.c', 'lib/jwt.c'],
    'libpq-fe.h': ['lib/store/postgres.c'],
    'sqlite3.h': ['lib/store/sqlite.c'],
    '*amqp*.h': ['lib/amqp.c', 'lib/amqp.h'],
}


@rule
def arrows(tree):
    """includes point one way: cmd to apiserver to controller to lib, cmd to dev to lib, agent to lib"""
    for path in tree.c:
        allowed = MAY_INCLUDE.get(path.split('/')[0])
        for line, mark, name in tree.includes(path):
            if mark == '"' and allowed is not None and name.split('/')[0] not in allowed:
                yield path, line, f'must not include {name}'


@rule
def includes_from_the_root(tree):
    """our headers are included by their path from the root, a file's own header first"""
    for path in tree.c:
        included = list(tree.includes(path))
        for line, mark, name in included:
            if mark == '"' and name not in tree.present:
                yield path, line, f'there is no {name}: write the path from the root'
        own = stem(path) + '.h'
        if path.endswith('.c') and own in tree.present and (not included or included[0][2] != own):
            yield path, included[0][0] if included else 1, f'the first include must be {own}'


@rule
def wrappers(tree):
    """a third-party header is known to its one wrapper only"""
    for path in tree.c:
        for line, mark, name in tree.includes(path):
            for header, homes in WRAPPERS.items():
                foreign = mark == '<' or name not in tree.present
                if foreign and fnmatch.fnmatchcase(name, header) and not at_home(path, homes):
                    yield path, line, f'{name} belongs to {" and ".join(homes)}'


# --- What may be called where ---

def calls(names, *homes):
    pattern = re.compile(rf'(?<![\w.>])({names})\s*\(')

    def find(tree):
        for path in tree.c:
            if not at_home(path, homes):
                for line, match in tree.matches(path, pattern):
                    where = f' outside {homes[0]}' if homes else ''
                    yield path, line, f'{match.group(1)}() is not called{where}'
    return find


@rule
def banned_calls(tree):
    """nobody calls a function that overruns, splits or keeps a hidden buffer"""
    yield from calls('strcpy|strcat|strncpy|strncat|sprintf|vsprintf|strtok|gets|atoi|localtime|gmtime|alloca',
                     'lib/banned.h')(tree)


@rule
def bare_allocation(tree):
    """memory comes from lib/xalloc.h, which cannot fail"""
    yield from calls('malloc|calloc|realloc|reallocarray|strdup|strndup|asprintf|vasprintf', 'lib/xalloc.c')(tree)


@rule
def sleeping(tree):
    """nobody sleeps: waiting is a loop's or a timer's business"""
    yield from calls('sleep|usleep|nanosleep|clock_nanosleep')(tree)


@rule
def clocks(tree):
    """only lib/clock.c asks what time it is"""
    yield from calls('time|clock_gettime|gettimeofday|timespec_get', 'lib/clock.c', 'test/e2e/lib/skew.c')(tree)


@rule
def randomness(tree):
    """only lib/rng.c asks for randomness"""
    yield from calls('rand|srand|random|srandom|drand48|getrandom|getentropy|arc4random', 'lib/rng.c')(tree)


@rule
def json_calls(tree):
    """only lib/json*.c speaks cJSON"""
    for path in tree.c:
        if not at_home(path, ['lib/json*.[ch]']):
            for line, match in tree.matches(path, re.compile(r'\bcJSON_\w+')):
                yield path, line, f'{match.group()} stands outside lib/json*.c'


# --- Nothing dead, nothing untested ---

BUILT = ['lib/*.c', 'controller/*.c', 'dev/*.c', 'apiserver/*.c', 'cmd/*.c',  # * matches / too
         'test/check.c', 'test/unit/*.c', 'test/sim/*.c', 'test/fuzz/fuzz_*.c']
MODULES = ['lib/*.c', 'controller/*.c', 'dev/*.c', 'apiserver/*.c', 'agent/*.c']


def header_of(tree, path):
    """A module's header: its own, or the one of the module that it is a part of (session_objects.c: session.h)."""
    name = stem(path)
    while True:
        if name + '.h' in tree.present:
            return name + '.h'
        name, cut, _ = name.rpartition('_')
        if not cut or '/' not in name:
            return None


@rule
def dead_files(tree):
    """every C file is built and every header included by somebody else"""
    includers = tree.includers()
    scripts = '\n'.join(tree.text(p) for p in tree.files if not p.endswith(('.c', '.h', '.md')))
    for path in tree.c:
        if path.endswith('.h'):
            users = includers.get(path, set()) - {stem(path) + '.c'}
            if not users and f'-include {path}' not in tree.text('Makefile'):
                yield path, 1, 'nobody includes it but its own .c'
        elif not at_home(path, BUILT) and path not in includers:
            if not re.search(rf'(?<![\w.-]){re.escape(os.path.basename(path))}\b', scripts):
                yield path, 1, 'nothing builds it'


@rule
def modules_have_headers(tree):
    """every module has a header that says what it promises"""
    for path in tree.c:
        if path.endswith('.c') and at_home(path, MODULES) and not os.path.basename(path) == 'main.c':
            if not header_of(tree, path):
                yield path, 1, f'there is no {stem(path)}.h'


@rule
def modules_have_tests(tree):
    """every module of lib/ and every pure file of controller/ is included by a test"""
    includers = tree.includers()
    for path in tree.c:
        header = header_of(tree, path) if path.endswith('.c') else None
        if not header or not path.startswith(('lib/', 'controller/')):
            continue
        pure = re.search(r'\bpure\b', tree.text(header).split('*/')[0], re.I)
        tested = any(user.startswith('test/') for user in includers.get(header, ()))
        if (path.startswith('lib/') or pure) and not tested:
            yield path, 1, f'no test includes {header}'


# --- Form ---

def texts(tree):
    """Our own text: not what fuzzers feed on, and not the licence."""
    return [p for p in tree.files if not p.startswith('test/fuzz/corpus/') and p != 'LICENSE']


@rule
def headers_are_manuals(tree):
    """every header begins with its path and purpose, and is read once"""
    for path in tree.headers:
        if not tree.text(path).startswith(f'/* {path}: '):
            yield path, 1, f'must begin with "/* {path}: " and what it is for'
        if not re.search(r'^#pragma once$', tree.text(path), re.M):
            yield path, 1, 'has no #pragma once'


@rule
def c_form(tree):
    """C has no tabs, no line over 100 columns and no typedef of a struct"""
    for path in tree.c:
        for line, text in tree.lines(path):
            if '\t' in text:
                yield path, line, 'tab'
            if len(text) > 100:
                yield path, line, f'{len(text)} columns'
        for line, _ in tree.matches(path, re.compile(r'\btypedef\s+(?:struct|union)\b')):
            yield path, line, 'typedef of a struct'


@rule
def clean_ends(tree):
    """no line ends in white space, every file in one line end"""
    for path in texts(tree):
        text = tree.text(path)
        for line, content in tree.lines(path):
            if content != content.rstrip():
                yield path, line, 'white space at the end'
        if text and (not text.endswith('\n') or text.endswith('\n\n')):
            yield path, text.count('\n') + 1, 'must end in one line end'


@rule
def nothing_left_undone(tree):
    """no reminder stays in the tree: what is undone is an issue"""
    mark = re.compile(r'\b(?:TO' r'DO|FIX' r'ME|X' r'XX)\b')
    for path in texts(tree):
        for line, text in tree.lines(path):
            if mark.search(text):
                yield path, line, text.strip()


@rule
def no_machine_paths(tree):
    """no path of somebody's machine"""
    for path in texts(tree):
        for line, text in tree.lines(path):
            if re.search(r'(?<![\w.}*/-])/(?:root|work)/', text):
                yield path, line, text.strip()


TOP = 'cmd|controller|apiserver|agent|dev|lib|crds|manifests|web|bench|docs|test|demo|\\.ci'


def paths_in(text):
    """Words of code, fenced or in backticks, that look like a path of ours."""
    in_fence = False
    for line, content in enumerate(text.split('\n'), 1):
        if content.lstrip().startswith('```'):
            in_fence = not in_fence
        indented = content.startswith('    ')
        spans = [content] if in_fence or indented else re.findall(r'`([^`]+)`', content)
        for word in (w for span in spans for w in span.split()):
            found = re.fullmatch(rf'(?:\./)?((?:{TOP})/[\w./*?\[\]-]*)', word.rstrip(',;:'))
            if found:
                yield line, found.group(1).rstrip('.')


@rule
def documents_point_somewhere(tree):
    """every path and link in a document leads to a file that is there"""
    for path in (p for p in tree.files if p.endswith('.md')):
        for line, name in paths_in(tree.text(path)):
            if not glob.glob(os.path.join(tree.root, name)):
                yield path, line, f'there is no {name}'
        for line, text in tree.lines(path):
            for link in re.findall(r'\]\(([^)#\s]+)[^)]*\)', text):
                target = os.path.join(tree.root, os.path.dirname(path), link)
                if '://' not in link and not link.startswith('mailto:') and not os.path.exists(target):
                    yield path, line, f'there is no {link}'
