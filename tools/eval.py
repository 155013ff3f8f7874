# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Evaluates a detector on its EvalDataset."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from ppdet_ext.config.load import load_run_config  # noqa: E402
from ppdet_ext.data.dataset_files import check_datasets, dataset_paths  # noqa: E402
from ppdet_ext.engine import Trainer, cli  # noqa: E402
from ppdet_ext.engine.inference_cost import measure_cost  # noqa: E402
from ppdet_ext.metrics import evaluate_saved_boxes  # noqa: E402
from ppdet_ext.slim import build_slim_model  # noqa: E402
from ppdet_ext.utils.files import write_json  # noqa: E402


def parse_args(argv):
    parser = cli.ArgumentParser()
    parser.add_argument('--output_eval', help='folder of bbox.json and metrics.json; default '
                        'output/<config>')
    parser.add_argument('--json_eval', action='store_true',
                        help='evaluate the bbox.json that lies in --output_eval already')
    parser.add_argument('--slim_config', help='YAML of the compression; a distillation needs none')
    parser.add_argument('--bias', action='store_true', default=None,
                        help='boxes include their last pixel: width = x2 - x1 + 1')
    parser.add_argument('--classwise', action='store_true',
                        help='AP of every class (always shown; for old command lines)')
    parser.add_argument('--save_prediction_only', action='store_true', default=None,
                        help='write the detections, compute nothing')
    parser.add_argument('--measure_cost', action='store_true',
                        help='write time, FLOPs and memory of an image to cost.json')
    parser.add_argument('--amp', action='store_true', default=None, help='mixed precision (GPU)')
    return parser.parse_args(argv)


def main(argv):
    args = parse_args(argv)
    cfg = load_run_config(args.config, args.opt)
    cli.apply_flags(cfg, args, ('output_eval', 'bias', 'save_prediction_only', 'amp'))
    check_datasets(cfg, ('EvalDataset', ))
    if args.json_eval:
        evaluate_saved_boxes(cfg, cfg.get('output_eval'))
        return 0
    cli.init_processes(cfg)
    cli.log_versions()
    if args.slim_config:
        build_slim_model(cfg, args.slim_config, mode='eval')
    trainer = Trainer(cfg, mode='eval')
    trainer.load_weights(cfg.get('weights'))
    folder = trainer.cfg['output_eval']
    cli.keep_command(folder, 'eval', argv, weights=cfg.get('weights'),
                     **dataset_paths(cfg, 'EvalDataset'))
    trainer.evaluate()
    if args.measure_cost:
        write_json(os.path.join(folder, 'cost.json'),
                   {**measure_cost(trainer), 'machine': cli.machine()})
    return 0


if __name__ == '__main__':
    cli.run_tool(main)
