# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Makes the folder of a data set: it appears whole or not at all, and nothing foreign is lost."""
import contextlib
import os
import shutil
import tempfile

__all__ = ['new_dataset_folder']

# All that a data set made by this package has in its folder.
CONTENT = ('annotations', 'images', 'label_list.txt', 'report.txt')


@contextlib.contextmanager
def new_dataset_folder(output, overwrite=False):
    """Gives an empty folder to fill, which takes the place of ``output`` if all goes well.

    Args:
        output (str): the folder to make.
        overwrite (bool): ``output`` may hold an earlier data set; it is deleted in the end.

    Yields:
        str: the folder to fill, beside ``output`` and so on the same disk.

    Raises:
        FileExistsError: ``output`` exists and may not be replaced.
    """
    output = os.path.realpath(output)
    _refuse_output(output, overwrite)
    parent, name = os.path.split(output)
    os.makedirs(parent, exist_ok=True)
    workshop = tempfile.mkdtemp(prefix=f'.{name}.', dir=parent)
    try:
        result = os.path.join(workshop, name)
        os.mkdir(result)
        yield result
        _put_in_place(result, output, aside=f'{workshop}.replaced')
    finally:
        shutil.rmtree(workshop)


def _refuse_output(output, overwrite):
    if not os.path.exists(output):
        return
    if not os.path.isdir(output):
        raise FileExistsError(f'{output}: is a file, expected a folder')
    content = os.listdir(output)
    foreign = sorted(set(content) - set(CONTENT))
    if foreign:
        raise FileExistsError(f'{output}: holds {foreign[0]}, which is no part of a data set, '
                              'give another output')
    if content and not overwrite:
        raise FileExistsError(f'{output}: exists, give another output, or --overwrite to replace '
                              'it')


def _put_in_place(result, output, aside):
    """Renames; what was in ``output`` is deleted only after that has worked."""
    if not os.path.exists(output):
        os.rename(result, output)
        return
    os.rename(output, aside)
    try:
        os.rename(result, output)
    except BaseException:
        os.rename(aside, output)
        raise
    shutil.rmtree(aside)
