# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Checkpoints on disk: either complete or absent.

The files of a checkpoint are written into a folder ``.<name>.partial`` beside it. Renaming that
folder to ``.<name>.complete`` commits the checkpoint; then its files are moved into place. If the
process ends before the renaming, the previous checkpoint is untouched; if it ends after it,
``recover`` moves the rest. The sidecar holds the checksums of the other files, so that a mixture
of two checkpoints is never mistaken for one.
"""
import hashlib
import os
import shutil
import time

import paddle
from ppdet.utils.logger import setup_logger

from ..safe_io.safe_pickle import load_state

__all__ = ['save_checkpoint', 'save_weights', 'load_checkpoint', 'load_sidecar',
           'newest_checkpoint', 'recover', 'remove_old', 'SIDECAR_SUFFIX', 'SUFFIXES']

logger = setup_logger('ppdet.engine')

SIDECAR_SUFFIX = '.pdstate'
SUFFIXES = ('.pdparams', '.pdopt', '.pdema', SIDECAR_SUFFIX)
PARTIAL, COMPLETE = '.partial', '.complete'
CHUNK = 2**20  # bytes


def save_checkpoint(path, contents, state, unchanged=None):
    """Saves a checkpoint, replacing one of the same name.

    Args:
        path (str): checkpoint without suffix.
        contents (dict): what is saved, by suffix.
        state (dict): the sidecar's content: tensors, numbers, strings and containers of these.
        unchanged (dict|None): checksums of existing files that stay, as returned for them.

    Returns:
        dict of str to str: SHA-256 of each file but the sidecar, by suffix.

    Raises:
        OSError: it cannot be written; what was there before still is.
    """
    folder, name = os.path.split(path)
    os.makedirs(folder or '.', exist_ok=True)
    recover(folder)
    partial, complete = (os.path.join(folder, f'.{name}{stage}') for stage in (PARTIAL, COMPLETE))
    checksums = dict(unchanged or {})
    try:
        os.mkdir(partial)
        for suffix, content in contents.items():
            checksums[suffix] = _write(os.path.join(partial, name + suffix), content)
        _write(os.path.join(partial, name + SIDECAR_SUFFIX),
               {**state, 'checksums': checksums, 'saved': time.time()})
        _sync_folder(partial)
        os.rename(partial, complete)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise OSError(f'cannot save the checkpoint {path} ({error.strerror or error}); earlier '
                      f'ones are untouched. Make room and continue with -r auto') from error
    for suffix in SUFFIXES:
        if suffix not in (*checksums, SIDECAR_SUFFIX) and os.path.exists(path + suffix):
            os.remove(path + suffix)
    _move_to_place(complete)
    if contents:
        logger.info(f'Save checkpoint: {path}')
    return checksums


def save_weights(path, tensors):
    """Saves weights alone, replacing a file of the same name.

    Args:
        path (str): the file; its folder is created if it is missing.
        tensors (dict): tensors by name.

    Raises:
        OSError: it cannot be written; what was there before still is.
    """
    folder, name = os.path.split(path)
    partial = os.path.join(folder, f'.{name}.tmp')  # a file, and no folder of a checkpoint
    os.makedirs(folder or '.', exist_ok=True)
    try:
        _write(partial, tensors)
        os.replace(partial, path)
    except OSError as error:
        if os.path.exists(partial):
            os.remove(partial)
        raise OSError(f'cannot write {path} ({error.strerror or error}); an existing file is '
                      f'untouched. Make room, or give another path') from error


def _write(file, content):
    """Writes a file to the disk, not only to the system's memory; returns its checksum."""
    paddle.save(content, file)
    with open(file, 'rb+') as f:
        os.fsync(f.fileno())
    return _checksum(file)


def _checksum(file):
    digest = hashlib.sha256()
    with open(file, 'rb') as f:
        for chunk in iter(lambda: f.read(CHUNK), b''):
            digest.update(chunk)
    return digest.hexdigest()


def _sync_folder(folder):
    if os.name == 'posix':  # elsewhere a folder cannot be opened
        descriptor = os.open(folder or '.', os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _move_to_place(complete):
    folder = os.path.dirname(complete)
    _sync_folder(folder)
    for file in sorted(os.listdir(complete)):
        os.replace(os.path.join(complete, file), os.path.join(folder, file))
    _sync_folder(folder)
    os.rmdir(complete)


def recover(folder):
    """Completes or removes what a process left behind when it died while saving.

    Args:
        folder (str): of the checkpoints; need not exist.
    """
    for name in os.listdir(folder or '.') if os.path.isdir(folder or '.') else ():
        path = os.path.join(folder, name)
        if not name.startswith('.') or not os.path.isdir(path):
            continue  # VisualDL's log, for one, is a hidden file while it begins
        if name.endswith(COMPLETE):
            _move_to_place(path)
        elif name.endswith(PARTIAL):
            shutil.rmtree(path)


def load_sidecar(path):
    """Reads the sidecar alone.

    Args:
        path (str): checkpoint without suffix.

    Returns:
        dict or None: None where there is none.
    """
    file = path + SIDECAR_SUFFIX
    return load_state(file) if os.path.isfile(file) else None


def load_checkpoint(path):
    """Makes sure that a checkpoint is complete, and reads its sidecar.

    Args:
        path (str): checkpoint without suffix.

    Returns:
        dict: the sidecar's content; ``checksums`` names the other files.

    Raises:
        FileNotFoundError: it has no sidecar.
        ValueError: a file is missing or not the one that was saved with the others.
    """
    state = load_sidecar(path)
    if state is None:
        raise FileNotFoundError(
            f'{path}{SIDECAR_SUFFIX} is missing: without it the distillation layers would restart '
            f'from random weights, and there is no telling whether the checkpoint is complete. To '
            f'start from its weights only: -o pretrain_weights={path}.pdparams')
    if 'checksums' not in state:
        raise ValueError(f'{path}{SIDECAR_SUFFIX} was saved by an older version. To start from the '
                         f'weights only: -o pretrain_weights={path}.pdparams')
    for suffix, checksum in state['checksums'].items():
        if not os.path.isfile(path + suffix) or _checksum(path + suffix) != checksum:
            raise ValueError(f'{path}{suffix} is missing, damaged or not the file that was saved '
                             f'with {path}{SIDECAR_SUFFIX}; resume from another checkpoint')
    return state


def newest_checkpoint(folder):
    """Finds the checkpoint that was saved last.

    Args:
        folder (str): of the checkpoints; need not exist.

    Returns:
        str or None: path without suffix; None where there is no checkpoint.

    Raises:
        ValueError: there are checkpoints, but none is complete.
    """
    names = os.listdir(folder) if os.path.isdir(folder) else ()
    paths = [os.path.join(folder, name[:-len(SIDECAR_SUFFIX)]) for name in names
             if name.endswith(SIDECAR_SUFFIX)]
    for path in sorted(paths, key=_time_of_saving, reverse=True):
        try:
            load_checkpoint(path)
        except (ValueError, OSError) as error:
            logger.warning(f'{error}')
        else:
            return path
    if paths:
        raise ValueError(f'no checkpoint in {folder} is complete; start again, without -r, in '
                         f'another folder: -o save_dir=...')
    return None


def _time_of_saving(path):
    """float: as the sidecar states it, since copying changes the times of files."""
    try:
        return load_sidecar(path)['saved']
    except (ValueError, OSError, TypeError, KeyError):
        return 0.0  # damaged, and skipped with a warning


def remove_old(folder, epoch, keep):
    """Removes the oldest checkpoints that are named by their epoch.

    Args:
        folder (str): of the checkpoints.
        epoch (int): the newest one; those of later epochs are of an earlier run and stay.
        keep (int): how many stay, ``epoch`` included.
    """
    stems = {os.path.splitext(name)[0] for name in os.listdir(folder) if name.endswith(SUFFIXES)}
    epochs = sorted(int(stem) for stem in stems if stem.isdecimal() and int(stem) <= epoch)
    for old in epochs[:-keep]:
        for suffix in reversed(SUFFIXES):  # without its sidecar it is not a checkpoint any more
            path = os.path.join(folder, f'{old}{suffix}')
            if os.path.exists(path):
                os.remove(path)
