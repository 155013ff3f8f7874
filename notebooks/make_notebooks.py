# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Runs the sources of the notebooks and writes them, with their output, as .ipynb files."""
import argparse
import os
import sys
from pathlib import Path

import jupytext
from nbclient import NotebookClient

FOLDER = Path(__file__).resolve().parent
SOURCES = sorted(FOLDER.glob('[0-9]*.py'))


def read_source(path):
    """NotebookNode: the notebook of a source, without output.

    Args:
        path (Path): a Python file in Jupytext's percent format.
    """
    notebook = jupytext.read(path, fmt='py:percent')
    if notebook.cells[0].source.startswith('# Copyright'):
        del notebook.cells[0]
    for number, cell in enumerate(notebook.cells):
        cell.id = f'cell-{number}'
        cell.metadata = {}
    notebook.metadata = {'kernelspec': {'name': 'python3', 'language': 'python',
                                        'display_name': 'Python 3'},
                         'language_info': {'name': 'python'}}
    return notebook


def execute(notebook, folder, kernel='python3', timeout=None):
    """Runs a notebook as it is in Jupyter; its output goes into it.

    Args:
        notebook (NotebookNode): as :func:`read_source` returns it.
        folder (Path): the current folder of the kernel.
        kernel (str): its name.
        timeout (int or None): seconds that a cell may take.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell ended with an error.
    """
    NotebookClient(notebook, kernel_name=kernel, timeout=timeout, record_timing=False,
                   resources={'metadata': {'path': str(folder)}}).execute()
    # Which kernel made the output is nothing that a reader needs.
    notebook.metadata['language_info'] = {'name': 'python'}


def parse_args(argv):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('names', nargs='*', help='01_mgd_steel ... (default: all)')
    parser.add_argument('--kernel', default='python3', help='name of the Jupyter kernel')
    return parser.parse_args(argv)


def main(argv):
    args = parse_args(argv)
    for path in SOURCES:
        if not args.names or path.stem in args.names:
            print(path.stem, flush=True)
            notebook = read_source(path)
            execute(notebook, FOLDER, args.kernel)
            jupytext.write(notebook, path.with_suffix('.ipynb'), fmt='ipynb')
    return os.EX_OK


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
