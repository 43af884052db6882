# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""Installs the build to its prefix. Units, translations and manual pages are found by absolute
paths, so DESTDIR does not work."""

import fcntl
import json
import os
import subprocess
from pathlib import Path


def _meson(*words):
    return subprocess.run(['meson', *words], check=True, stdout=subprocess.PIPE).stdout


def _install(build):
    """Installs BUILD if its prefix lies within BUILD; returns the prefix."""
    options = json.loads(_meson('introspect', build, '--buildoptions'))
    prefix = next(option['value'] for option in options if option['name'] == 'prefix')
    if Path(build) not in Path(prefix).parents:
        raise RuntimeError(f'the tests do not install to {prefix}, outside of {build}; run '
                           f'meson configure {build} --prefix={build}/stage')

    with open(os.path.join(build, 'stage.lock'), 'w', encoding='ascii') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # other tests install, too
        _meson('install', '-C', build, '--quiet', '--only-changed')
    return prefix


def stage():
    """Returns the prefix of the installed build, also in RINGDOWN_STAGE for child processes."""
    if 'RINGDOWN_STAGE' not in os.environ:
        os.environ['RINGDOWN_STAGE'] = _install(os.environ['RINGDOWN_BUILD'])
    return os.environ['RINGDOWN_STAGE']
