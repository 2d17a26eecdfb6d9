"""Sees every rule catch what it is for: a small clean tree, and one violation at a time laid over it."""
import os
import shutil
import tempfile

import rules
from tree import Tree

CLEAN = {
    'Makefile': 'COMPILE = cc -include lib/banned.h\n',
    'README.md': 'Read `lib/a.h`, then [the rest](lib/a.c). `apps/v1` is not ours.\n\n    lib/*.[ch]\n',
    'lib/banned.h': '/* lib/banned.h: bans. */\n#pragma once\nchar *strcpy(char *to, const char *from);\n',
    'lib/xalloc.c': '#include "lib/xalloc.h"\nvoid *xmalloc(void)\n{\n    return malloc(1);\n}\n',
    'lib/xalloc.h': '/* lib/xalloc.h: memory. */\n#pragma once\nvoid *xmalloc(void);\n',
    'lib/a.c': '#include "lib/a.h"\nint a(void)\n{\n    /* time(NULL) */ return *"sleep(1)";\n}\n',
    'lib/a_part.c': '#include <stdio.h>\n',
    'lib/a.h': '/* lib/a.h: a thing. */\n#pragma once\nint a(void);\n',
    'cmd/main.c': '#include "lib/a.h"\nint main(void)\n{\n    return a();\n}\n',
    'test/unit/test_a.c': '#include "lib/a.h"\n#include "lib/xalloc.h"\n',
}


def main_with(statement):
    return {'cmd/main.c': f'#include "lib/a.h"\nint main(void)\n{{\n    {statement};\n}}\n'}


UNDONE = 'TO' 'DO'
HOME = '/ro' 'ot/'
HEADER = '/* controller/b.h: b{}. */\n#pragma once\n'
B = {'controller/b.c': '#include "controller/b.h"\n', 'cmd/b.c': '#include "controller/b.h"\n'}

CASES = [  # (rule, what is laid over the clean tree, the file that must be named)
    ('arrows', {'lib/a.c': '#include "lib/a.h"\n#include "controller/c.h"\n'}, 'lib/a.c'),
    ('arrows', {'dev/d.c': '#include "controller/c.h"\n'}, 'dev/d.c'),
    ('arrows', {'controller/c.c': '#include "apiserver/x.h"\n'}, 'controller/c.c'),
    ('arrows', {'agent/g.c': '#include "dev/d.h"\n'}, 'agent/g.c'),
    ('includes_from_the_root', {'lib/a.c': '#include "a.h"\n'}, 'lib/a.c'),
    ('includes_from_the_root', {'lib/a.c': '#include <stdio.h>\n#include "lib/a.h"\n'}, 'lib/a.c'),
    ('wrappers', {'lib/a.c': '#include "lib/a.h"\n#include <curl/curl.h>\n'}, 'lib/a.c'),
    ('wrappers', {'lib/a.c': '#include "lib/a.h"\n#include <civetweb.h>\n'}, 'lib/a.c'),
    ('wrappers', {'test/unit/test_a.c': '#include <openssl/ssl.h>\n'}, 'test/unit/test_a.c'),
    ('banned_calls', main_with('strcpy (0, 0)'), 'cmd/main.c'),
    ('banned_calls', main_with('return atoi("1")'), 'cmd/main.c'),
    ('bare_allocation', main_with('free(malloc(1))'), 'cmd/main.c'),
    ('bare_allocation', main_with('strdup("")'), 'cmd/main.c'),
    ('sleeping', main_with('sleep(1)'), 'cmd/main.c'),
    ('sleeping', {'test/unit/test_a.c': 'int x = usleep(1);\n'}, 'test/unit/test_a.c'),
    ('clocks', main_with('time(0)'), 'cmd/main.c'),
    ('clocks', main_with('clock_gettime(0, 0)'), 'cmd/main.c'),
    ('randomness', main_with('return rand()'), 'cmd/main.c'),
    ('json_calls', main_with('cJSON_Delete(0)'), 'cmd/main.c'),
    ('dead_files', {'lib/b.h': '/* lib/b.h: b. */\n', 'lib/b.c': '#include "lib/b.h"\n'}, 'lib/b.h'),
    ('dead_files', {'bench/b.c': 'int b;\n'}, 'bench/b.c'),
    ('modules_have_headers', {'lib/b.c': 'int b;\n'}, 'lib/b.c'),
    ('modules_have_tests', {'test/unit/test_a.c': '#include "lib/xalloc.h"\n'}, 'lib/a.c'),
    ('modules_have_tests', {**B, 'controller/b.h': HEADER.format(' (pure)')}, 'controller/b.c'),
    ('headers_are_manuals', {'lib/a.h': '/* lib/b.h: a. */\n#pragma once\n'}, 'lib/a.h'),
    ('headers_are_manuals', {'lib/a.h': '/* lib/a.h: a. */\n'}, 'lib/a.h'),
    ('c_form', main_with('\treturn 0'), 'cmd/main.c'),
    ('c_form', main_with('return ' + '1 + ' * 30 + '0'), 'cmd/main.c'),
    ('c_form', main_with('typedef struct x x'), 'cmd/main.c'),
    ('clean_ends', {'Makefile': 'all: \n'}, 'Makefile'),
    ('clean_ends', {'Makefile': 'all:'}, 'Makefile'),
    ('nothing_left_undone', main_with(f'return 0; /* {UNDONE}: more */'), 'cmd/main.c'),
    ('no_machine_paths', {'Makefile': f'A = {HOME}x\n'}, 'Makefile'),
    ('documents_point_somewhere', {'README.md': 'See `lib/gone.c`.\n'}, 'README.md'),
    ('documents_point_somewhere', {'README.md': '```\ntest/gone --now\n```\n'}, 'README.md'),
    ('documents_point_somewhere', {'README.md': 'See [this](docs/gone.md).\n'}, 'README.md'),
]


def found_in(files, names):
    """rule -> what it finds in a tree of these files."""
    root = tempfile.mkdtemp()
    try:
        for path, text in files.items():
            full = os.path.join(root, path)
            os.makedirs(os.path.dirname(full), exist_ok=True)
            with open(full, 'w', encoding='utf-8') as f:
                f.write(text)
        tree = Tree(root)
        return {r.__name__: list(r(tree)) for r in rules.RULES if r.__name__ in names}
    finally:
        shutil.rmtree(root)


def run():
    """Returns how many checks passed and what failed, in words."""
    names = {r.__name__ for r in rules.RULES}
    passed, failed = 0, []
    for name, found in found_in(CLEAN, names).items():
        if found:
            failed.append(f'{name} finds something in a clean tree: {found}')
        else:
            passed += 1
    for name, overlay, path in CASES:
        found = found_in({**CLEAN, **overlay}, {name})[name]
        if any(where == path for where, _, _ in found):
            passed += 1
        else:
            failed.append(f'{name} does not see {overlay}, only {found}')
    for name in sorted(names - {case[0] for case in CASES}):
        failed.append(f'{name} is not tried at all')
    return passed, failed
