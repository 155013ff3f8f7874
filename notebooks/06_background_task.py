# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0

# %% [markdown]
# # 后台任务：一个单元完成全部步骤
# *A background task: everything in one cell*
#
# 关闭网页后，空闲的环境会停止；长时间的训练应提交为后台任务。后台任务从头执行一个笔记本，因此下面一个单元包含全部步骤：
# 找到项目（或解压 `ppdet_ext*.zip`）、安装、准备数据、训练、导出、报告，并把结果打包成一个文件 `output/results.zip`。报告失败时仍会打包其余结果，并在最后说明。
# 中断后再次执行时，同一条命令已完成的训练会跳过，未完成的从最近的检查点继续；试运行或其他数据上的结果移到旁边的目录，不会被当作正式的结果。
#
# 数据：挂载的 `my-parts.zip`（任何一种[标注格式](../docs/own_data_cn.md)；VOC 和 labelme 格式需要 zip 中的 `classes.txt` 或
# `labels.txt`，或者下面的 `CLASSES`）；没有时用**合成（synthetic）钢材图像**，名称为 `synthetic-parts`，本页保存的输出就是如此。
# 先用很少的 epoch（`EPOCHS`）在项目中试运行，提交时改回 `None`。如何提交后台任务，见 [README_cn.md](README_cn.md)。

# %%
# 类别名称及其顺序，如 'dent,scratch,stain'；zip 中有 classes.txt、labels.txt 等说明时留空
CLASSES = ''
# 试运行时的 epoch 数，如 2；None：使用配置中的训练计划
EPOCHS = None

import glob
import os
import shutil
import sys
import zipfile

here = [folder for folder in ('.', 'notebooks', 'work/ppdet_ext/notebooks', 'ppdet_ext/notebooks')
        if os.path.exists(f'{folder}/helpers.py')]
if not here:
    archives = glob.glob('ppdet_ext*.zip') + glob.glob('data/*/ppdet_ext*.zip')
    if not archives:
        raise FileNotFoundError('没有找到项目：请把 ppdet_ext*.zip 放在笔记本旁边，或作为数据集挂载')
    with zipfile.ZipFile(archives[0]) as archive:
        archive.extractall('work')
    here = [os.path.dirname(path) for path in glob.glob('work/**/helpers.py', recursive=True)]
sys.path.insert(0, os.path.abspath(here[0]))

from helpers import CommandError, install, own_data_or_synthetic, run, show_machine, train

show_machine()
install()

data, options = own_data_or_synthetic(CLASSES, EPOCHS)
train(f'python tools/train.py -c data/{data}/gfl_lite2_{data}.yml --eval', options)
train(f'python tools/train.py -c data/{data}/gfl_lite0_{data}.yml --eval', options)
train(f'python tools/train.py -c data/{data}/gfl_lite0_{data}.yml --slim_config '
      f'data/{data}/gfl_lite2_{data}_mgd_distill.yml --eval', options)

run(f'python tools/export_model.py -c data/{data}/gfl_lite0_{data}.yml -o '
    f'weights=output/gfl_lite2_{data}_mgd_distill/best_model.pdparams')
files = [f'output/gfl_lite2_{data}_mgd_distill/best_model.pdparams']
try:
    run(f'python tools/report.py --teacher output/gfl_lite2_{data} --student '
        f'output/gfl_lite0_{data} --distilled output/gfl_lite2_{data}_mgd_distill '
        '--output output/report', '--language cn')
    # Without validation images there are no thresholds.
    files += ['output/report/report.html', *glob.glob(
        f'output/report/thresholds_distilled_gfl_lite2_{data}_mgd_distill_seed0.json')]
    without = ''
except CommandError as error:
    without = f'，其中没有报告和阈值：{error}'

# Not into the exported folder: one that holds other files cannot be exported again.
shutil.rmtree('output/results', ignore_errors=True)
shutil.copytree(f'output_inference/gfl_lite0_{data}', f'output/results/gfl_lite0_{data}')
for path in files:
    shutil.copy(path, 'output/results')
shutil.make_archive('output/results', 'zip', 'output/results')
print(f'全部结果：output/results.zip{without}')

# %% [markdown]
# ## 运行时间
# *Run times*
#
# 保存的输出来自一次运行：合成图像每类 20 张，另有 20 张没有缺陷，训练 5 个 epoch，Python 3.11，Paddle 3.3.1，AMD EPYC 的两个核，进程内存限制为 8 GB
# （`prlimit --as`），每个进程单线程（`OMP_NUM_THREADS=1`），2026-11-30。机器上同时有许多其他任务，全部命令共 5 分钟，处理器时间 150 秒，内存峰值 1.0 GB。
#
# 真实 NEU-DET（1260 张训练图像，按配置训练）上的时间，在空闲的 AMD EPYC 两个核上测得，每个进程单线程，2026-11-29：
# 教师 24 个 epoch 共 40 分钟，学生每个 epoch 65 秒，MGD 每个 epoch 105 秒（各 12 个 epoch，即 13 分钟和 21 分钟）。
# 自己的数据：训练图像少于约 1050 张时，配置会自动增加 epoch，用时与 NEU-DET 相近；图像更多时，用时与图像的数量成正比。
#
# **未在 GPU 上测量。**
