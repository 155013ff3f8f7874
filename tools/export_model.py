# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Exports a detector for Paddle Inference, ONNX Runtime and OpenVINO."""
import os

import checkout

from ppdet_ext.engine import cli


def parse_args(argv):
    parser = cli.ArgumentParser()
    parser.add_argument('--output_dir', default='output_inference',
                        help='the model goes to a subfolder named after the config; '
                        'default: %(default)s')
    parser.add_argument('--slim_config',
                        help='YAML of a compression; not needed for distilled models')
    parser.add_argument('--format', default='paddle',
                        help='any of paddle,onnx,openvino, separated by commas; paddle is always '
                        'written; default: %(default)s')
    parser.add_argument('--infer_dir', help='images on which the files are compared with the '
                        'model; default: some of EvalDataset, else synthetic steel')
    parser.add_argument('--int8', action='store_true', help='ONNX and OpenVINO in INT8 too, '
                        'calibrated on images of TrainDataset')
    parser.add_argument('--max_map_drop', type=cli.not_negative, default=0.5,
                        help='points of mAP that INT8 may lose on the images of EvalDataset; '
                        'default: %(default)s')
    return parser.parse_args(argv)


def main(argv):
    args = parse_args(argv)
    checkout.load()
    from ppdet_ext.config.load import load_run_config
    from ppdet_ext.deploy.compared_images import compared_images
    from ppdet_ext.deploy.export import FORMATS, check_folder, check_formats, export_detector
    from ppdet_ext.deploy.input_size import fix_input, fixed_size
    from ppdet_ext.deploy.int8 import int8_of
    from ppdet_ext.engine import Trainer
    from ppdet_ext.inference import detections
    from ppdet_ext.slim import build_slim_model

    formats = {'paddle', *args.format.split(',')}
    check_formats(formats)
    cfg = load_run_config(args.config, args.opt, prepare=(
        fix_input, lambda cfg: detections.find_labels(cfg, args.opt)))
    folder = os.path.join(args.output_dir, cfg.filename)
    check_folder(folder)
    detections.name_classes(cfg)
    cli.log_versions()
    int8 = int8_of(cfg, formats, args.max_map_drop) if args.int8 else None
    source = {name: getattr(args, name) for name in ('config', 'opt', 'slim_config')}
    with compared_images(cfg, args.infer_dir) as images:
        if args.slim_config:
            cfg = build_slim_model(cfg, args.slim_config, 'test', args.opt)
        trainer = Trainer(cfg, mode='test')
        trainer.load_weights(cfg.get('weights'))
        export_detector(trainer, fixed_size(cfg), images, formats, folder, source, int8)
    print(f'exported: {folder} ({", ".join(sorted(os.listdir(folder)))})')
    print(f'try it: python -m deploy --model_dir {folder} --runtime '
          f'{FORMATS[max(formats, key=list(FORMATS).index)].runtime} --image_dir FOLDER')
    return 0


if __name__ == '__main__':
    cli.run_tool(main)
