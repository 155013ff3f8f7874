# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0

# %% [markdown]
# # 在自己的图像上训练和蒸馏
# *Train and distil on your own images*
#
# VOC、YOLO、labelme 和 COCO 格式的标注都可以直接使用，不需要修改任何文件：[docs/own_data_cn.md](../docs/own_data_cn.md)。
#
# 把标注好的图像打包成 zip，名称改为 `my-parts.zip`，作为数据集挂载到 AI Studio（或上传到 `work/` 或主目录），即可使用本页。
# VOC 和 labelme 格式的 zip 中应有 `classes.txt` 或 `labels.txt`（每行一个类别名），没有时在下面的 `CLASSES` 中写明类别。
# 没有找到 `my-parts.zip` 时，用**合成（synthetic）钢材图像**代替，名称为 `synthetic-parts`：本页保存的输出就是如此。

# %%
from helpers import (
    EXPORTS,
    CommandError,
    install,
    metrics,
    own_data_or_synthetic,
    percent,
    run,
    show_machine,
    show_pictures,
    table,
    train,
)

# 类别名称及其顺序，如 'dent,scratch,stain'；zip 中有 classes.txt、labels.txt 等说明时留空
CLASSES = ''
# 试运行时的 epoch 数，如 2；None：使用配置中的训练计划
EPOCHS = None

show_machine()
install()

# %% [markdown]
# ## 1. 准备数据
# *Prepare the data*
#
# 标注格式自动识别。一条 `tools/prepare_data.py` 命令写出 COCO 数据集、`dataset.yml`，以及教师、学生和蒸馏的配置。
# 没有缺陷的图像（空标注文件）保留。所有错误都指出文件和行号，有错误时不写任何文件。
# 再次运行时，已有的 `data/my-parts` 和其中修改过的配置保持不变。
#
# 没有自己的数据时，把同一批合成图像（包括没有缺陷的图像）写成标注工具导出的四种格式，每种一个 zip，这里使用其中的 YOLO 格式。

# %%
data, options = own_data_or_synthetic(CLASSES, EPOCHS)

# %% [markdown]
# 检查数据：各类别在训练、验证、测试集中的框数，框的大小，重复图像，以及标注样例。看一眼样例是发现类别写错的最快办法。

# %%
run(f'python tools/prepare_data.py --output data/{data} --check --input_size 192')
show_pictures(f'data/{data}-check/*.png', width=760)

# %% [markdown]
# ### 其他格式
# *The other formats*
#
# 同样的命令。四种格式的标注得到相同的数据集。使用自己的数据时跳过。

# %%
classes = 'crazing,inclusion,patches,pitted_surface,rolled-in_scale,scratches'
for name in ('voc', 'labelme', 'coco') if data == 'synthetic-parts' else ():
    export, output = f'{EXPORTS}/{name}.zip', f'data/{data}-{name}'
    run(f'python tools/prepare_data.py --source {export} --output {output} --classes {classes}',
        '--overwrite')

# %% [markdown]
# ### 标注有错误时
# *When labels are wrong*
#
# 工具指出文件、行号和改正方法，不写任何文件。这里只给出两个类别名称，命令应当失败。使用自己的数据时跳过。

# %%
if data == 'synthetic-parts':
    export, output, classes = f'{EXPORTS}/yolo.zip', f'data/{data}-wrong', 'crazing,inclusion'
    try:
        run(f'python tools/prepare_data.py --source {export} --output {output} --classes {classes}')
    except CommandError as error:
        print('如预期，命令失败：', error)
    else:
        raise AssertionError('命令应当失败')

# %% [markdown]
# ## 2. 训练教师和学生，蒸馏
# *Train teacher and student, distil*
#
# 使用写出的配置。自己的数据按配置中的计划训练（教师 24 个、学生 12 个 epoch，训练图像少于约 1050 张时更多）；设置 `EPOCHS` 可以先用很少的 epoch 试运行。
# 保存的输出中，`-o` 之后是为演示缩短的训练计划。
#
# 再次运行时，同一条命令已完成的训练不再进行，中断的训练继续；试运行的结果移到旁边的目录，不会被当作正式的结果。
#
# 保存的输出中有警告 `the teacher is weak`：教师只训练了 5 个 epoch，属于正常现象。

# %%
train(f'python tools/train.py -c data/{data}/gfl_lite2_{data}.yml --eval', options)

# %%
train(f'python tools/train.py -c data/{data}/gfl_lite0_{data}.yml --eval', options)

# %%
train(f'python tools/train.py -c data/{data}/gfl_lite0_{data}.yml --slim_config '
      f'data/{data}/gfl_lite2_{data}_mgd_distill.yml --eval', options)

# %% [markdown]
# 验证集上的 AP（%），最后一个 epoch。阈值和误报见 [05_report_and_threshold](05_report_and_threshold.ipynb)。

# %%
runs = {'教师': f'gfl_lite2_{data}', '学生': f'gfl_lite0_{data}',
        '学生 + MGD': f'gfl_lite2_{data}_mgd_distill'}
names = ('mAP', 'AP50', 'AP75')
table([[title, *(percent(metrics(folder)[name]) for name in names)]
       for title, folder in runs.items()], ['', *names])

# %% [markdown]
# ## 3. 检测新图像
# *Detect on new images*
#
# `new-images` 换成自己的图像目录；这里用 `demo` 中的合成图像。所有框和分数写入 `results.csv` 和 `results.json`。

# %%
images = 'demo'
run(f'python tools/infer.py -c data/{data}/gfl_lite0_{data}.yml -o '
    f'weights=output/gfl_lite2_{data}_mgd_distill/best_model --infer_dir {images} '
    '--save_results true', f'--draw_threshold 0.3 --output_dir output/infer_{data}')
show_pictures(f'output/infer_{data}/*.jpg')

# %% [markdown]
# ## 4. 导出
# *Export*
#
# 写出产线计算机使用的文件夹，并与训练好的模型逐一比对检测框：[docs/export_cn.md](../docs/export_cn.md)。

# %%
run(f'python tools/export_model.py -c data/{data}/gfl_lite0_{data}.yml -o '
    f'weights=output/gfl_lite2_{data}_mgd_distill/best_model.pdparams')

# %% [markdown]
# ## 运行时间
# *Run times*
#
# 保存的输出来自一次运行：合成图像每类 20 张，另有 20 张没有缺陷，训练 5 个 epoch，Python 3.11，Paddle 3.3.1，AMD EPYC 的两个核，进程内存限制为 8 GB
# （`prlimit --as`），每个进程单线程（`OMP_NUM_THREADS=1`），2026-11-30。机器上同时有许多其他任务，全部命令共 8 分钟，处理器时间 143 秒，内存峰值 1.1 GB。
#
# 真实 NEU-DET（1260 张训练图像，按配置训练）上的时间，在空闲的 AMD EPYC 两个核上测得，每个进程单线程，2026-11-29：
# 教师 24 个 epoch 共 40 分钟，学生每个 epoch 65 秒，MGD 每个 epoch 105 秒（各 12 个 epoch，即 13 分钟和 21 分钟）。
# 自己的数据：训练图像少于约 1050 张时，配置会自动增加 epoch，用时与 NEU-DET 相近；图像更多时，用时与图像的数量成正比。
#
# **未在 GPU 上测量。**
