# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""Reads the Prometheus text format: as much of it as the tests need, promtool judges the rest."""

import re

_SAMPLE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)')
_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"')


def parse(text):
    """Returns {(name, {(label, value), …}): number}; fails on a line that is no sample."""
    samples = {}
    for line in text.splitlines():
        if not line or line.startswith('#'):
            continue
        match = _SAMPLE.fullmatch(line)
        if not match:
            raise AssertionError(f'not a sample: {line!r}')
        key = (match[1], frozenset(_LABEL.findall(match[2] or '')))
        if key in samples:
            raise AssertionError(f'twice: {line!r}')
        samples[key] = float(match[3])
    return samples


def value(text, name, **labels):
    """The sample NAME with exactly LABELS; 0 where no such combination of labels was counted."""
    samples = parse(text)
    if not any(name == known for known, _ in samples):
        raise AssertionError(f'no metric {name} among {sorted({known for known, _ in samples})}')
    return samples.get((name, frozenset(labels.items())), 0.0)
