#!/bin/sh
# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
#
# Plain fine-tuning, TFA, DKAN, and DKAN's detector without distillation, of Faster R-CNN lite0 on real NEU-DET, prepared in
# data/NEU-DET-COCO.
#
#   sh docs/results/dkan_lite.sh tune          each method with three rates: our own division, validation images
#   sh docs/results/dkan_lite.sh split 1       the authors' sets of a split, test images, each method with its best rate
#
# AUTHORS names their archive (default NEU-DET-fewshot-splits.tar.gz), SHOTS and SEEDS the runs. RATE_FT, RATE_TFA,
# RATE_PLAIN (without distillation) and RATE_DKAN are the rates of split: the best ones of tune, 0.001 where they are not given.
# Sets that are there stay, and what is finished is not run again: after Ctrl-C the same command goes on.
set -e
python=${PYTHON:-python}
data=data/NEU-DET-COCO
sets=$data/annotations/few_shot

# Calls tools/run_few_shot.py for a method: its name in the table, ft, tfa or dkan, its slim YAML or nothing, rate; then options.
method() {
    name=$1 student=$2 slim=$3 rate=$4
    shift 4
    $python tools/run_few_shot.py -c "${configs}_$student.yml" --base_config "${configs}_base.yml" --name "$name" \
        ${slim:+--slim_config "$slim"} --jobs 2 "$@" -o worker_num=0 LearningRate.base_lr="$rate"
}

case "$1" in
tune)
    configs=configs/few_shot/faster_rcnn_lite0_fpn_neu_det_split1
    dkan=configs/slim/distill/faster_rcnn_lite0_fpn_neu_det_split1_dkan_distill.yml
    $python tools/make_few_shot.py --dataset_dir $data --split 1 --shots ${SHOTS:-5 30} --seed ${SEEDS:-1}
    for rate in 0.0001 0.0003 0.001; do
        runs="--shots ${SHOTS:-5 30} --seed ${SEEDS:-1} --eval_set val --output output/few_shot/lite0_tuning"
        method "fine-tuning $rate" ft "" $rate $runs
        method "TFA $rate" tfa "" $rate $runs
        method "without distillation $rate" dkan "" $rate $runs
        method "DKAN $rate" dkan $dkan $rate $runs
    done
    ;;
split)
    folder=$sets/split$2_authors
    $python tools/make_few_shot.py --dataset_dir $data --split "$2" --detector lite0 \
        --authors_splits "${AUTHORS:-NEU-DET-fewshot-splits.tar.gz}" --shots ${SHOTS:-5 30} --seed ${SEEDS:-1 2 3 4 5}
    configs=$folder/faster_rcnn_lite0_fpn_neu_det_split$2_authors
    runs="--sets $folder --shots ${SHOTS:-5 30} --seed ${SEEDS:-1 2 3 4 5} --output output/few_shot/lite0_split$2"
    method fine-tuning ft "" "${RATE_FT:-0.001}" $runs
    method TFA tfa "" "${RATE_TFA:-0.001}" $runs
    method "without distillation" dkan "" "${RATE_PLAIN:-0.001}" $runs
    method DKAN dkan "${configs}_dkan_distill.yml" "${RATE_DKAN:-0.001}" $runs
    ;;
*)
    echo "error: $1: expected tune, or split and its number" >&2
    exit 2
    ;;
esac
