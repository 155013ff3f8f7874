# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0

# %% [markdown]
# # 报告与阈值：产线会看到什么
# *The report and the threshold: what will the line see*
#
# mAP 说明哪个模型平均更好，但不说明会漏掉多少缺陷、多久误报一次、阈值应设为多少。
# `tools/report.py` 对教师、学生和蒸馏后的学生一并回答：[docs/report_cn.md](../docs/report_cn.md)。
#
# 本页使用 [04_own_data](04_own_data.ipynb) 训练的模型；没有时先训练，数据同样是 `my-parts.zip` 或合成图像。
# **本页保存的输出来自合成（synthetic）钢材图像**，训练很短，只有一个种子：报告因此不作出“有效”的结论。

# %%
import glob
import json
import os

from helpers import (
    install,
    own_data_or_synthetic,
    run,
    show_machine,
    show_pictures,
    show_report,
    train,
)

# 类别名称及其顺序，如 'dent,scratch,stain'；zip 中有 classes.txt、labels.txt 等说明时留空
CLASSES = ''
# 试运行时的 epoch 数，如 2；None：使用配置中的训练计划
EPOCHS = None

show_machine()
install()

# %% [markdown]
# ## 1. 模型
# *Models*
#
# 04 中用同样的数据和 `EPOCHS` 训练过的不再训练。

# %%
data, options = own_data_or_synthetic(CLASSES, EPOCHS)

# %%
train(f'python tools/train.py -c data/{data}/gfl_lite2_{data}.yml --eval', options)
train(f'python tools/train.py -c data/{data}/gfl_lite0_{data}.yml --eval', options)
train(f'python tools/train.py -c data/{data}/gfl_lite0_{data}.yml --slim_config '
      f'data/{data}/gfl_lite2_{data}_mgd_distill.yml --eval', options)

# %% [markdown]
# ## 2. 报告
# *The report*
#
# 缺少的评估会先自动完成。阈值在验证集上选取，在测试集上报告。下载 `output/report/report.html`，用浏览器打开即可，
# 它不依赖其他文件。

# %%
run(f'python tools/report.py --teacher output/gfl_lite2_{data} --student '
    f'output/gfl_lite0_{data} --distilled output/gfl_lite2_{data}_mgd_distill '
    '--output output/report', '--language cn --pictures 1')

# %%
show_report('output/report', '结论')

# %% [markdown]
# ## 3. 误报与检出
# *False alarms and detections*
#
# FROC 曲线的横轴是每张图像的误报数，纵轴是检出的缺陷比例，越靠左上越好。

# %%
show_report('output/report', '工作点')

# %% [markdown]
# 有没有缺陷的图像时，报告还按整张图像统计：放过了多少有缺陷的图像，误判了多少完好的图像。

# %%
show_report('output/report', '整图判定', '错误类型')

# %% [markdown]
# ## 4. 选择阈值
# *Choose the threshold*
#
# 上面的报告按“每张图像最多 0.5 个误报”选取阈值。也可以按漏检率选取，例如最多漏检 2 %：`--miss 0.02`；
# 报告会说明在测试集上实际达到多少。每个模型的阈值（总体的和各类别的）在文件 `thresholds_*.json` 中。

# %%
model, folder = f'output/gfl_lite2_{data}_mgd_distill', 'output/report-miss'
run(f'python tools/report.py --model {model} --miss 0.02 --output {folder}', '--language cn')
show_report(folder, '结论')
for path in sorted(glob.glob(f'output/report/thresholds_*_{data}*_seed0.json')):
    with open(path, encoding='utf-8') as file:
        chosen = json.load(file)
    print(os.path.basename(path), chosen['threshold'], json.dumps(chosen['classes']))

# %% [markdown]
# 推理时使用这个文件：低于本类别阈值的框不画出，也不保存。

# %%
thresholds = f'output/report/thresholds_distilled_gfl_lite2_{data}_mgd_distill_seed0.json'
images = 'demo'
run(f'python tools/infer.py -c data/{data}/gfl_lite0_{data}.yml -o '
    f'weights=output/gfl_lite2_{data}_mgd_distill/best_model --infer_dir {images} '
    '--save_results true', f'--thresholds {thresholds} --output_dir output/infer_thresholds')
show_pictures('output/infer_thresholds/*.jpg')

# %% [markdown]
# ## 5. 蒸馏改变了什么
# *What distillation changed*
#
# 从左到右：标注，教师，学生，蒸馏后的学生。实线 + 为正确检出，虚线 ! 为误报，点线 ? 为漏检。

# %%
show_report('output/report', '图片对比', '下一步')

# %% [markdown]
# ## 运行时间
# *Run times*
#
# 保存的输出来自一次运行：合成图像每类 20 张，另有 20 张没有缺陷，训练 5 个 epoch，Python 3.11，Paddle 3.3.1，AMD EPYC 的两个核，进程内存限制为 8 GB
# （`prlimit --as`），每个进程单线程（`OMP_NUM_THREADS=1`），2026-11-30。机器上同时有许多其他任务，全部命令共 2 分钟，处理器时间 48 秒，内存峰值 0.6 GB。
# 其中不包括在 04 中已完成的三个训练。
#
# 真实 NEU-DET（1260 张训练图像，按配置训练）上的时间，在空闲的 AMD EPYC 两个核上测得，每个进程单线程，2026-11-29：
# 教师 24 个 epoch 共 40 分钟，学生每个 epoch 65 秒，MGD 每个 epoch 105 秒（各 12 个 epoch，即 13 分钟和 21 分钟）。
# 自己的数据：训练图像少于约 1050 张时，配置会自动增加 epoch，用时与 NEU-DET 相近；图像更多时，用时与图像的数量成正比。
#
# **未在 GPU 上测量。**
