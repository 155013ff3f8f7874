# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Expands a trained detector of base classes to the novel classes of a fine-tuning config."""
import os

import checkout
from terminaltables import AsciiTable

from ppdet_ext.engine import cli
from ppdet_ext.few_shot.head_expansion import (
    METHODS,
    Change,
    Detector,
    differing_features,
    expand_head,
)


def parse_args(argv):
    parser = cli.ArgumentParser()
    parser.add_argument('--base_config', required=True, help='YAML of the base detector')
    parser.add_argument('--base_opt', nargs='*', action='extend', default=[], metavar='KEY=VALUE',
                        help='like -o, for the base detector; -o itself is for -c only')
    parser.add_argument('--base_weights', help='its weights (default: those named in its YAML)')
    parser.add_argument('--method', choices=METHODS, default='randinit',
                        help='source of the columns of novel classes: random numbers, a second '
                        'detector, or none, which leaves out the last layers (default: randinit)')
    parser.add_argument('--novel_config',
                        help='with --method combine: YAML of the detector of novel classes')
    parser.add_argument('--novel_weights', help='its weights (default: those named in its YAML)')
    parser.add_argument('--output', help='file to write (default: pretrain_weights of -c)')
    parser.add_argument('--seed', type=int, default=0,
                        help='seed of the random columns (default: 0)')
    parser.add_argument('--overwrite', action='store_true', help='replace an existing file')
    args = parser.parse_args(argv)
    args.base_opt = parser.parse_options(args.base_opt, '--base_opt')
    if (args.method == 'combine') != bool(args.novel_config):
        parser.error('--novel_config is required with --method combine, and only allowed there')
    return args


def trained_detector(path, weights, options=None):
    """Detector: classes from the YAML or its data sets, tensors from the file."""
    from ppdet_ext.config.load import load_run_config
    from ppdet_ext.data.dataset_files import class_names_of
    from ppdet_ext.modeling.trained_classes import check_trained_classes
    from ppdet_ext.modeling.weights import load_tensors, resolve_weights

    cfg = load_run_config(path, options)
    source = resolve_weights(weights or cfg.get('weights') or '')
    names = class_names_of(cfg)
    check_trained_classes(source, names)
    return Detector(source, names, cfg.num_classes, load_tensors(source))


def built_detector(path, cfg, seed):
    """Detector: the one of a configuration, with random weights."""
    from ppdet.core.workspace import create

    from ppdet_ext.data.dataset_files import class_names_of
    from ppdet_ext.engine.callbacks.seeds import set_seed

    set_seed(seed)
    state = create(cfg.architecture).state_dict()
    return Detector(path, class_names_of(cfg), cfg.num_classes,
                    {name: tensor.numpy() for name, tensor in state.items()})


def output_path(output, cfg, sources, overwrite):
    from ppdet.utils.checkpoint import is_url

    path = output or cfg.get('pretrain_weights')
    if not path or is_url(path):
        raise ValueError(f'no file to write: pretrain_weights of the config is {path}; give one '
                         f'with --output')
    path = path if path.endswith('.pdparams') else f'{path}.pdparams'
    if os.path.realpath(path) in map(os.path.realpath, sources):
        raise ValueError(f'{path} would replace the detector it is made from; give another '
                         f'--output')
    if os.path.exists(path) and not overwrite:
        raise ValueError(f'{path} exists; give --overwrite to replace it, or another --output')
    return path


def report(args, target, base, tensors, changes, novel):
    for words, detector in (('base', base), ('novel', novel), ('expanded', target)):
        if detector:
            names = f' ({", ".join(detector.class_names)})' if detector.class_names else ''
            print(f'{words}: {detector.num_classes} classes{names}, {detector.source}')
    header = Change('tensor', 'base', 'written', args.method)
    print(AsciiTable([header, *changes]).table)
    changed = {change.tensor for change in changes}
    print(f'{len(set(tensors) - changed)} further tensors are those of the base detector')
    differing = differing_features(tensors, novel) if novel else []
    if differing:
        print(f'warning: {len(differing)} of these differ in {novel.source}, first {differing[0]}: '
              f'its classes were learned on other features; freeze all but the last layers there')


def main(argv):
    args = parse_args(argv)
    checkout.load()
    cli.log_versions()
    import paddle

    from ppdet_ext.config.load import load_run_config
    from ppdet_ext.engine.checkpoint_files import save_weights

    # Every loading replaces PaddleDetection's one configuration: that of -c comes last.
    base = trained_detector(args.base_config, args.base_weights, args.base_opt)
    novel = None
    if args.novel_config:
        novel = trained_detector(args.novel_config, args.novel_weights)
    cfg = load_run_config(args.config, args.opt)
    sources = [part.source for part in (base, novel) if part]
    path = output_path(args.output, cfg, sources, args.overwrite)
    target = built_detector(args.config, cfg, args.seed)
    tensors, changes = expand_head(target, base, args.method, novel)
    report(args, target, base, tensors, changes, novel)
    save_weights(path, {name: paddle.to_tensor(value) for name, value in tensors.items()})
    print(f'written to {path}')
    return 0


if __name__ == '__main__':
    cli.run_tool(main)
