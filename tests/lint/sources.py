#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""Lists the source files of a language: sources.py ROOT c|python|shell|meson"""

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
    """Returns the language of a file by its name or first line; None: not a source file."""
    known = SUFFIXES.get(path.suffix) or NAMES.get(path.name)
    if known or path.suffix:
        return known
    with open(path, 'rb') as file:
        first = file.readline()
    if not first.startswith(b'#!'):
        return None
    return next((kind for word, kind in INTERPRETERS.items() if word in first), None)


def walk(root):
    """Yields (path, language) for each source file in root, sorted."""
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not NOT_OURS.fullmatch(name))
        for name in sorted(names):
            path = Path(folder, name)
            if path.is_file() and (language := kind(path)):
                yield path, language


def bare(text):
    """Returns C code with comments and strings replaced by spaces. Line numbers stay the same."""
    return COMMENT_OR_STRING.sub(lambda match: re.sub(r'[^\n]', ' ', match[0]), text)


if __name__ == '__main__':
    for path, language in walk(Path(sys.argv[1])):
        if language == sys.argv[2]:
            print(path)
