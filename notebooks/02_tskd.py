# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0

# %% [markdown]
# # 用 TSKD 蒸馏，并逐一关闭它的三个部分
# *Distil by TSKD, and switch its three parts off one by one*
#
# TSKD 由三部分组成：双重关系蒸馏、解耦专家蒸馏、交叉响应蒸馏（公式和参数见 [docs/tskd_cn.md](../docs/tskd_cn.md)）。
# 本页使用与 [01_mgd_steel](01_mgd_steel.ipynb) 相同的教师和学生；那里用同样的数据和计划训练过的模型不再训练。
#
# **本页保存的输出来自合成（synthetic）钢材图像**：每类 20 张，每个模型只训练 5 个 epoch，因此 AP 很低。
# 它们只说明流程如何运行，不能据此判断哪个部分有用。

# %%
import re
from pathlib import Path

from helpers import (
    install,
    metrics,
    neu_det_or_synthetic,
    percent,
    run,
    show_machine,
    table,
    train,
)

show_machine()
install()

# %% [markdown]
# ## 1. 数据、教师、学生
# *Data, teacher, student*

# %%
data, options = neu_det_or_synthetic(epochs=5)

# %%
train('python tools/train.py -c configs/lite/gfl_lite2_neu_det.yml --eval', options)
train('python tools/train.py -c configs/lite/gfl_lite0_neu_det.yml --eval', options)

# %% [markdown]
# ## 2. TSKD
#
# 日志的 `first step` 各行给出每一项的大小：`fg`、`bg`、`se` 属于解耦专家，`ins_rea`、`pixel_rea` 属于双重关系，
# `cls`、`box` 属于交叉响应。
#
# 保存的输出中有警告 `the teacher is weak`：教师只训练了 5 个 epoch，属于正常现象。

# %%
run('python tools/train.py -c configs/lite/gfl_lite0_neu_det.yml --slim_config '
    'configs/slim/distill/gfl_lite2_neu_det_tskd_distill.yml --eval', options)

# %% [markdown]
# ## 3. 逐一关闭
# *Switch off one by one*
#
# 每次关闭一个部分，其余不变。配置写在自己的文件里，因为运行以文件命名；`alpha` 为 0 的项不参与计算。

# %%
shipped = Path('configs/slim/distill/gfl_lite2_neu_det_tskd_distill.yml').read_text()
shipped = shipped.replace('../../', '../../configs/')
variants = {
    'without_relation': ('没有双重关系', {r'(alpha_\w+_rea): .*': r'\1: 0'}),
    'without_expert': ('没有解耦专家', {r'(alpha_(fg|bg|se)): .*': r'\1: 0'}),
    'without_cross_response': ('没有交叉响应', {r'cross_response:\n( .*\n)+': 'cross_response: false\n'}),
}
folder = Path('output/variants')
folder.mkdir(parents=True, exist_ok=True)
for name, (title, changes) in variants.items():
    text = shipped
    for old, new in changes.items():
        text, count = re.subn(old, new, text)
        assert count, f'{old} 不在配置中'
    path = folder / f'{name}.yml'
    path.write_text(text)
    print(f'{title}: {path}')
    run('python tools/train.py -c configs/lite/gfl_lite0_neu_det.yml --slim_config '
        f'{path} --eval', options)

# %% [markdown]
# ## 4. 结果
# *Results*
#
# 验证集上的 AP（%），最后一个 epoch，一个随机种子。

# %%
runs = {'教师': 'gfl_lite2_neu_det', '学生': 'gfl_lite0_neu_det',
        '学生 + TSKD': 'gfl_lite2_neu_det_tskd_distill',
        **{title: name for name, (title, _) in variants.items()}}
names = ('mAP', 'AP50', 'AP75')
table([[title, *(percent(metrics(folder)[name]) for name in names)]
       for title, folder in runs.items()], ['', *names])

# %% [markdown]
# 要得出结论，需要几个随机种子。`tools/run_comparison.py` 训练全部方法和种子，中断后继续，并给出均值、按种子配对的差和置信区间：
# [docs/comparison_cn.md](../docs/comparison_cn.md)。

# %% [markdown]
# ## 运行时间
# *Run times*
#
# 保存的输出来自一次运行：合成图像每类 20 张，训练 5 个 epoch，Python 3.11，Paddle 3.3.1，AMD EPYC 的两个核，进程内存限制为 8 GB
# （`prlimit --as`），每个进程单线程（`OMP_NUM_THREADS=1`），2026-11-30。机器上同时有许多其他任务，全部命令共 20 分钟，处理器时间 194 秒，内存峰值 1.1 GB。
# 其中不包括在 01 中已完成的教师和学生的训练。
#
# 真实 NEU-DET（1260 张训练图像，按配置训练）上的时间，在空闲的 AMD EPYC 两个核上测得，每个进程单线程，2026-11-29：
# 教师 24 个 epoch 共 40 分钟，学生每个 epoch 65 秒，TSKD 每个 epoch 165 秒（各 12 个 epoch，即 13 分钟和 33 分钟）。
# 关闭某个部分的三个训练没有单独测量。
#
# **未在 GPU 上测量。**
