# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Evaluates a detector on its EvalDataset."""
import os

import checkout

from ppdet_ext.engine import cli
from ppdet_ext.utils.run_records import read_record, record_path


def parse_args(argv):
    parser = cli.ArgumentParser()
    parser.add_argument('--output_eval', help='folder for bbox.json and metrics.json '
                        '(default: that of the weights, if tools/train.py has '
                        'trained there, else output/<config>)')
    parser.add_argument('--json_eval', action='store_true',
                        help='evaluate an existing bbox.json in --output_eval')
    parser.add_argument('--slim_config',
                        help='YAML of a compression; not needed for distilled models')
    parser.add_argument('--bias', action='store_true', default=None,
                        help='count the last pixel of a box: width = x2 - x1 + 1')
    parser.add_argument('--classwise', action='store_true',
                        help='show the AP of every class (always shown; kept for old command '
                        'lines)')
    parser.add_argument('--save_prediction_only', action='store_true', default=None,
                        help='write the detections without computing metrics')
    parser.add_argument('--measure_cost', action='store_true',
                        help='measure time, FLOPs and memory per image and write cost.json')
    parser.add_argument('--amp', action='store_true', default=None, help='mixed precision (GPU)')
    return parser.parse_args(argv)


def evaluate_into_run(cfg):
    """Chooses the folder of trained weights for the results: the config may be of another run."""
    folder = os.path.dirname(cfg.get('weights') or '') or '.'
    if not cfg.get('output_eval') and os.path.isfile(record_path(folder, 'train')):
        cfg['output_eval'] = folder


def main(argv):
    args = parse_args(argv)
    checkout.load()
    from ppdet_ext.config.load import load_run_config
    from ppdet_ext.data.dataset_files import check_datasets, dataset_paths
    from ppdet_ext.engine import Trainer
    from ppdet_ext.engine.command_record import keep_command, machine
    from ppdet_ext.engine.inference_cost import measure_cost
    from ppdet_ext.metrics import evaluate_saved_boxes
    from ppdet_ext.slim import build_slim_model
    from ppdet_ext.utils.files import write_json

    settings = cli.settings(args, ('output_eval', 'bias', 'save_prediction_only', 'amp'))
    cfg = load_run_config(args.config, settings, prepare=[evaluate_into_run])
    check_datasets(cfg, ('EvalDataset', ))
    if args.json_eval:
        cli.log_versions()
        folder = cfg.get('output_eval') or os.path.join(cfg.save_dir, cfg.filename)
        evaluate_saved_boxes(cfg, folder)
        made = read_record(folder, 'eval')  # of the detections
        kept = {key: made[key] for key in ('weights', 'evaluated_images') if key in made}
        keep_command(folder, 'eval', argv, image_maximum=cfg.get('image_maximum'), **kept,
                     **dataset_paths(cfg, 'EvalDataset'))
        return 0
    cli.init_processes(cfg)
    cli.log_versions()
    if args.slim_config:
        cfg = build_slim_model(cfg, args.slim_config, 'eval', settings)
    trainer = Trainer(cfg, mode='eval')
    trainer.load_weights(cfg.get('weights'))
    folder = trainer.cfg['output_eval']
    trainer.evaluate()
    # After the evaluation: one that fails leaves earlier metrics, which the record has to describe.
    keep_command(folder, 'eval', argv, weights=cfg.get('weights'),
                 image_maximum=cfg.get('image_maximum'), evaluated_images=len(trainer.dataset),
                 **dataset_paths(cfg, 'EvalDataset'))
    if args.measure_cost:
        write_json(os.path.join(folder, 'cost.json'),
                   {**measure_cost(trainer), 'machine': machine()})
    return 0


if __name__ == '__main__':
    cli.run_tool(main)
