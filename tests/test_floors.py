# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Packages import only from floors below their own, so that no two need each other."""
import ast
import graphlib
from pathlib import Path

import ppdet_ext

ROOT = Path(ppdet_ext.__file__).parent
# Lowest first; packages of one floor do not import each other.
FLOORS = (('utils', ), ('safe_io', 'compat'), ('config', ), ('data', 'modeling'),
          ('slim', 'metrics', 'few_shot', 'inference'), ('deploy', 'report', 'engine'))
FLOOR = {package: number for number, packages in enumerate(FLOORS) for package in packages}
FLOOR['ppdet_fixes'] = FLOOR['slim']  # above what it replaces ppdet's own with


def imported_modules(path):
    """Modules of ppdet_ext that a module imports, at its head or within a function."""
    package = ('ppdet_ext', *path.relative_to(ROOT).parts[:-1])
    for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
        if isinstance(node, ast.ImportFrom):
            base = package[:len(package) - node.level + 1] if node.level else ()
            module = (*base, *(node.module.split('.') if node.module else ()))
            for name in node.names if module[0] == 'ppdet_ext' else ():
                path = ROOT.parent.joinpath(*module, name.name)
                known = path.is_dir() or path.with_suffix('.py').is_file()
                yield (*module, name.name) if known else module


def imports(path):
    """Packages of ppdet_ext that a module imports from."""
    return [module[1] for module in imported_modules(path) if len(module) > 1]


def test_no_modules_need_each_other():
    graph = {path.relative_to(ROOT.parent).with_suffix('').parts: set(imported_modules(path))
             for path in ROOT.rglob('*.py') if path.name != '__init__.py'}
    graphlib.TopologicalSorter(graph).prepare()  # which refuses a circle


def test_every_package_has_a_floor():
    assert {path.parent.name for path in ROOT.glob('*/__init__.py')} == set(FLOOR)


def test_imports_go_down():
    wrong = [f'{path.relative_to(ROOT)} imports {name}' for path in sorted(ROOT.glob('*/**/*.py'))
             for own in [path.relative_to(ROOT).parts[0]] for name in imports(path)
             if name != own and FLOOR[name] >= FLOOR[own]]
    assert wrong == []


def test_only_the_package_itself_imports_the_fixes():
    assert [path.name for path in ROOT.rglob('*.py')
            if 'ppdet_fixes' in imports(path) and path.parent.name != 'ppdet_fixes'] == [
                '__init__.py']
