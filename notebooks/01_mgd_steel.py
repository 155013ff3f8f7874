# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0

# %% [markdown]
# # 用 MGD 蒸馏钢材表面缺陷检测器
# *Distil a detector of steel defects by MGD*
#
# 训练一个大检测器（教师）和一个小检测器（学生），再让学生在教师指导下重新训练，最后比较三者。产线上只运行学生。
#
# **本页保存的输出来自合成（synthetic）钢材图像**：图像由程序绘制，每类 20 张，训练 5 个 epoch。它们说明流程如何运行、
# 输出是什么样子，不代表真实钢材上的效果。真实 NEU-DET 上的结果见 [docs/results_cn.md](../docs/results_cn.md)。
#
# 每条命令都与 README 和 docs 中的相同，可以原样复制到终端执行。命令失败时，笔记本在该单元停止。

# %% [markdown]
# ## 1. 安装
# *Installation*
#
# 已安装的 Paddle 保持不变；没有 Paddle 时才安装 CPU 版。已经安装过时立即完成。

# %%
from helpers import (
    install,
    metrics,
    neu_det_or_synthetic,
    on,
    percent,
    run,
    show_machine,
    show_pictures,
    show_report,
    table,
    train,
)

show_machine()
install()

# %% [markdown]
# ## 2. 数据
# *Data*
#
# 如果项目挂载了 NEU-DET（`data/dataNNNNNN/` 中的 `NEU-DET.zip`、`NEU-DET.tar.gz` 或目录 `NEU-DET`），或已上传到 `work/` 或主目录，就使用它，并按配置中的完整计划训练。
# 否则绘制合成钢材。挂载的数据只读取、不修改：准备好的数据写入项目的 `data/`，结果写入 `output/`。
# 已经准备过的数据不再准备。

# %%
data, options = neu_det_or_synthetic(epochs=5)

# %% [markdown]
# ## 3. 教师
# *Teacher*
#
# GFL，主干 EfficientNet-Lite2，共 1.9 M 参数，从 ImageNet 权重开始；权重随 Python 包安装，不需要另外下载。
# `--eval` 在每个 epoch 之后评估验证集，并保留最好的模型。
#
# 再次运行时，同一条命令（数据、epoch 数等都相同）已完成的训练不再进行，中断的训练继续；用另一条命令训练的结果移到旁边的目录，不会被当作这次的结果。

# %%
train('python tools/train.py -c configs/lite/gfl_lite2_neu_det.yml --eval', options)

# %% [markdown]
# ## 4. 单独训练的学生
# *Student alone*
#
# GFL，主干 EfficientNet-Lite0，共 1.0 M 参数。这是基线：没有它，就无法知道蒸馏带来了什么。

# %%
train('python tools/train.py -c configs/lite/gfl_lite0_neu_det.yml --eval', options)

# %% [markdown]
# ## 5. 蒸馏
# *Distillation*
#
# 还是同一个学生、同样的数据和计划，只多了 `--slim_config`。日志会说明教师的权重是否全部载入（`teacher: N of N tensors loaded`），
# 以及每个蒸馏损失项与检测损失的比例（`first step`）。
#
# 训练前会先检查教师，AP50 低于 0.3 时给出警告（`the teacher is weak`）。保存的输出中教师只训练了 5 个 epoch，因此有这个警告，属于正常现象；
# 在自己的数据上出现时，请先把教师训练好。

# %%
run('python tools/train.py -c configs/lite/gfl_lite0_neu_det.yml --slim_config '
    'configs/slim/distill/gfl_lite2_neu_det_mgd_distill.yml --eval', options)

# %% [markdown]
# ## 6. 比较
# *Comparison*
#
# 验证集上的 AP（%），最后一个 epoch。

# %%
runs = {'教师': 'gfl_lite2_neu_det', '学生': 'gfl_lite0_neu_det',
        '学生 + MGD': 'gfl_lite2_neu_det_mgd_distill'}
results = {title: metrics(folder) for title, folder in runs.items()}
names = ('mAP', 'AP50', 'AP75', 'AP_small', 'AP_medium', 'AP_large')
table([[name, *(percent(result[name]) for result in results.values())] for name in names],
      ['', *runs])
table([[name, *(percent(result['classes'][name]['AP']) for result in results.values())]
       for name in results['学生']['classes']], ['类别 AP', *runs])

# %% [markdown]
# 报告在测试集上回答产线关心的问题：在允许的误报数量下能检出多少缺陷，阈值应设为多少。完整的页面是 `output/report/report.html`，
# 下载后用浏览器打开；说明见 [docs/report_cn.md](../docs/report_cn.md)。

# %%
run('python tools/report.py --teacher output/gfl_lite2_neu_det --student '
    'output/gfl_lite0_neu_det --distilled output/gfl_lite2_neu_det_mgd_distill '
    '--output output/report', '--language cn --pictures 1')
show_report('output/report', '结论', '工作点')

# %% [markdown]
# ## 7. 图像
# *Pictures*
#
# 从左到右：标注，教师，学生，蒸馏后的学生。实线 + 为正确检出，虚线 ! 为误报，点线 ? 为漏检。

# %%
show_report('output/report', '图片对比')

# %% [markdown]
# 在新图像上运行学生，只需要学生的配置和权重，不需要教师。`demo` 中的六张图像也是合成的。

# %%
run('python tools/infer.py -c configs/lite/gfl_lite0_neu_det.yml -o weights='
    'output/gfl_lite2_neu_det_mgd_distill/best_model.pdparams --infer_dir demo',
    f'-o {on(data)} --draw_threshold 0.3 --output_dir output/infer')
show_pictures('output/infer/*.jpg')

# %% [markdown]
# ## 8. 蒸馏没有效果时
# *When distillation does not help*
#
# 1. 比较要公平：学生、计划、初始权重和数据都相同，只差 `--slim_config`；用几个随机种子（`-o seed=1`、`2`……）。
#    一个种子上的差别可能只是偶然。
# 2. 教师是否比学生好？教师几乎不比学生好时，没有什么可教。
# 3. 教师是否载入？日志中应有 `teacher: N of N tensors loaded`。
# 4. 损失项有多大？第一步的日志把每一项与检测损失比较。太小不起作用，太大会淹没检测损失：[如何选择 alpha](../docs/mgd_cn.md)。
# 5. 先延长学生单独训练的计划：训练不足的学生，多训练总会变好。
#
# 更多内容见 [docs/getting_started_cn.md](../docs/getting_started_cn.md#蒸馏没有效果时)。

# %% [markdown]
# ## 运行时间
# *Run times*
#
# 保存的输出来自一次运行：合成图像每类 20 张，训练 5 个 epoch，Python 3.11，Paddle 3.3.1，AMD EPYC 的两个核，进程内存限制为 8 GB
# （`prlimit --as`），每个进程单线程（`OMP_NUM_THREADS=1`），2026-11-30。机器上同时有许多其他任务，全部命令共 9 分钟，处理器时间 134 秒，内存峰值 1.1 GB。
#
# 真实 NEU-DET（1260 张训练图像，按配置训练）上的时间，在空闲的 AMD EPYC 两个核上测得，每个进程单线程，2026-11-29：
# 教师 24 个 epoch 共 40 分钟，学生每个 epoch 65 秒，MGD 每个 epoch 105 秒（各 12 个 epoch，即 13 分钟和 21 分钟）。
#
# **未在 GPU 上测量。**有 GPU 时可以训练 R101 到 R50 的组合，命令见 [docs/getting_started_cn.md](../docs/getting_started_cn.md)。
