# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0

# %% [markdown]
# # 在自己的图像上训练和蒸馏
# *Train and distil on your own images*
#
# VOC、YOLO、labelme 和 COCO 格式的标注都可以直接使用，不需要修改任何文件：[docs/own_data_cn.md](../docs/own_data_cn.md)。
#
# 把标注好的图像打包成 zip，作为数据集挂载到 AI Studio（或上传到项目中），名称改为 `my-parts.zip` 即可使用本页。
# 没有找到时，用**合成（synthetic）钢材图像**代替：本页保存的输出就是如此。

# %%
from exports import write_exports
from helpers import (
    IMAGES_PER_CLASS,
    CommandError,
    draw_synthetic_steel,
    find_data,
    install,
    is_prepared,
    metrics,
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
# ## 1. 标注好的图像
# *Labelled images*
#
# 没有自己的数据时，把同一批合成图像（包括没有缺陷的图像）写成标注工具导出的四种格式，每种一个 zip。

# %%
source = find_data('my-parts.zip')
if not source:
    draw_synthetic_steel('data/synthetic-steel-sound', f'--sound {IMAGES_PER_CLASS}')
    write_exports('data/synthetic-steel-sound', 'output/exports')
    source = 'output/exports/yolo.zip'

# %% [markdown]
# ## 2. 准备数据
# *Prepare the data*
#
# 标注格式自动识别。一条命令写出 COCO 数据集、`dataset.yml`，以及教师、学生和蒸馏的配置。类别顺序来自 `classes.txt`；
# 没有缺陷的图像（空标注文件）保留。所有错误都指出文件和行号，有错误时不写任何文件。
# 再次运行时，已有的 `data/my-parts` 和其中修改过的配置保持不变。

# %%
if not is_prepared('data/my-parts'):
    run(f'python tools/prepare_data.py --source {source} --output data/my-parts '
        '--config configs/lite/gfl_lite0_neu_det.yml '
        '--slim_config configs/slim/distill/gfl_lite2_neu_det_mgd_distill.yml')

# %% [markdown]
# 检查数据：各类别在训练、验证、测试集中的框数，框的大小，重复图像，以及标注样例。看一眼样例是发现类别写错的最快办法。

# %%
run('python tools/prepare_data.py --output data/my-parts --check --input_size 192')
show_pictures('data/my-parts-check/*.png', width=760)

# %% [markdown]
# ### 其他格式
# *The other formats*
#
# 同样的命令。四种格式的标注得到相同的数据集。

# %%
classes = 'crazing,inclusion,patches,pitted_surface,rolled-in_scale,scratches'
for name in ('voc', 'labelme', 'coco') if source == 'output/exports/yolo.zip' else ():
    export, output = f'output/exports/{name}.zip', f'data/my-parts-{name}'
    run(f'python tools/prepare_data.py --source {export} --output {output} --classes {classes}',
        '--overwrite')

# %% [markdown]
# ### 标注有错误时
# *When labels are wrong*
#
# 工具指出文件、行号和改正方法，不写任何文件。这里只给出两个类别名称，命令应当失败。

# %%
try:
    classes, output = 'crazing,inclusion', 'data/my-parts-wrong'
    run(f'python tools/prepare_data.py --source {source} --output {output} --classes {classes}')
except CommandError as error:
    print('如预期，命令失败：', error)
else:
    raise AssertionError('命令应当失败')

# %% [markdown]
# ## 3. 训练教师和学生，蒸馏
# *Train teacher and student, distil*
#
# 使用写出的配置。`-o` 之后是为演示缩短的训练计划；自己的数据请去掉它，使用配置中的训练计划（教师 24 个、学生 12 个 epoch）。
# 保存的输出中有警告 `the teacher is weak`：教师只训练了 5 个 epoch，属于正常现象。

# %%
options = schedule(5) if source == 'output/exports/yolo.zip' else ''
run('python tools/train.py -c data/my-parts/gfl_lite2_my-parts.yml --eval', options)

# %%
run('python tools/train.py -c data/my-parts/gfl_lite0_my-parts.yml --eval', options)

# %%
run('python tools/train.py -c data/my-parts/gfl_lite0_my-parts.yml --slim_config '
    'data/my-parts/gfl_lite2_my-parts_mgd_distill.yml --eval', options)

# %% [markdown]
# 验证集上的 AP（%），最后一个 epoch。阈值和误报见 [05_report_and_threshold](05_report_and_threshold.ipynb)。

# %%
runs = {'教师': 'gfl_lite2_my-parts', '学生': 'gfl_lite0_my-parts',
        '学生 + MGD': 'gfl_lite2_my-parts_mgd_distill'}
names = ('mAP', 'AP50', 'AP75')
table([[title, *(percent(metrics(folder)[name]) for name in names)]
       for title, folder in runs.items()], ['', *names])

# %% [markdown]
# ## 4. 检测新图像
# *Detect on new images*
#
# `new-images` 换成自己的图像目录；这里用 `demo` 中的合成图像。所有框和分数写入 `results.csv` 和 `results.json`。

# %%
images = 'demo'
run('python tools/infer.py -c data/my-parts/gfl_lite0_my-parts.yml -o '
    f'weights=output/gfl_lite2_my-parts_mgd_distill/best_model --infer_dir {images} '
    '--save_results true', '--draw_threshold 0.3 --output_dir output/infer_my-parts')
show_pictures('output/infer_my-parts/*.jpg')

# %% [markdown]
# ## 5. 导出
# *Export*
#
# 写出产线计算机使用的文件夹，并与训练好的模型逐一比对检测框：[docs/export_cn.md](../docs/export_cn.md)。

# %%
run('python tools/export_model.py -c data/my-parts/gfl_lite0_my-parts.yml -o '
    'weights=output/gfl_lite2_my-parts_mgd_distill/best_model.pdparams')

# %% [markdown]
# ## 运行时间
# *Run times*
#
# 保存的输出来自一次运行：合成图像每类 20 张，另有 20 张没有缺陷，训练 5 个 epoch，Python 3.11，Paddle 3.3.1，Intel Xeon 的两个核，进程内存限制为 8 GB
# （`prlimit --as`），每个进程单线程（`OMP_NUM_THREADS=1`），2026-11-29。当时机器上还有其他任务，空闲机器上的时间没有单独测量。
# 同样的步骤用 RetinaNet lite 组在 Python 3.10 和 Paddle 3.2.2 上共用 199 秒处理器时间，内存峰值 1.1 GB。
#
# **未在 GPU 上测量。**
