# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0

# %% [markdown]
# # 报告与阈值：产线会看到什么
# *The report and the threshold: what will the line see*
#
# mAP 说明哪个模型平均更好，但不说明会漏掉多少缺陷、多久误报一次、阈值应设为多少。
# `tools/report.py` 对教师、学生和蒸馏后的学生一并回答：[docs/report_cn.md](../docs/report_cn.md)。
#
# 本页使用 [04_own_data](04_own_data.ipynb) 训练的模型；没有时先用合成图像训练。
# **本页保存的输出来自合成（synthetic）钢材图像**，训练很短，只有一个种子：报告因此不作出“有效”的结论。

# %%
import glob
import json
import os

from exports import write_exports
from helpers import (
    IMAGES_PER_CLASS,
    draw_synthetic_steel,
    find_data,
    install,
    is_missing,
    is_prepared,
    run,
    schedule,
    show_machine,
    show_pictures,
    show_report,
)

show_machine()
install()

# %% [markdown]
# ## 1. 模型
# *Models*
#
# 已经训练过的不再训练。

# %%
if is_missing('gfl_lite2_my-parts_mgd_distill'):
    source, options = find_data('my-parts.zip'), ''
    if not source:
        draw_synthetic_steel('data/synthetic-steel-sound', f'--sound {IMAGES_PER_CLASS}')
        write_exports('data/synthetic-steel-sound', 'output/exports')
        source, options = 'output/exports/yolo.zip', schedule(5)
    if not is_prepared('data/my-parts'):
        run(f'python tools/prepare_data.py --source {source} --output data/my-parts '
            '--config configs/lite/gfl_lite0_neu_det.yml --slim_config '
            'configs/slim/distill/gfl_lite2_neu_det_mgd_distill.yml')
    run('python tools/train.py -c data/my-parts/gfl_lite2_my-parts.yml --eval', options)
    run('python tools/train.py -c data/my-parts/gfl_lite0_my-parts.yml --eval', options)
    run('python tools/train.py -c data/my-parts/gfl_lite0_my-parts.yml --slim_config '
        'data/my-parts/gfl_lite2_my-parts_mgd_distill.yml --eval', options)

# %% [markdown]
# ## 2. 报告
# *The report*
#
# 缺少的评估会先自动完成。阈值在验证集上选取，在测试集上报告。下载 `output/report/report.html`，用浏览器打开即可，
# 它不依赖其他文件。

# %%
run('python tools/report.py --teacher output/gfl_lite2_my-parts --student '
    'output/gfl_lite0_my-parts --distilled output/gfl_lite2_my-parts_mgd_distill '
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
model, folder = 'output/gfl_lite2_my-parts_mgd_distill', 'output/report-miss'
run(f'python tools/report.py --model {model} --miss 0.02 --output {folder}', '--language cn')
show_report(folder, '结论')
for path in sorted(glob.glob('output/report/thresholds_*my-parts*.json')):
    with open(path, encoding='utf-8') as file:
        chosen = json.load(file)
    print(os.path.basename(path), chosen['threshold'], json.dumps(chosen['classes']))

# %% [markdown]
# 推理时使用这个文件：低于本类别阈值的框不画出，也不保存。

# %%
thresholds = glob.glob('output/report/thresholds_distilled_*my-parts*.json')[0]
images = 'demo'
run('python tools/infer.py -c data/my-parts/gfl_lite0_my-parts.yml -o '
    f'weights=output/gfl_lite2_my-parts_mgd_distill/best_model --infer_dir {images} '
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
# 保存的输出来自一次运行：合成图像每类 20 张，另有 20 张没有缺陷，训练 5 个 epoch，Python 3.11，Paddle 3.3.1，Intel Xeon 的两个核，进程内存限制为 8 GB
# （`prlimit --as`），每个进程单线程（`OMP_NUM_THREADS=1`），2026-11-29。当时机器上还有其他任务，空闲机器上的时间没有单独测量。
# 同样的步骤用 RetinaNet lite 组在 Python 3.10 和 Paddle 3.2.2 上共用 34 秒处理器时间（不包括在 04 中已完成的训练，以及教师和学生事先完成的评估），内存峰值 0.6 GB。
#
# **未在 GPU 上测量。**
