# SPDX-License-Identifier: MIT
# Copyright the Ringdown authors
"""The stage: what is installed, at its prefix. Units, translations and manual pages are found by
absolute paths, so that DESTDIR will not do."""

import fcntl
import json
import os
import subprocess
from pathlib import Path


def _meson(*words):
    return subprocess.run(['meson', *words], check=True, stdout=subprocess.PIPE).stdout


def _install(build):
    """Installs the build directory BUILD, if that stays within it; returns the prefix."""
    options = json.loads(_meson('introspect', build, '--buildoptions'))
    prefix = next(option['value'] for option in options if option['name'] == 'prefix')
    if Path(build) not in Path(prefix).parents:
        raise RuntimeError(f'{build} would install to {prefix}, which is for the user to do; '
                           f'meson configure {build} --prefix={build}/stage')

    with open(os.path.join(build, 'stage.lock'), 'w', encoding='ascii') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # other tests do the same
        _meson('install', '-C', build, '--quiet', '--only-changed')
    return prefix


def stage():
    """The prefix below which everything is installed; programs started from here know it too."""
    if 'RINGDOWN_STAGE' not in os.environ:
        os.environ['RINGDOWN_STAGE'] = _install(os.environ['RINGDOWN_BUILD'])
    return os.environ['RINGDOWN_STAGE']
