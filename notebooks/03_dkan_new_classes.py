# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0

# %% [markdown]
# # 用少量标注框学习新类别：DKAN
# *New classes from a few boxes: DKAN*
#
# 产线上的检测器认识三类缺陷，又出现了三类新缺陷，每类只标注了 5 个框。重新训练的数据不够，只用新数据微调又会忘记旧类别。
# DKAN 扩展检测头，用新旧类别各 5 个框微调，同时由旧检测器作为教师保持旧类别：[docs/dkan_cn.md](../docs/dkan_cn.md)。
#
# 旧类别（base）：crazing、inclusion、patches。新类别（novel）：pitted_surface、rolled-in_scale、scratches。
#
# **本页保存的输出来自合成（synthetic）钢材图像**，训练很短，各方法只有一个种子，差别可能只是偶然。
# 真实 NEU-DET 上的结果见 [docs/results_cn.md](../docs/results_cn.md)。

# %%
from helpers import (
    install,
    metrics,
    neu_det_or_synthetic,
    on,
    percent,
    run,
    schedule,
    show_machine,
    show_pictures,
    table,
)

show_machine()
install()

# %% [markdown]
# ## 1. 数据
# *Data*
#
# `make_few_shot.py` 从训练集中为每类抽取 5 个框，并准备基类训练集和评估用的标注。表中是每个集合的图像数和框数。

# %%
data, options = neu_det_or_synthetic(epochs=6)
shots, seed = 5, 1
run(f'python tools/make_few_shot.py --dataset_dir {data} --split 1 --shots {shots} --seed {seed}',
    '--overwrite')

# %% [markdown]
# ## 2. 基类检测器
# *Base detector*
#
# Faster R-CNN，EfficientNet-Lite0，从 ImageNet 权重开始，只学习三个旧类别。它是之后的教师。
# 第二条命令评估最好的模型，为“遗忘”提供微调之前的数值。

# %%
detector = 'faster_rcnn_lite0_fpn_neu_det_split1'
run(f'python tools/train.py -c configs/few_shot/{detector}_base.yml --eval', options)
run(f'python tools/eval.py -c configs/few_shot/{detector}_base.yml', f'-o {on(data)}')

# %% [markdown]
# ## 3. 扩展检测头
# *Expand the head*
#
# 旧类别的列逐位保留，新类别的列随机初始化。

# %%
run(f'python tools/expand_head.py -c configs/few_shot/{detector}_dkan.yml '
    f'--base_config configs/few_shot/{detector}_base.yml', '--overwrite')

# %% [markdown]
# ## 4. 不蒸馏：没有教师的微调
# *Without distillation, the baseline*

# %%
fine_tuning = f'{schedule(20)} {on(data)}' if options else ''
run(f'python tools/train.py -c configs/few_shot/{detector}_dkan.yml --eval', fine_tuning)

# %% [markdown]
# ## 5. DKAN
#
# 保存的输出中有警告 `the teacher is weak`：基类检测器只训练了 6 个 epoch，属于正常现象。

# %%
run(f'python tools/train.py -c configs/few_shot/{detector}_dkan.yml '
    f'--slim_config configs/slim/distill/{detector}_dkan_distill.yml --eval', fine_tuning)

# %% [markdown]
# ## 6. 测试集上的结果
# *On the test images*
#
# 基类检测器在同样的图像上再评估一次，因为“遗忘”比较的是同样的图像。取最后一个 epoch：只有 5 个框时，没有多余的框来挑选 epoch。

# %%
annotations = 'annotations/few_shot/split1'
run(f'python tools/eval.py -c configs/few_shot/{detector}_base.yml '
    f'--output_eval output/{detector}_base/test -o '
    f'EvalDataset.anno_path={annotations}/base_test.json', on(data))
for name in ('dkan', 'dkan_distill'):
    run(f'python tools/eval.py -c configs/few_shot/{detector}_dkan.yml '
        f'--output_eval output/{detector}_{name}/test -o '
        f'weights=output/{detector}_{name}/model_final '
        f'EvalDataset.anno_path={annotations}/test.json '
        f'base_metrics=output/{detector}_base/test/metrics.json', on(data))

# %% [markdown]
# `base`、`novel`、`all` 是各组类别的平均 AP（%）；`forgetting` 是基类检测器的 `base` 减去现在的 `base`，正值表示忘记了多少。
# 好的结果是 `novel` 高而 `forgetting` 接近 0。保存的输出中它是负数：基类检测器训练太短，微调时旧类别也还在进步。

# %%
methods = {'不蒸馏': f'{detector}_dkan/test', 'DKAN': f'{detector}_dkan_distill/test'}
for key in ('AP', 'AP50'):
    table([[title, *(percent(metrics(folder)['few_shot'][group][key])
                     for group in ('base', 'novel', 'all', 'forgetting'))]
           for title, folder in methods.items()], [key, 'base', 'novel', 'all', 'forgetting'])

# %% [markdown]
# ## 7. 检测
# *Inference*
#
# 只需要学生的配置和权重。`demo` 中的图像是合成的。

# %%
run(f'python tools/infer.py -c configs/few_shot/{detector}_dkan.yml --infer_img='
    f'demo/scratches_240.jpg -o weights=output/{detector}_dkan_distill/model_final',
    f'-o {on(data)} --draw_threshold 0.2 --output_dir output/infer_dkan')
show_pictures('output/infer_dkan/*.jpg')

# %% [markdown]
# ## 用于自己的类别，以及多个种子
# *Your own classes, and several seeds*
#
# 自己的新旧类别：`tools/make_few_shot.py --base ... --novel ... --detector nano` 同时写出配置。
# 多个种子和框数：`tools/run_few_shot.py`。见 [docs/dkan_cn.md](../docs/dkan_cn.md)。

# %% [markdown]
# ## 运行时间
# *Run times*
#
# 保存的输出来自一次运行：合成图像每类 20 张，基类训练 6 个 epoch，微调 20 个 epoch，Python 3.11，Paddle 3.3.1，AMD EPYC 的两个核，进程内存限制为 8 GB
# （`prlimit --as`），每个进程单线程（`OMP_NUM_THREADS=1`），2026-11-30。机器上同时有许多其他任务，全部命令共 12 分钟，处理器时间 154 秒，内存峰值 1.1 GB。
#
# **未在真实 NEU-DET 上测量时间，未在 GPU 上测量。**
