# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""The text of a report in English and Chinese."""

__all__ = ['LANGUAGES', 'WORDS']

ENGLISH = {
    'html_language': 'en',
    'title': 'Did it help, and what will the line see?',
    'title_plain': 'What will the line see?',
    'contents': 'Contents',
    'skip': 'Skip to the verdict',
    'separator': '; ',
    'comma': ', ',
    'synthetic': 'Synthetic data: a program drew these images. The results say nothing about real '
                 'steel.',
    'teacher': 'teacher', 'student': 'student', 'distilled': 'distilled student',
    'model': 'model',
    'section_verdict': 'Verdict', 'section_run': 'What was run', 'section_data': 'Data',
    'section_training': 'Training', 'section_accuracy': 'Accuracy',
    'section_operating': 'Operating point', 'section_images': 'Decisions on images',
    'section_confusion': 'Confusion of classes', 'section_kinds': 'Kinds of mistakes',
    'section_pictures': 'Pictures', 'section_cost': 'Cost', 'section_sure': 'How sure is this',
    'section_next': 'Next steps',
    # Verdict
    'verdict_gain': 'Distillation helped: the {model} differs from the {to} by {difference} points '
                    'of mAP (95 % interval {low} to {high}, {pairs} pairs of seeds).',
    'verdict_loss': 'Distillation hurt: the {model} differs from the {to} by {difference} points '
                    'of mAP (95 % interval {low} to {high}, {pairs} pairs of seeds).',
    'verdict_open': 'No gain is shown: the {model} differs from the {to} by {difference} points of '
                    'mAP, and the 95 % interval over {pairs} pairs of seeds, {low} to {high}, '
                    'includes zero.',
    'verdict_one': 'No claim: the {model} differs from the {to} by {difference} points of mAP, but '
                   'one pair of runs with the same seed cannot tell a gain from chance.',
    'verdict_none': 'No claim: the {model} and the {to} have no runs with the same seed to '
                    'compare; train both with -o seed=0, 1 and 2.',
    'verdict_plain': '{model}: mAP {ap}, and {recall} of the defects found at {false_alarms} false '
                     'alarms per image on the test images.',
    'verdict_plain_nothing': 'The {model} was not judged: the test images have no boxes.',
    'verdict_epochs': 'The {model} was trained for {own} epochs, the {to} for {other}: part of the '
                      'difference may come from that.',
    'verdict_epochs_unknown': 'It is not recorded whether both were trained for the same number of '
                              'epochs; if not, part of the difference may come from that.',
    'verdict_missing': 'Nothing to compare: the report has no distilled model beside a student '
                       'alone with the same config.',
    'verdict_table': 'The models on the test images',
    'verdict_note': 'In percent, mean ± standard deviation over seeds. Recall and false alarms at '
                    'the threshold that was chosen on the validation images: {rule}.',
    'verdict_unvalidated': 'In percent, mean ± standard deviation over seeds. Recall and false '
                           'alarms at a fixed threshold of {threshold}: there are no evaluations '
                           'of validation images to choose one on.',
    'rule_false_alarms': 'at most {value} false alarms per image',
    'rule_miss': 'at most {value} of the defects missed',
    'model_column': 'model', 'parameters': 'parameters', 'file': 'file, MB', 'ms': 'ms per image',
    'recall': 'recall', 'precision': 'precision', 'false_alarms': 'false alarms per image',
    'threshold': 'threshold', 'seeds': 'seeds', 'gain_of': 'gain of {model}',
    'machine': 'Time measured on: {machine}, batch of one, {input}.',
    'gains_table': 'Gain over the student alone',
    'difference_by_seed': '{metric}, difference by seed', 'bootstrap': '{metric}, other images',
    # What was run
    'runs_table': 'The runs', 'folder': 'folder', 'config': 'config', 'slim_config': 'distillation',
    'date': 'date', 'hours': 'hours', 'versions': 'versions', 'unknown': 'not recorded',
    'commands': 'Commands of {folder}', 'test_set': 'Test images: {path}. Validation images: '
    '{validation}.', 'no_validation': 'none',
    # Data
    'data_table': 'Images and boxes', 'images': 'images', 'boxes': 'boxes',
    'without_boxes': 'images without boxes', 'boxes_of': 'boxes of {name}', 'train': 'training',
    'validation': 'validation',
    'test': 'test', 'sizes_chart': 'Sizes of the boxes, and the strides of an FPN',
    'sizes_note': 'The side of a square of the same area, in pixels of the images. The vertical '
                  'lines are 8, 16, 32, 64 and 128 pixels, the usual strides of the levels P3 to '
                  'P7; where the reader resizes the images, they shift by the same factor. Boxes '
                  'smaller than the first stride are hard to find.',
    'side': 'side, pixels', 'share_of_boxes': 'share of the boxes, %',
    'samples': 'Some test images with their true boxes',
    'class_numbers': 'No font of this machine has all characters of the class names, so that '
                     'charts and pictures number them: {numbers}.',
    # Training
    'training_chart': 'Loss terms and validation AP against the step',
    'training_note': 'Every run is a line. AP is that of the evaluations during training.',
    'training_none': 'No curves were recorded: neither a VisualDL log (--use_vdl=True) nor '
                     'train.log is in the folders of the runs.',
    'step': 'step',
    # Accuracy
    'accuracy_table': 'COCO metrics on the test images, percent',
    'classes_table': 'AP by class, percent', 'class': 'class', 'objects': 'boxes',
    'base_class': '{name} (base)', 'novel_class': '{name} (novel)',
    'few_shot_table': 'Base and novel classes, percent', 'base': 'base classes',
    'novel': 'novel classes', 'all': 'all classes', 'forgetting': 'forgetting of the base classes',
    'classes_chart': 'AP by class', 'precision_recall_chart': 'Precision against recall, IoU 0.5, '
    'mean over the classes', 'percent': '%',
    'no_boxes': 'The test images have no boxes: there is nothing to find, only false alarms.',
    # Operating point
    'operating_note': 'A detection is right where it finds a true box of its class at IoU 0.5; any '
                      'other is a false alarm. Thresholds are chosen on the validation images and '
                      'reported on the test images.',
    'operating_none': 'No thresholds are chosen: there are no evaluations of validation images, '
                      'and thresholds chosen and reported on the same test images would look '
                      'better than they are. Give --validation FILE.',
    'budgets_table': 'Recall at a budget of false alarms, percent; in brackets the threshold of '
                     'the first seed and the false alarms on the test images',
    'budget': 'budget per image',
    'froc_chart': 'Recall against false alarms per image (FROC); the chosen thresholds are marked',
    'score_chart': 'Recall and precision against the threshold; chosen ones as vertical lines',
    'chosen_table': 'What the chosen thresholds bring on the test images: {rule}',
    'one_threshold': 'one threshold', 'class_thresholds': 'a threshold for each class',
    'by_class_table': 'Thresholds by class, first seed: {model}',
    'by_class_note': 'Each class gets {own}.',
    'own_false_alarms': 'an equal share of the false alarms. A class without boxes in the '
                        'validation images gets the threshold for all classes, or a higher one '
                        'that keeps its share',
    'own_miss': 'the same limit on missed defects. A class without boxes in the validation images '
                'gets the threshold for all classes',
    'not_kept': '{model}: no threshold meets the rule on the validation images; the values are for '
                '{threshold}.',
    'not_kept_classes': '{model}: for {classes}, no threshold meets the rule on the validation '
                        'images; the thresholds by class use {threshold} there, which comes '
                        'closest.',
    'infer_note': 'With one threshold, or with those by class, where FOLDER holds your images:',
    # Decisions on images
    'images_note': 'An image is rejected if anything is detected in it, wherever. Escape: '
                   'defective images that pass, of all defective ones ({defective}). Overkill: '
                   'sound images that are rejected, of all sound ones ({sound}). Other pages '
                   'divide by all images, or by the rejected ones. In brackets Wilson\'s 95 % '
                   'interval; first seeds.',
    'images_no_sound': 'Overkill cannot be measured: no test image is without boxes. Add sound '
                       'images to the test set, with no boxes in its annotation file.',
    'images_no_defective': 'Escape cannot be measured: no test image shows a defect.',
    'images_no_cost': 'The cheapest threshold cannot be chosen: that requires both sound and '
                      'defective images among the validation images.',
    'images_table': 'Escape and overkill on the test images', 'escape': 'escape',
    'overkill': 'overkill', 'chosen_at': 'chosen by', 'by_rule': 'the rule',
    'by_rule_classes': 'the rule, by class', 'by_cost': 'lowest cost on validation images',
    'cost_column': 'cost', 'images_chart': 'Escape and overkill against the threshold, test images',
    'cost_note': 'Cost = {escape} x escapes + {overkill} x overkills.',
    # Confusion
    'confusion_note': 'At the threshold, IoU 0.5, first seed. Rows are the true classes, columns '
                      'what was detected. The last column counts boxes that were not found, the '
                      'last row false alarms.',
    'confusion_table': '{model}', 'background': 'background',
    # Kinds
    'kinds_note': 'False detections and missed boxes at the threshold, mean over seeds, sorted as '
                  'by TIDE. wrong place: IoU from 0.1 to 0.5 with its class. wrong class: IoU from '
                  '0.5 with another. double: the box was found already. background: no box '
                  'there. both: class and place are wrong. missed: no detection comes near.',
    'kinds_table': 'Kinds of mistakes, boxes', 'kind': 'kind', 'kind_place': 'wrong place',
    'kind_class': 'wrong class', 'kind_double': 'double', 'kind_background': 'background',
    'kind_both': 'both', 'kind_missed': 'missed', 'kinds_chart': 'Kinds of mistakes',
    # Pictures
    'pictures_note': 'Test images at the threshold, first seeds. Solid line and +: found. Dashed '
                     'line and !: false alarm. Dotted line and ?: missed.',
    'pictures_none': 'No pictures: the folder of the images is not known; give --dataset_dir '
                     'FOLDER.',
    'pictures_nothing': 'No pictures: no image shows a difference, a box missed by all or a false '
                        'alarm of all.',
    'truth': 'truth',
    'reason_helped': 'Most helped by distillation', 'reason_hurt': 'Most hurt by distillation',
    'reason_missed': 'Missed by all models', 'reason_false': 'Most false alarms of all models',
    'reason_missed_plain': 'Most boxes missed', 'reason_false_plain': 'Most false alarms',
    'picture_alt': '{reason}: {file}. {models}',
    'picture_counts': '{model}: {found} found, {false} false, {missed} missed',
    # Cost
    'cost_table': 'What the models cost', 'flops': 'GFLOPs', 'ms_95': '95th percentile, ms',
    'memory': 'memory, MB', 'cost_none': 'Time, FLOPs and memory were not measured: --measure does '
    'that.', 'milliseconds': 'ms per image', 'speed_chart': 'mAP against the time of an image',
    'cost_details': 'One FLOP is a multiplication or an addition, of convolutions and linear '
                    'layers. Memory is the peak of the whole process.',
    # How sure
    'sure_seeds': 'Seeds: {seeds}. A difference by seed compares runs with the same seed; its '
                  'interval is Student\'s.',
    'sure_bootstrap': 'Other images: the middle 95 % of the metrics of {resamples} samples of the '
                      '{images} test images, drawn with replacement; models are compared on the '
                      'same samples. It says how far the choice of test images moves a metric, '
                      'not how far another training would.',
    'sure_table': 'With other test images, percent', 'sure_one': 'With one seed nothing can be '
    'said about the spread between trainings; train with three (-o seed=1, seed=2 ...).',
    # Next steps
    'next_teacher_weak': 'The teacher is hardly better than the student (mAP {teacher} to '
                         '{student}): it has little to teach. Train it longer, or take a larger '
                         'one.',
    'next_teacher_good': 'The teacher is {difference} points of mAP better than the student: there '
                         'is something to learn.',
    'next_seeds': 'Train every model with three seeds or more: every metric varies from seed to '
                  'seed.',
    'next_terms': 'Look at the terms in the training chart: very small ones change nothing, very '
                  'large ones drown out the detection loss.',
    'next_longer': 'Try a longer schedule for the student alone: an undertrained student gains '
                   'from any further training.',
    'next_kind': 'The most frequent mistake of the {model} is "{kind}" ({count} boxes). {advice}',
    'advice_place': 'The defects are seen, but their borders are not: check whether the '
                    'annotations agree on where such a defect ends.',
    'advice_class': 'Look at the confusion of classes: do all annotators tell these two kinds '
                    'apart in the same way?',
    'advice_double': 'One defect gets several boxes: lower the IoU of the NMS.',
    'advice_background': 'Look at the false alarms in the pictures: are these defects that were '
                         'not annotated? Otherwise add sound images to the training.',
    'advice_both': 'Look at the pictures: such boxes have little to do with the defects.',
    'advice_missed': 'Look at what is missed by all models: small or faint defects need a larger '
                     'input, or more examples.',
    'next_sound': 'Add sound images: without them there is no telling how many good parts would '
                  'be rejected.',
    'next_validation': 'Give validation images, so that a threshold can be chosen.',
    'footer': 'Written by tools/report.py of ppdet_ext {version}, {date}.',
}

CHINESE = {
    'html_language': 'zh-CN',
    'title': '蒸馏有没有用？产线上会看到什么？',
    'title_plain': '产线上会看到什么？',
    'contents': '目录',
    'skip': '跳到结论',
    'separator': '；',
    'comma': '，',
    'synthetic': '合成数据：图片由程序绘制，指标不代表真实钢材上的效果。',
    'teacher': '教师',
    'student': '学生',
    'distilled': '蒸馏学生',
    'model': '模型',
    'section_verdict': '结论',
    'section_run': '运行记录',
    'section_data': '数据',
    'section_training': '训练过程',
    'section_accuracy': '精度',
    'section_operating': '工作点',
    'section_images': '整图判定',
    'section_confusion': '类别混淆',
    'section_kinds': '错误类型',
    'section_pictures': '图片对比',
    'section_cost': '开销',
    'section_sure': '结果有多可信',
    'section_next': '下一步',
    'verdict_gain': '蒸馏有效：{model}的 mAP 与{to}相差 {difference} 个点（95% 置信区间 {low} 到 '
                    '{high}，{pairs} 对相同种子）。',
    'verdict_loss': '蒸馏有害：{model}的 mAP 与{to}相差 {difference} 个点（95% 置信区间 {low} 到 '
                    '{high}，{pairs} 对相同种子）。',
    'verdict_open': '看不出提升：{model}与{to}的 mAP 相差 {difference} 个点，{pairs} 对种子的 95%'
                    ' 置信区间 {low} 到 {high} 包含 0。',
    'verdict_one': '不下结论：{model}与{to}的 mAP 相差 {difference} 个点，但只有一对相同种子的运'
                   '行，无法与随机波动区分。',
    'verdict_none': '不下结论：{model}与{to}没有相同种子的运行可比；'
                    '请分别用 -o seed=0、1、2 训练两者。',
    'verdict_plain': '{model}：测试集 mAP {ap}，每张图 {false_alarms} 个误报时检出 {recall} 的缺'
                     '陷。',
    'verdict_plain_nothing': '{model}无法评价：测试图片中没有标注框。',
    'verdict_epochs': '{model}训练了 {own} 轮，{to}训练了 {other} 轮，部分差别可能由此而来。',
    'verdict_epochs_unknown': '没有两者训练轮数的完整记录；如果轮数不同，部分差别可能由此而来。',
    'verdict_missing': '没有可比的对象：报告里没有同时给出配置相同的蒸馏模型和单独训练的学生。',
    'verdict_table': '各模型在测试集上的结果',
    'verdict_note': '单位为百分比，取各种子的平均值 ± 标准差。召回率和误报数对应在验证集上选出的'
                    '阈值：{rule}。',
    'verdict_unvalidated': '单位为百分比，取各种子的平均值 ± 标准差。没有验证集的评估结果，因此召'
                           '回率和误报数对应固定阈值 {threshold}，并非选出的阈值。',
    'rule_false_alarms': '每张图最多 {value} 个误报',
    'rule_miss': '缺陷漏检率不超过 {value}',
    'model_column': '模型',
    'parameters': '参数量',
    'file': '文件，MB',
    'ms': '毫秒/图',
    'recall': '召回率',
    'precision': '精确率',
    'false_alarms': '每图误报数',
    'threshold': '阈值',
    'seeds': '种子',
    'gain_of': '{model}的提升',
    'machine': '耗时测量环境：{machine}，批大小 1，{input}。',
    'gains_table': '相对单独训练的学生的提升',
    'difference_by_seed': '{metric}，同种子之差',
    'bootstrap': '{metric}，换一批图片',
    'runs_table': '各次运行',
    'folder': '目录',
    'config': '配置',
    'slim_config': '蒸馏配置',
    'date': '日期',
    'hours': '小时',
    'versions': '版本',
    'unknown': '无记录',
    'commands': '{folder} 的命令',
    'test_set': '测试集：{path}。验证集：{validation}。',
    'no_validation': '无',
    'data_table': '图片与标注框',
    'images': '图片',
    'boxes': '框数',
    'without_boxes': '无框图片',
    'boxes_of': '{name}的框数',
    'train': '训练集',
    'validation': '验证集',
    'test': '测试集',
    'sizes_chart': '标注框尺寸与 FPN 各层步长',
    'sizes_note': '横轴为等面积正方形的边长，单位是原图像素。竖线为 8、16、32、64、128 像素，即 P'
                  '3 到 P7 常用的步长；读入时缩放图片，竖线也按同样比例移动。小于第一个步长的框很'
                  '难检出。',
    'side': '边长，像素',
    'share_of_boxes': '框的占比，%',
    'samples': '部分测试图片及其标注框',
    'class_numbers': '本机没有能显示全部类别名的字体，图中改用编号：{numbers}。',
    'training_chart': '各项损失和验证 AP 随训练步数的变化',
    'training_note': '每次运行一条线。AP 来自训练期间的评估。',
    'training_none': '没有训练曲线：运行目录里既没有 VisualDL 日志（--use_vdl=True），也没有 trai'
                     'n.log。',
    'step': '步数',
    'accuracy_table': '测试集上的 COCO 指标，百分比',
    'classes_table': '各类别的 AP，百分比',
    'class': '类别',
    'objects': '框数',
    'base_class': '{name}（基类）',
    'novel_class': '{name}（新类）',
    'few_shot_table': '基类与新类，百分比',
    'base': '基类',
    'novel': '新类',
    'all': '全部类别',
    'forgetting': '基类的遗忘',
    'classes_chart': '各类别的 AP',
    'precision_recall_chart': '精确率-召回率曲线，IoU 0.5，类别平均',
    'percent': '%',
    'no_boxes': '测试图片中没有标注框：没有可检出的缺陷，只可能有误报。',
    'operating_note': '检测框与同类标注框的 IoU 达到 0.5 算检出，其余都算误报。阈值在验证集上选取'
                      '，在测试集上报告。',
    'operating_none': '没有选取阈值：缺少验证集的评估结果，而在测试集上选取、又在同一批图片上报告'
                      '会使结果偏高。请给出 --validation FILE。',
    'budgets_table': '给定误报预算下的召回率，百分比；括号内为第一个种子的阈值和测试集上的每图误'
                     '报数',
    'budget': '每图误报预算',
    'froc_chart': '召回率与每图误报数（FROC 曲线）；标记点为选出的阈值',
    'score_chart': '召回率和精确率随阈值的变化；竖线为选出的阈值',
    'chosen_table': '选出的阈值在测试集上的结果：{rule}',
    'one_threshold': '统一阈值',
    'class_thresholds': '按类别设阈值',
    'by_class_table': '各类别的阈值，第一个种子：{model}',
    'by_class_note': '每个类别{own}。',
    'own_false_alarms': '平分误报预算。验证集中没有标注框的类别使用统一阈值；如果误报会超出该类的'
                        '预算，则使用更高的阈值',
    'own_miss': '使用同样的漏检率上限。验证集中没有标注框的类别使用统一阈值',
    'not_kept': '{model}：验证集上没有满足要求的阈值，以下指标对应阈值 {threshold}。',
    'not_kept_classes': '{model}：验证集上，{classes}没有满足要求的阈值；按类别设阈值时取最接近要'
                        '求的 {threshold}。',
    'infer_note': '使用统一阈值，或按类别的阈值（FOLDER 换成图片所在目录）：',
    'images_note': '一张图里只要检出任何框就判为不合格，不论位置。漏放率：被放行的缺陷图片 / 全部'
                   '缺陷图片（{defective} 张）。过杀率：被误判的合格图片 / 全部合格图片（{sound} '
                   '张）。其他资料有时以全部图片或被判不合格的图片为分母。括号内为 Wilson 95% 置'
                   '信区间；取第一个种子。',
    'images_no_sound': '无法计算过杀率：测试集中没有不含缺陷的图片。请在测试集中加入合格品图片（'
                       '标注文件中不给它们标框）。',
    'images_no_defective': '无法计算漏放率：测试集中没有含缺陷的图片。',
    'images_no_cost': '无法选取成本最低的阈值：验证集中也需要同时有合格和缺陷图片。',
    'images_table': '测试集上的漏放与过杀',
    'escape': '漏放率',
    'overkill': '过杀率',
    'chosen_at': '选取方式',
    'by_rule': '按要求',
    'by_rule_classes': '按要求，分类别',
    'by_cost': '验证集上成本最低',
    'cost_column': '成本',
    'images_chart': '漏放率和过杀率随阈值的变化，测试集',
    'cost_note': '成本 = {escape} × 漏放数 + {overkill} × 过杀数。',
    'confusion_note': '对应所选阈值，IoU 0.5，第一个种子。行为真实类别，列为检测结果。最后一列是'
                      '未检出的框，最后一行是误报。',
    'confusion_table': '{model}',
    'background': '背景',
    'kinds_note': '所选阈值下的误报和漏检，取各种子的平均，按 TIDE 分类。位置错：与同类框的 IoU '
                  '在 0.1 到 0.5 之间。类别错：与他类框的 IoU 达到 0.5。重复：该框已被检出。背景'
                  '：该处没有框。都错：位置和类别都不对。漏检：附近没有任何检测。',
    'kinds_table': '各类错误的框数',
    'kind': '类型',
    'kind_place': '位置错',
    'kind_class': '类别错',
    'kind_double': '重复',
    'kind_background': '背景',
    'kind_both': '都错',
    'kind_missed': '漏检',
    'kinds_chart': '错误类型',
    'pictures_note': '测试图片在所选阈值下的结果，第一个种子。实线和 +：检出；虚线和 !：误报；点'
                     '线和 ?：漏检。',
    'pictures_none': '没有图片对比：找不到图片目录，请给出 --dataset_dir FOLDER。',
    'pictures_nothing': '没有图片对比：各模型结果没有差别，也没有共同的漏检或误报。',
    'truth': '标注',
    'reason_helped': '蒸馏后改善最多',
    'reason_hurt': '蒸馏后变差最多',
    'reason_missed': '所有模型都漏检',
    'reason_false': '所有模型误报最多',
    'reason_missed_plain': '漏检最多',
    'reason_false_plain': '误报最多',
    'picture_alt': '{reason}：{file}。{models}',
    'picture_counts': '{model}：检出 {found}，误报 {false}，漏检 {missed}',
    'cost_table': '各模型的开销',
    'flops': 'GFLOPs',
    'ms_95': '95 分位，毫秒',
    'memory': '内存，MB',
    'cost_none': '没有测量耗时、FLOPs 和内存：加上 --measure 即可测量。',
    'milliseconds': '毫秒/图',
    'speed_chart': 'mAP 与单图耗时',
    'cost_details': '一次乘法或一次加法算一个 FLOP，只计卷积和全连接层。内存为整个进程的峰值。',
    'sure_seeds': '种子：{seeds}。同种子之差比较种子相同的运行，区间按 t 分布计算。',
    'sure_bootstrap': '换一批图片：对 {images} 张测试图片有放回地抽样 {resamples} 次，取指标中间'
                      '的 95%；各模型在同一批样本上比较。它反映测试图片的选择带来的波动，不反映重'
                      '新训练带来的波动。',
    'sure_table': '换一批测试图片时的范围，百分比',
    'sure_one': '只有一个种子，无法得知各次训练之间的波动；请至少用三个种子训练（-o seed=1、seed='
                '2 ……）。',
    'next_teacher_weak': '教师比学生好得不多（mAP {teacher} 对 {student}），没有多少可教的。请延'
                         '长教师的训练，或换更大的教师。',
    'next_teacher_good': '教师与学生的 mAP 相差 {difference} 个点，有可学的东西。',
    'next_seeds': '每个模型至少用三个种子训练：所有指标都会随种子波动。',
    'next_terms': '查看训练曲线中的各项损失：太小的项不起作用，太大的项会压过检测损失。',
    'next_longer': '先给单独训练的学生更长的训练计划：没训练够的学生，多训练什么都会提升。',
    'next_kind': '{model}最常见的错误是“{kind}”（{count} 个框）。{advice}',
    'advice_place': '缺陷看到了，边界不准：请检查标注对这类缺陷边界的画法是否一致。',
    'advice_class': '查看类别混淆：标注人员对这两类缺陷的区分是否一致？',
    'advice_double': '同一缺陷得到多个框：请降低 NMS 的 IoU 阈值。',
    'advice_background': '查看图片中的误报：是不是漏标的缺陷？如果不是，请在训练集中加入合格品图'
                         '片。',
    'advice_both': '查看图片：这些框与缺陷关系不大。',
    'advice_missed': '查看所有模型都漏检的图片：小而淡的缺陷需要更大的输入尺寸或更多样本。',
    'next_sound': '加入合格品图片：没有它们就不知道会误判多少好件。',
    'next_validation': '请给出验证集，以便选取阈值。',
    'footer': '由 ppdet_ext {version} 的 tools/report.py 生成，{date}。',
}

WORDS = {'en': ENGLISH, 'cn': CHINESE}
LANGUAGES = tuple(WORDS)
