# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""The configuration of a run, which nobody changes once it is loaded."""
from ppdet.core.config.schema import SchemaDict
from ppdet.core.workspace import AttrDict

__all__ = ['RunConfig']


class _ReadOnly:
    def _refuse(self, *arguments, **options):
        raise TypeError('the configuration of a run does not change after load_run_config: set the '
                        'key with -o or in the YAML, or change a copy, cfg.copy()')

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse


class _Section(_ReadOnly, SchemaDict):
    @classmethod
    def of(cls, section):
        frozen = cls.__new__(cls)
        frozen.__dict__.update(section.__dict__)
        dict.update(frozen, section)
        return frozen


class RunConfig(_ReadOnly, AttrDict):
    """A read-only copy of ppdet's configuration, with read-only sections.

    PaddleDetection builds from its own configuration, which ``create`` and the ``Trainer`` write
    to. What they write there does not show here. Lists in a section are not copied, as in
    detectron2's ``CfgNode.freeze``.

    Args:
        cfg (dict): ppdet's global configuration.

    Raises:
        TypeError: when a key is set or removed.
    """

    def __init__(self, cfg):
        dict.__init__(self, {key: _Section.of(value) if isinstance(value, SchemaDict) else value
                             for key, value in cfg.items()})
        self.__dict__['_source'] = dict(cfg)

    def copy(self):
        """AttrDict: a copy to write to, with PaddleDetection's own sections, for its Trainer."""
        copy = AttrDict()
        copy.update(self.__dict__['_source'])
        return copy
