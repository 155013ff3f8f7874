# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Detects defects in images, draws them and writes the results."""
import checkout

from ppdet_ext.engine import cli


def parse_args(argv):
    parser = cli.ArgumentParser()
    parser.add_argument('--infer_img', help='one image; takes precedence over --infer_dir')
    parser.add_argument('--infer_dir', help='folder of images')
    parser.add_argument('--output_dir', default='output', help='folder for the drawn images')
    parser.add_argument('--draw_threshold', type=cli.fraction, default=0.5,
                        help='lowest score drawn')
    parser.add_argument('--thresholds', help='JSON of a threshold for each class, as '
                        'tools/report.py writes it: boxes below are neither drawn nor saved')
    parser.add_argument('--slim_config',
                        help='YAML of a compression; not needed for distilled models')
    parser.add_argument('--save_results', type=cli.boolean, default=False,
                        help='write every box with its score to results.json and results.csv')
    parser.add_argument('--visualize', type=cli.boolean, default=True, help='draw the images')
    parser.add_argument('--use_vdl', type=cli.boolean, help='log the images to VisualDL')
    parser.add_argument('--vdl_log_dir', help='VisualDL folder; default vdl_log_dir/image')
    return parser.parse_args(argv)


def main(argv):
    args = parse_args(argv)
    checkout.load()
    from deploy.results import save_records
    from ppdet_ext.config.load import load_run_config
    from ppdet_ext.data.images import image_sizes
    from ppdet_ext.engine import Trainer
    from ppdet_ext.engine.checks.input_size import check_input_size
    from ppdet_ext.inference import detections, thresholds
    from ppdet_ext.slim import build_slim_model

    settings = cli.settings(args, ('use_vdl', 'vdl_log_dir'))
    cfg = load_run_config(args.config, settings, prepare=(
        lambda cfg: cfg.setdefault('vdl_log_dir', 'vdl_log_dir/image'),
        lambda cfg: detections.find_labels(cfg, args.opt)))
    images = detections.find_images(args.infer_img, args.infer_dir, cfg.get('image_maximum'))
    if args.visualize:
        detections.check_output_dir(images, args.output_dir)
    class_names = detections.name_classes(cfg)
    limits = thresholds.read_thresholds(args.thresholds, class_names) if args.thresholds else None
    cli.log_versions()
    if args.slim_config:
        cfg = build_slim_model(cfg, args.slim_config, 'test', settings)
    trainer = Trainer(cfg, mode='test')
    trainer.load_weights(cfg.get('weights'))
    check_input_size(trainer.model, 'TestReader', cfg['TestReader'], lambda: image_sizes(images))
    if limits:
        thresholds.keep_from(trainer.model, limits)
        args.draw_threshold = 0.0
    results = trainer.predict(images, draw_threshold=args.draw_threshold,
                              output_dir=args.output_dir, visualize=args.visualize)
    if args.visualize:
        print(f'drawn images: {args.output_dir}')
    records = detections.detection_records(results, images, class_names)
    if args.save_results:
        print('results:', *save_records(records, args.output_dir))
    print(thresholds.describe_kept(records) if limits
          else detections.describe(records, args.draw_threshold))
    return 0


if __name__ == '__main__':
    cli.run_tool(main)
