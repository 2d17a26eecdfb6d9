"""A source tree as the rules see it: which files there are, their text, and their C without words in it."""
import os
import re
import subprocess

COMMENT_OR_LITERAL = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"\n]+)[>"]', re.M)


def blank(match):
    """As much white space as there was text, so that line numbers stay; literals keep their quotes."""
    text = match.group()
    if text[0] in '"\'':
        return text[0] + ' ' * (len(text) - 2) + text[0]
    return re.sub(r'[^\n]', ' ', text)


class Tree:
    def __init__(self, root):
        self.root = root
        self.files = sorted(p for p in self._listed() if os.path.isfile(os.path.join(root, p)))
        self.present = set(self.files)
        self.c = [p for p in self.files if p.endswith(('.c', '.h'))]
        self.headers = [p for p in self.c if p.endswith('.h')]
        self._text, self._code = {}, {}

    def _listed(self):
        """What git knows or would take; where there is no git, every file outside build/."""
        git = subprocess.run(['git', '-C', self.root, 'ls-files', '-z', '-co', '--exclude-standard'],
                             capture_output=True, check=False)
        if git.returncode == 0:
            return {name for name in git.stdout.decode().split('\0') if name}
        found = set()
        for folder, inside, names in os.walk(self.root):
            inside[:] = [d for d in inside if d not in ('.git', 'build')]
            found.update(os.path.relpath(os.path.join(folder, n), self.root) for n in names)
        return found

    def text(self, path):
        """The file's text; '' where it is not text."""
        if path not in self._text:
            with open(os.path.join(self.root, path), 'rb') as f:
                raw = f.read()
            self._text[path] = '' if b'\0' in raw else raw.decode('utf-8', 'replace')
        return self._text[path]

    def lines(self, path):
        return enumerate(self.text(path).split('\n'), 1)

    def code(self, path):
        """C without comments and without what stands in quotes."""
        if path not in self._code:
            self._code[path] = COMMENT_OR_LITERAL.sub(blank, self.text(path))
        return self._code[path]

    def matches(self, path, pattern):
        """(line, match) for each place in the code of a C file."""
        code = self.code(path)
        for match in pattern.finditer(code):
            yield code.count('\n', 0, match.start()) + 1, match

    def includes(self, path):
        """(line, '<' or '"', name) of each #include that is not in a comment."""
        code, text = self.code(path).split('\n'), self.text(path).split('\n')
        for number, (line, full) in enumerate(zip(code, text), 1):
            found = INCLUDE.match(full) if line.lstrip().startswith('#') else None
            if found:
                yield number, found.group(1), found.group(2)

    def includers(self):
        """header -> the files that include it by its path from the root."""
        found = {}
        for path in self.c:
            for _, mark, name in self.includes(path):
                if mark == '"':
                    found.setdefault(name, set()).add(path)
        return found

    def functions(self):
        """(length in lines, path, line, name) of each function, by our form: { and } in column one."""
        head = re.compile(r'^(?![\s{}#/])([^\n;]*\([^;{}]*\)[^;{}]*)\n\{\n(.*?)^\}', re.M | re.S)
        for path in self.c:
            code = self.code(path)
            for match in head.finditer(code):
                name = re.search(r'TEST\(([^)]*)\)|(\w+)\s*\(', match.group(1))
                line = code.count('\n', 0, match.start()) + 1
                yield (match.group(2).count('\n') + 2, path, line, name.group(1) or name.group(2))
