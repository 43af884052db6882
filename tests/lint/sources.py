#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""Lists the source files below a root, by kind: sources.py ROOT c|python|shell|meson."""

import os
import re
import sys
from pathlib import Path

SUFFIXES = {'.c': 'c', '.h': 'c', '.py': 'python', '.sh': 'shell'}
NAMES = {'meson.build': 'meson', 'meson_options.txt': 'meson'}
INTERPRETERS = {b'python': 'python', b'bash': 'shell', b'/sh': 'shell'}
NOT_OURS = re.compile(r'build.*|node_modules|__pycache__|\.(?!ci$).*')

COMMENT_OR_STRING = re.compile(
    r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|' r"'(?:\\.|[^'\\\n])*'", re.DOTALL)


def kind(path):
    """The language of a file, by its name or its first line; None if it is not source."""
    known = SUFFIXES.get(path.suffix) or NAMES.get(path.name)
    if known or path.suffix:
        return known
    with open(path, 'rb') as file:
        first = file.readline()
    if not first.startswith(b'#!'):
        return None
    return next((kind for word, kind in INTERPRETERS.items() if word in first), None)


def walk(root):
    """Yields (path, kind) for each source file below root, in order."""
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not NOT_OURS.fullmatch(name))
        for name in sorted(names):
            path = Path(folder, name)
            if path.is_file() and (language := kind(path)):
                yield path, language


def bare(text):
    """C code with its comments and strings blanked out, each line where it was."""
    return COMMENT_OR_STRING.sub(lambda match: re.sub(r'[^\n]', ' ', match[0]), text)


if __name__ == '__main__':
    for path, language in walk(Path(sys.argv[1])):
        if language == sys.argv[2]:
            print(path)
