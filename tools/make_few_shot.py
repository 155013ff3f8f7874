# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Makes few-shot sets of a COCO data set: base training, K boxes per class, and evaluation.

Beside them it writes the YAMLs of these data sets, and with --detector those that train a detector
on them, which are based on configs/few_shot/*_split1_*.yml.
"""
import os

from checkout import CONFIGS

from ppdet_ext.data.tool_flags import parse_class_names
from ppdet_ext.few_shot.configs import (
    dataset_configs,
    detector_configs,
    detector_names,
)
from ppdet_ext.few_shot.set_files import table, write_few_shot
from ppdet_ext.few_shot.sets import NEU_DET_SPLITS, ClassSplit, make_few_shot
from ppdet_ext.few_shot.shots import UNLABELLED
from ppdet_ext.utils import command_line


def parse_args(args):
    parser = command_line.plain_parser(__doc__)
    parser.add_argument('--dataset_dir', '--dataset-dir', required=True,
                        help='data set as tools/prepare_data.py writes it')
    parser.add_argument('--split', type=int, choices=sorted(NEU_DET_SPLITS),
                        help='base and novel classes of NEU-DET, as in the DKAN paper')
    parser.add_argument('--base', help='base classes of your own data: a,b,c, or a file with one '
                                       'name per line')
    parser.add_argument('--novel', help='novel classes of your own data, likewise')
    parser.add_argument('--shots', type=int, nargs='+', default=[5, 10, 30],
                        help='boxes per class (default: 5 10 30)')
    parser.add_argument('--seed', type=int, nargs='+', default=[1],
                        help='seed of the choice; several are allowed (default: 1)')
    parser.add_argument('--authors_splits', '--authors-splits',
                        help='folder or archive with the NEU-DET splits that the authors of DKAN '
                             'published: use these instead of drawing sets')
    parser.add_argument('--unlabelled', choices=sorted(UNLABELLED),
                        help='how training treats objects that a set does not label: '
                             'leave their images out, mark them as crowd, which only Faster '
                             'R-CNN ignores, or let them be background (default: drop_image; '
                             'crowd with --authors_splits, whose boxes are fixed)')
    parser.add_argument('--detector', nargs='+', default=[], choices=detector_names(CONFIGS),
                        help='also write the YAMLs that train these detectors on the sets')
    parser.add_argument('--output', help='folder to write (default: annotations/few_shot/split1 '
                                         '... in the data set)')
    parser.add_argument('--overwrite', action='store_true',
                        help='replace files that hold other sets, and the YAMLs, edited or not')
    flags = parser.parse_args(args)
    own_classes = flags.base and flags.novel
    if bool(flags.split) == bool(own_classes) or bool(flags.base) != bool(flags.novel):
        parser.error('give the classes, either by --split or by --base and --novel')
    if own_classes:
        flags.base = parse_class_names(parser, '--base', flags.base)
        flags.novel = parse_class_names(parser, '--novel', flags.novel)
    flags.unlabelled = flags.unlabelled or ('crowd' if flags.authors_splits else 'drop_image')
    flags.output = flags.output or _default_output(flags)
    return flags


def _default_output(flags):
    name = f'split{flags.split}' if flags.split else 'own_classes'
    name += '_authors' if flags.authors_splits else ''
    return os.path.join(flags.dataset_dir, 'annotations', 'few_shot', name)


def main(args):
    flags = parse_args(args)
    classes = NEU_DET_SPLITS[flags.split] if flags.split else ClassSplit(flags.base, flags.novel)
    sets = make_few_shot(flags.dataset_dir, classes, flags.shots, flags.seed, flags.unlabelled,
                         flags.authors_splits)
    name = os.path.basename(os.path.abspath(flags.output))
    name = f'neu_det_{name}' if flags.split else name
    configs = dataset_configs(flags.output, name, classes, sets, flags.dataset_dir)
    for detector in flags.detector:
        configs.update(detector_configs(flags.output, name, detector, sets, CONFIGS, flags.split))
    write_few_shot(flags.output, sets, flags.overwrite, configs)
    print(table(sets))
    print(f'base classes: {", ".join(classes.base)}\nnovel classes: {", ".join(classes.novel)}\n'
          f'objects that a training set does not label: {flags.unlabelled}\n'
          f'written to {flags.output}')
    return 0


if __name__ == '__main__':
    command_line.run_tool(main)
