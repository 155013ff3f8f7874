# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""The configuration of a run, read-only once it is loaded."""
from ppdet.core.config.schema import SchemaDict
from ppdet.core.workspace import AttrDict

__all__ = ['RunConfig']


def _refuse(self, *arguments, **options):
    raise TypeError('the configuration of a run does not change after load_run_config: set the '
                    'key with -o or in the YAML, or change a copy, cfg.copy()')


class _ReadOnly:
    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse


class _Mapping(_ReadOnly, dict):
    def __reduce_ex__(self, protocol):  # copy.deepcopy and pickle make a plain one
        return dict, (dict(self), )


class _List(list):
    __setitem__ = __delitem__ = __iadd__ = __imul__ = _refuse
    append = clear = extend = insert = pop = remove = reverse = sort = _refuse

    def __reduce_ex__(self, protocol):
        return list, (list(self), )


class _Section(_ReadOnly, SchemaDict):
    @classmethod
    def of(cls, section):
        frozen = cls.__new__(cls)
        frozen.__dict__.update(section.__dict__)
        dict.update(frozen, {key: _frozen(value) for key, value in section.items()})
        return frozen


def _frozen(value):
    if isinstance(value, SchemaDict):
        return _Section.of(value)
    if isinstance(value, dict):
        return _Mapping({key: _frozen(item) for key, item in value.items()})
    if isinstance(value, list):
        return _List(_frozen(item) for item in value)
    return value


class RunConfig(_ReadOnly, AttrDict):
    """A read-only copy of ppdet's configuration: its sections, mappings and lists at every depth.

    PaddleDetection builds from its own configuration, which ``create`` and the ``Trainer`` write
    to. What they write there does not show here.

    Args:
        cfg (dict): ppdet's global configuration.

    Raises:
        TypeError: when anything is set or removed.
    """

    def __init__(self, cfg):
        dict.__init__(self, {key: _frozen(value) for key, value in cfg.items()})
        self.__dict__['_source'] = dict(cfg)

    def copy(self):
        """AttrDict: a copy to write to, with PaddleDetection's own sections, for its Trainer."""
        copy = AttrDict()
        copy.update(self.__dict__['_source'])
        return copy
