# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""The techniques every patch is made of, and the one error they raise.

A patch changes ppdet, or a package it uses, in memory only. It names what it changes by module and
qualified name and refuses, with an ``ImportError``, when the function or the
text it patches is not there, so that another version never runs half patched.
"""
import functools
import importlib
import importlib.metadata
import inspect
import linecache
import sys
import textwrap
import types

SUPPORTED_PADDLEDET = '2.6.0'


class ModuleProxy(types.ModuleType):
    """Another module seen through some replaced attributes."""

    def __init__(self, module, replaced):
        super().__init__(module.__name__, module.__doc__)
        self.__dict__.update(replaced)
        self.__dict__['_module'] = module

    def __getattr__(self, name):
        return getattr(self._module, name)


def refuse(module, qualname, expected):
    """Raise the ImportError that says what is not as expected, and what to install."""
    package = module.partition('.')[0]
    remedy = _paddledet_remedy() if package == 'ppdet' else (
        f'This is not a tested version of {package}: see docs/compatibility.md')
    raise ImportError(f'ppdet_ext cannot patch {module}.{qualname}: expected {expected}. {remedy}')


def _paddledet_remedy():
    try:
        installed = importlib.metadata.version('paddledet')
    except importlib.metadata.PackageNotFoundError:
        installed = 'an unknown version'
    return (f'Only paddledet {SUPPORTED_PADDLEDET} is supported, {installed} is installed: '
            f'pip install paddledet=={SUPPORTED_PADDLEDET}')


def find(module, qualname):
    """Find what ``qualname`` of ``module`` names.

    Returns:
        tuple: the owner (module or class), the last name, the value.

    Raises:
        ImportError: the module or the name does not exist.
    """
    try:
        # `import a.b.c as x` would fail: ppdet's star imports hide some submodules.
        value = importlib.import_module(module)
    except ModuleNotFoundError:
        refuse(module, qualname, 'this module')
    for name in qualname.split('.'):
        owner = value
        if name not in vars(owner):
            refuse(module, qualname, f'{name!r} to be defined here')
        value = vars(owner)[name]
    return owner, name, value


def expect_text(module, qualname, *fragments):
    """Check that the source of a function holds every one of ``fragments``.

    Returns:
        str: the source, dedented.

    Raises:
        ImportError: a fragment is missing.
    """
    function = find(module, qualname)[2]
    try:
        source = textwrap.dedent(inspect.getsource(function))
    except OSError:
        refuse(module, qualname, 'its source to be readable')
    _expect_fragments(source, module, qualname, fragments)
    return source


def _expect_fragments(source, module, qualname, fragments):
    for fragment in fragments:
        if fragment not in source:
            refuse(module, qualname, f'the text {fragment!r}')


def replace_text(module, qualname, replacements):
    """Redefine a function from its source with some text replaced.

    A second call does nothing.

    Args:
        module (str): full name of the module.
        qualname (str): ``function`` or ``Class.method``.
        replacements (dict): old text to new text.

    Raises:
        ImportError: an old text is missing.
    """
    source = expect_text(module, qualname)
    if all(new in source for new in replacements.values()):
        return
    _expect_fragments(source, module, qualname, replacements)
    for old, new in replacements.items():
        source = source.replace(old, new)
    owner, name, _ = find(module, qualname)
    filename = f'<{module}.{qualname} patched by ppdet_ext>'
    # Tracebacks and paddle.jit.to_static read the source again, from here.
    linecache.cache[filename] = (len(source), None, source.splitlines(True), filename)
    defined = {}
    exec(compile(source, filename, 'exec'), vars(sys.modules[module]), defined)
    defined[name].__qualname__ = qualname
    setattr(owner, name, defined[name])


def wrap(module, qualname, wrapper):
    """Replace a function by ``wrapper(original, *args, **kwargs)``.

    Raises:
        ImportError: the function does not exist.
    """
    owner, name, original = find(module, qualname)

    @functools.wraps(original)
    def wrapped(*args, **kwargs):
        return wrapper(original, *args, **kwargs)

    setattr(owner, name, wrapped)


def replace_in_import(module, name, **replaced):
    """Let one module see another one, imported as ``name``, with replaced attributes.

    Raises:
        ImportError: the module does not import anything as ``name``.
    """
    owner, _, imported = find(module, name)
    setattr(owner, name, ModuleProxy(imported, replaced))


def fails(operation, error):
    """Feature test: whether calling ``operation`` raises ``error``."""
    try:
        operation()
    except error:
        return True
    return False


def cpu_tensor(values, dtype):
    """Make a tensor for a feature test, on the CPU so that no GPU is touched."""
    import paddle
    return paddle.to_tensor(values, dtype=dtype, place=paddle.CPUPlace())
