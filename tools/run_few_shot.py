# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Runs an incremental few-shot experiment over shots and seeds, and writes its table.

One call is one method: the student of -c, distilled if --slim_config is given. The base
detector is trained where it has no weights yet, and evaluated; its head is expanded; then for
every number of shots and every seed the student is trained and its last epoch evaluated. Calls
with the same --output and another --name add rows to the table. To continue an interrupted call,
give the same command again.

  N=faster_rcnn_nano_fpn_neu_det_split1
  python tools/run_few_shot.py -c configs/few_shot/${N}_dkan.yml \\
      --base_config configs/few_shot/${N}_base.yml \\
      --slim_config configs/slim/distill/${N}_dkan_distill.yml --name DKAN \\
      --shots 5 10 30 --seed 1 2 3 --output output/few_shot/split1

Written to --output: table.md, results.json, results.png, and a folder for each method.
"""
import os

import checkout

from ppdet_ext.engine import cli
from ppdet_ext.utils.folder_lock import experiment_folder
from ppdet_ext.utils.options import FOLDER_NAME

# What the runs set themselves.
OWN_KEYS = ('seed', 'weights', 'pretrain_weights', 'base_metrics', 'base_weights', 'save_dir',
            'filename', 'output_eval', 'TrainDataset.anno_path', 'EvalDataset.anno_path')


def parse_args(argv):
    parser = cli.ArgumentParser(description=__doc__)
    parser.add_argument('--slim_config', help='YAML of the distillation; leave out for a baseline')
    parser.add_argument('--name', required=True, help='name of the method in the table')
    parser.add_argument('--base_config', required=True, help='YAML of the base detector')
    parser.add_argument('--base_weights', help='its weights (default: those named in its YAML; '
                        'if they do not exist, it is trained)')
    parser.add_argument('--base_opt', nargs='*', action='extend', default=[], metavar='KEY=VALUE',
                        help='like -o, for the base detector; -o itself is for the student only')
    parser.add_argument('--sets', help='folder of the few-shot sets (default: that of '
                        'TrainDataset.anno_path of -c)')
    parser.add_argument('--shots', type=int, nargs='+', default=[5, 10, 30],
                        help='boxes per class (default: 5 10 30)')
    parser.add_argument('--seed', type=int, nargs='+', default=[1],
                        help='seed of the choice of boxes and of the training (default: 1)')
    parser.add_argument('--eval_set', choices=('test', 'val'), default='test',
                        help='set to evaluate on (default: test)')
    parser.add_argument('--output', default='output/few_shot',
                        help='folder of the experiment (default: output/few_shot)')
    parser.add_argument('--jobs', type=cli.positive, default=1,
                        help='number of runs side by side, sharing the cores (default: 1)')
    parser.add_argument('--overwrite', action='store_true',
                        help='repeat runs that this method has finished with other settings')
    args = parser.parse_args(argv)
    # As given on the command line, to be passed on.
    args.options = parser.parse_known_args(argv)[0].opt or []
    args.base_options = args.base_opt
    args.base_opt = parser.parse_options(args.base_opt, '--base_opt')
    for flag, option in (*(('-o', option) for option in args.options),
                         *(('--base_opt', option) for option in args.base_options)):
        if option.partition('=')[0].strip() in OWN_KEYS:
            parser.error(f'{flag} {option}: the runs set this key themselves; see --seed, --sets, '
                         f'--base_weights and --output')
    if not FOLDER_NAME.fits(args.name) or args.name == 'base':
        parser.error(f'--name {args.name}: expected letters, digits and any of " _.,()+-", since '
                     f'it is a folder too, and not "base"')
    args.output = os.path.normpath(args.output)
    args.shots, args.seed = (list(dict.fromkeys(numbers)) for numbers in (args.shots, args.seed))
    return args


def few_shot_sets(cfg, folder, eval_set):
    from ppdet_ext.data.dataset_files import dataset_fields
    from ppdet_ext.few_shot.experiments import Sets

    dataset = dataset_fields(cfg, 'TrainDataset')
    dataset_dir = dataset.get('dataset_dir') or '.'
    folder = folder or os.path.join(dataset_dir, os.path.dirname(dataset['anno_path']))
    return Sets(os.path.normpath(folder), dataset_dir, eval_set)


def base_weights(given, named):
    """str or None: the base detector's weights; None where it has to be trained."""
    from ppdet_ext.modeling.weights import resolve_weights

    if given:
        return resolve_weights(given)
    try:
        return resolve_weights(named or '')
    except FileNotFoundError:
        return None


def main(argv):
    args = parse_args(argv)
    checkout.load()
    from ppdet_ext.config.load import load_run_config
    from ppdet_ext.few_shot.experiments import (
        Base,
        Method,
        check_base_images,
        check_sets,
        class_split,
        make_plan,
        run_plan,
    )
    from ppdet_ext.slim import read_slim_config

    base_cfg = load_run_config(args.base_config, args.base_opt)
    slim = read_slim_config(args.slim_config) if args.slim_config else None
    cfg = load_run_config(args.config, args.opt, slim)
    base = Base(args.base_config, tuple(args.base_options),
                base_weights(args.base_weights, base_cfg.get('weights')))
    method = Method(args.name, args.config, args.slim_config, tuple(args.options), cfg.epoch)
    sets = few_shot_sets(cfg, args.sets, args.eval_set)
    check_sets(sets, class_split(base_cfg, cfg), args.shots, args.seed,
               train_base=base.weights is None)
    if base.weights:
        trained = check_base_images(base.weights, sets)
        print(f'base detector: {base.weights}, trained on '
              f'{trained or "images that no record beside it names"}')
    plan = make_plan(args.output, sets, base, method, args.shots, args.seed)
    with experiment_folder(args.output):
        table = run_plan(plan, args.output, checkout.TOOLS, sets.path(sets.eval_set),
                         args.overwrite, args.jobs)
    print(f'{table}\nwritten to {args.output}: table.md, results.json, results.png')
    return 0


if __name__ == '__main__':
    cli.run_tool(main)
