# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Trains a detector; with ``--slim_config``, as the student of a distillation."""
import functools
import os

import checkout

from ppdet_ext.engine import cli


def parse_args(argv):
    parser = cli.ArgumentParser()
    parser.add_argument('--slim_config', help='YAML of a distillation or compression')
    parser.add_argument('-r', '--resume', type=cli.not_empty, help='checkpoint to continue from, '
                        'output/<run>/<epoch>, or auto for the newest of this run')
    parser.add_argument('--eval', action='store_true', help='evaluate at every snapshot_epoch')
    parser.add_argument('--amp', action='store_true', default=None, help='mixed precision (GPU)')
    parser.add_argument('--fleet', action='store_true', default=None,
                        help='use fleet for several processes')
    parser.add_argument('--use_vdl', type=cli.boolean, help='log to VisualDL')
    parser.add_argument('--vdl_log_dir', help='VisualDL folder; default vdl_log_dir/scalar')
    parser.add_argument('--save_prediction_only', action='store_true', default=None,
                        help='with --eval: write the detections without computing metrics')
    parser.add_argument('--enable_ce', type=cli.boolean, default=False,
                        help='fixed seed 0, as in PaddleDetection (or give -o seed=N)')
    return parser.parse_args(argv)


def main(argv):
    args = parse_args(argv)
    if 'teacher_weights' in args.opt and not args.slim_config:
        raise ValueError('-o: teacher_weights has no effect without --slim_config; give that too, '
                         'or remove it')
    checkout.load()
    from ppdet_ext.config.load import load_run_config
    from ppdet_ext.data.dataset_files import check_datasets, class_names_of, dataset_paths
    from ppdet_ext.engine import Trainer
    from ppdet_ext.engine.callbacks.command_record import CommandRecord
    from ppdet_ext.engine.callbacks.seeds import run_seed, set_seed
    from ppdet_ext.engine.command_record import keep_command
    from ppdet_ext.slim import build_slim_model, prepare_reader, read_slim_config

    settings = cli.settings(args, ('amp', 'fleet', 'use_vdl', 'vdl_log_dir',
                                   'save_prediction_only'))
    slim = read_slim_config(args.slim_config) if args.slim_config else None
    prepare = [lambda cfg: cfg.setdefault('vdl_log_dir', 'vdl_log_dir/scalar')]
    if slim:
        prepare.append(functools.partial(prepare_reader, slim))
    cfg = load_run_config(args.config, settings, slim, prepare)
    cli.init_processes(cfg)
    cli.log_versions()
    check_datasets(cfg, ('TrainDataset', 'EvalDataset') if args.eval else ('TrainDataset', ))
    seed = run_seed(0 if args.enable_ce else cfg.get('seed'))
    set_seed(seed)
    if args.slim_config:
        cfg = build_slim_model(cfg, slim or args.slim_config, options=settings)
    trainer = Trainer(cfg, seed=seed)
    checkpoint = trainer.newest_checkpoint() if args.resume == 'auto' else args.resume
    if checkpoint:
        trainer.resume_weights(checkpoint)
        if args.resume == 'auto' and trainer.is_complete(args.eval):
            print(f'{checkpoint} is the end of this run: nothing is left to do')
            return 0
    elif cfg.get('pretrain_weights'):
        trainer.load_weights(cfg.pretrain_weights)
    trainer.register_callbacks([CommandRecord(trainer, lambda: keep_command(
        os.path.join(cfg.save_dir, cfg.filename), 'train', argv, seed=trainer.seed,
        class_names=class_names_of(cfg), epochs=cfg.epoch,
        teacher_weights=slim and (cfg.get('teacher_weights')
                                  or slim.content.get('pretrain_weights')),
        vdl_log_dir=cfg.vdl_log_dir if cfg.get('use_vdl') else None,
        **dataset_paths(cfg, 'TrainDataset')))])
    trainer.train(args.eval)
    return 0


if __name__ == '__main__':
    cli.run_tool(main)
