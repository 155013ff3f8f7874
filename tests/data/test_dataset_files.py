# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
import json

import pytest
from noise_set import noise_set
from PIL import Image
from ppdet.data.source.coco import COCODataSet
from ppdet.data.source.voc import VOCDataSet
from tiny import student_yaml

from ppdet_ext.config.load import load_run_config
from ppdet_ext.data.coco import NEU_DET_CLASSES
from ppdet_ext.data.dataset_files import check_datasets, dataset_fields
from ppdet_ext.inference.detections import name_classes


@pytest.fixture
def folder(tmp_path):
    """A data set's folder with the images a.jpg and b.jpg, not yet any annotations."""
    path = tmp_path / 'set'
    (path / 'annotations').mkdir(parents=True)
    (path / 'images').mkdir()
    for name in ('a.jpg', 'b.jpg'):
        Image.new('L', (8, 8)).save(path / 'images' / name)
    return path


@pytest.fixture
def coco(tmp_path, folder):
    """Loads a config whose COCO data set holds the given annotation file."""

    def load(content, **dataset):
        text = content if isinstance(content, str) else json.dumps(content)
        (folder / 'annotations' / 'train.json').write_text(text)
        return load_run_config(student_yaml(tmp_path), {'TrainDataset': {
            'dataset_dir': str(folder), **dataset}})

    return load


def annotations(classes=6, images=('a.jpg', 'b.jpg')):
    box = {'id': 1, 'image_id': 0, 'category_id': 0, 'bbox': [1, 1, 4, 4], 'area': 16, 'iscrowd': 0}
    return {'categories': [{'id': k, 'name': NEU_DET_CLASSES[k]} for k in range(classes)],
            'images': [{'id': k, 'file_name': name, 'width': 8, 'height': 8}
                       for k, name in enumerate(images)], 'annotations': [box]}


def test_a_data_set_that_fits(coco):
    check_datasets(coco(annotations()), ['TrainDataset'])


@pytest.mark.parametrize('content, dataset, error, message', [
    (annotations(classes=5), {}, ValueError, 'has 5 classes, but num_classes is 6'),
    (annotations(images=()), {}, ValueError, 'lists no image'),
    ('{"images": [', {}, ValueError, 'train.json is not JSON .Expecting'),
    ({'images': []}, {}, ValueError, 'is not a COCO annotation file .no list "categories"'),
    (annotations(), {'image_dir': 'image'}, FileNotFoundError,
     'image does not exist. Prepare the data set'),
    (annotations(images=('a.jpg', 'c.jpg', 'd.jpg')), {}, FileNotFoundError,
     r'2 of the 3 files that .*train.json lists do not exist, first .*images/c.jpg'),
])
def test_data_sets_that_do_not_fit(coco, content, dataset, error, message):
    with pytest.raises(error, match=message):
        check_datasets(coco(content, **dataset), ['TrainDataset'])


def test_a_data_set_as_older_yamls_write_it(tmp_path, folder):
    (folder / 'annotations' / 'train.json').write_text(json.dumps(annotations(classes=5)))
    path = tmp_path / 'tag.yml'
    path.write_text(f'_BASE_: [{student_yaml(tmp_path)}]\nTrainDataset: !COCODataSet\n'
                    f'  dataset_dir: {folder}\n  image_dir: images\n'
                    f'  anno_path: annotations/train.json\n')
    with pytest.raises(ValueError, match='has 5 classes, but num_classes is 6'):
        check_datasets(load_run_config(str(path)), ['TrainDataset'])


@pytest.mark.parametrize('files, error, message', [
    ({}, FileNotFoundError, 'train.txt does not exist'),
    ({'train.txt': 'images/a.jpg a.xml\nimages/c.jpg c.xml\n', 'a.xml': ''}, FileNotFoundError,
     '2 of the 4 files that .*train.txt lists do not exist, first .*c.jpg'),
    ({'train.txt': 'images/a.jpg a.xml\n', 'a.xml': ''}, FileNotFoundError,
     'label_list.txt does not exist'),
    ({'train.txt': 'images/a.jpg a.xml\n', 'a.xml': '', 'label_list.txt': 'crack\npit\n'},
     ValueError, 'label_list.txt has 2 classes, but num_classes is 6'),
])
def test_voc_data_sets_that_do_not_fit(tmp_path, folder, files, error, message):
    for name, text in files.items():
        (folder / name).write_text(text)
    cfg = load_run_config(student_yaml(tmp_path), {'TrainDataset': {
        'name': 'VOCDataSet', 'dataset_dir': str(folder), 'image_dir': None,
        'anno_path': 'train.txt', 'label_list': 'label_list.txt'}})
    with pytest.raises(error, match=message):
        check_datasets(cfg, ['TrainDataset'])


def test_a_missing_data_set_says_how_to_get_it(tmp_path):
    cfg = load_run_config(student_yaml(tmp_path), {'EvalDataset': {'dataset_dir': str(tmp_path)}})
    with pytest.raises(FileNotFoundError, match=r'EvalDataset: .*val.json does not exist. Prepare '
                       r'.*prepare_data.py.*-o EvalDataset.dataset_dir=PATH'):
        check_datasets(cfg, ['EvalDataset'])


def evaluation(coco, **dataset):
    """The section EvalDataset of a config, of the images a.jpg with a box and b.jpg without."""
    cfg = coco(annotations()).copy()
    cfg['EvalDataset'] = {**dataset_fields(cfg, 'TrainDataset'), **dataset}
    return cfg


@pytest.mark.parametrize('allow_empty', [False, True])
def test_says_which_images_an_evaluation_leaves_out(coco, log, allow_empty):
    cfg = evaluation(coco, allow_empty=allow_empty)
    check_datasets(cfg, ['EvalDataset'])
    dataset = COCODataSet(**{key: value for key, value in cfg['EvalDataset'].items()
                             if key != 'name'})
    dataset.parse_dataset()
    assert len(dataset.roidbs) == (2 if allow_empty else 1)
    said = [text for level, text in log if level == 'WARNING']
    assert len(said) == (0 if allow_empty else 1)
    if said:
        assert said[0].startswith('EvalDataset: 1 of the 2 images of ')
        assert said[0].endswith('evaluate them too with -o EvalDataset.allow_empty=true')


@pytest.mark.parametrize('only_predict', [False, True])
@pytest.mark.parametrize('change', [
    lambda content: content.update(annotations=[]),
    lambda content: content['annotations'][0].update(iscrowd=1),
    lambda content: content.pop('annotations')], ids=['none', 'crowd', 'no list'])
def test_an_evaluation_without_boxes(coco, change, only_predict):
    content = annotations()
    change(content)
    cfg = coco(content).copy()
    cfg['EvalDataset'], cfg['save_prediction_only'] = cfg['TrainDataset'], only_predict
    if only_predict and 'annotations' not in content:
        check_datasets(cfg, ['EvalDataset'])
        return
    with pytest.raises(ValueError, match='has no box to evaluate; annotate its images'):
        check_datasets(cfg, ['EvalDataset'])
    dataset_fields(cfg, 'EvalDataset')['allow_empty'] = True
    check_datasets(cfg, ['EvalDataset'])


def test_the_number_of_faults_is_told(coco):
    content = annotations()
    content['annotations'] *= 3
    content['annotations'][0].pop('area')
    with pytest.raises(ValueError, match=r'annotations\[0\]: area is missing, .* \(and 2 more '
                                         r'faults\); correct it, or prepare the data set again'):
        check_datasets(coco(content), ['TrainDataset'])


def test_boxes_of_which_none_is_learned(coco):
    content = annotations()
    content['annotations'][0]['area'] = 0
    with pytest.raises(ValueError, match='has no box of positive size and area'):
        check_datasets(coco(content), ['TrainDataset'])


def test_an_annotation_file_of_another_name(coco, folder):
    (folder / 'annotations' / 'train.txt').write_text(json.dumps(annotations()))
    with pytest.raises(ValueError, match=r'anno_path must be a COCO annotation file, \*.json, got'):
        check_datasets(coco(annotations(), anno_path='annotations/train.txt'), ['TrainDataset'])


def test_a_data_set_that_is_null(tmp_path):
    cfg = load_run_config(student_yaml(tmp_path), {'TrainDataset': None})
    with pytest.raises(ValueError, match='TrainDataset is missing or null; give it a data set'):
        check_datasets(cfg, ['TrainDataset'])


def test_masks_are_refused(tmp_path):
    dataset = {'dataset_dir': noise_set(tmp_path / 'noise', train=2),
               'data_fields': ['image', 'gt_bbox', 'gt_class', 'is_crowd', 'gt_poly']}
    cfg = load_run_config(student_yaml(tmp_path, TrainDataset=dataset))
    with pytest.raises(ValueError, match='TrainDataset.data_fields has gt_poly, but .* no masks'):
        check_datasets(cfg, ['TrainDataset'])


LABELS = '\n'.join(NEU_DET_CLASSES)


def voc(tmp_path, folder, xml, labels=LABELS, section='TrainDataset',
        listed='images/a.jpg a.xml\n', **options):
    """A config whose VOC data set holds one image, with the given annotation."""
    for name, content in (('a.xml', xml), ('list.txt', listed), ('label_list.txt', labels)):
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return load_run_config(student_yaml(tmp_path), {**options, section: {
        'name': 'VOCDataSet', 'dataset_dir': str(folder), 'image_dir': '', 'anno_path': 'list.txt',
        'label_list': 'label_list.txt',
        'data_fields': ['image', 'gt_bbox', 'gt_class', 'difficult']}})


def voc_xml(*boxes, size=(8, 8), difficult=0, name='crazing'):
    objects = ''.join(
        f'<object><name>{name}</name><difficult>{difficult}</difficult><bndbox><xmin>{x1}</xmin>'
        f'<ymin>{y1}</ymin><xmax>{x2}</xmax><ymax>{y2}</ymax></bndbox></object>\n'
        for x1, y1, x2, y2 in boxes)
    return (f'<annotation>\n<size><width>{size[0]}</width><height>{size[1]}</height></size>\n'
            f'{objects}</annotation>')


SOUND_BOX = (1, 1, 5, 5)


@pytest.mark.parametrize('xml, message', [
    (voc_xml(), 'list.txt has no box of positive size within its image: nothing could be learned'),
    (voc_xml((3, 3, 3, 5)), 'has no box of positive size'),
    (voc_xml((7, 1, 8, 5)), 'has no box of positive size'),  # nothing is left in the last column
    (voc_xml((5, 1, 1, 5)), r'a.xml:3: box \[5, 1, 1, 5\] .* has a negative size'),
    (voc_xml((20, 1, 30, 5)), r'a.xml:3: box \[20, 1, 30, 5\] .* lies outside the image of 8x8'),
    (voc_xml(SOUND_BOX, size=(6, 6)), r'a.xml:2: states 6x6 pixels for .*a.jpg, which has 8x8'),
    (voc_xml(SOUND_BOX, name='pit'), 'a.xml:3: unknown class "pit", expected one of crazing'),
])
def test_voc_is_checked_as_coco_is(tmp_path, folder, xml, message):
    with pytest.raises(ValueError, match=message):
        check_datasets(voc(tmp_path, folder, xml), ['TrainDataset'])


@pytest.mark.parametrize('listed', ['a.xml images/a.jpg\n', '{"categories": [{"id": 1}]}\n'])
def test_a_voc_list_of_other_columns_or_another_format(tmp_path, folder, listed):
    with pytest.raises(ValueError, match='list.txt:1: expected an image and its XML file, got'):
        check_datasets(voc(tmp_path, folder, voc_xml(SOUND_BOX), listed=listed), ['TrainDataset'])


@pytest.mark.parametrize('xml', [voc_xml(), voc_xml(SOUND_BOX, difficult=1), voc_xml((3, 3, 3, 5))])
def test_voc_without_a_box_that_counts_is_not_evaluated(tmp_path, folder, xml):
    with pytest.raises(ValueError, match='EvalDataset: .*list.txt has no box to evaluate'):
        check_datasets(voc(tmp_path, folder, xml, section='EvalDataset', metric='VOC'),
                       ['EvalDataset'])


@pytest.mark.parametrize('section', ['TrainDataset', 'EvalDataset'])
def test_voc_says_which_images_are_left_out(tmp_path, folder, section, log):
    (folder / 'b.xml').write_text(voc_xml())
    cfg = voc(tmp_path, folder, voc_xml(SOUND_BOX), section=section, metric='VOC',
              listed='images/a.jpg a.xml\nimages/b.jpg b.xml\n')
    check_datasets(cfg, [section])
    assert f'{section}: 1 of the 2 images of' in log[-1][1] and 'allow_empty=true' in log[-1][1]


@pytest.mark.parametrize('metric, kind, needed', [('VOC', 'COCODataSet', 'COCO'),
                                                  ('COCO', 'VOCDataSet', 'VOC')])
def test_metric_and_data_set_are_of_one_kind(tmp_path, folder, coco, metric, kind, needed):
    if kind == 'VOCDataSet':
        cfg = voc(tmp_path, folder, voc_xml(SOUND_BOX), section='EvalDataset', metric=metric)
    else:
        cfg = evaluation(coco)
        cfg['metric'] = metric
    with pytest.raises(ValueError, match=f'EvalDataset is a {kind}, which is evaluated with '
                                         f'metric: {needed}, but metric is {metric}'):
        check_datasets(cfg, ['EvalDataset'])


@pytest.mark.parametrize('key, value', [('save_prediction_only', True), ('bias', True),
                                        ('base_metrics', 'metrics.json')])
def test_what_only_coco_knows_is_refused_with_voc(tmp_path, folder, key, value):
    cfg = voc(tmp_path, folder, voc_xml(SOUND_BOX), section='EvalDataset', metric='VOC',
              **{key: value})
    with pytest.raises(ValueError, match=f'{key} is for metric: COCO and has no effect with VOC'):
        check_datasets(cfg, ['EvalDataset'])


@pytest.mark.parametrize('change', [
    lambda text: '\ufeff' + text, lambda text: text.replace('\n', '\r\n') + '\r\n\r\n',
    lambda text: text.replace('a.jpg', 'part 1.jpg').replace('a.xml', 'part 1.xml'),
    lambda text: text.replace('/', '\\')], ids=['mark', 'empty lines', 'blanks', 'backslashes'])
def test_lists_of_voc_that_other_programs_wrote(tmp_path, folder, change):
    (folder / 'images' / 'part 1.jpg').write_bytes((folder / 'images' / 'a.jpg').read_bytes())
    (folder / 'part 1.xml').write_text(voc_xml(SOUND_BOX, name='划痕'))
    xml = '<?xml version="1.0" encoding="gbk"?>' + voc_xml(SOUND_BOX, name='划痕 ')
    labels = '\ufeff划痕\r\n' + '\r\n'.join(NEU_DET_CLASSES[1:])
    cfg = voc(tmp_path, folder, xml.encode('gbk'), labels, listed=change('images/a.jpg a.xml\n'),
              class_names=['划痕', *NEU_DET_CLASSES[1:]], EvalDataset=None, TestDataset=None)
    check_datasets(cfg, ['TrainDataset'])
    fields = dict(dataset_fields(cfg, 'TrainDataset'), data_fields=['image', 'gt_bbox', 'gt_class'])
    fields.pop('name')
    dataset = VOCDataSet(**fields)
    dataset.parse_dataset()
    record, = dataset.roidbs
    assert record['gt_class'].tolist() == [[0]] and record['gt_bbox'].tolist() == [[1, 1, 5, 5]]


def test_coco_files_with_a_mark_are_read_by_all(tmp_path, coco, folder):
    cfg = coco('\ufeff' + json.dumps(annotations()))
    check_datasets(cfg, ['TrainDataset'])
    dataset = COCODataSet(**{key: value for key, value in cfg['TrainDataset'].items()
                             if key != 'name'})
    dataset.parse_dataset()
    assert len(dataset.roidbs) == 1


def test_images_of_another_size_than_stated_are_told(coco, log):
    content = annotations()
    content['images'][1]['width'] = 9
    check_datasets(coco(content), ['TrainDataset'])
    assert any('1 of 2 images have another size than stated, first ' in text and
               'states 9x8 pixels' in text for _, text in log)


# --- order of the classes ---


def swapped(content):
    content['categories'][0]['name'], content['categories'][1]['name'] = NEU_DET_CLASSES[1::-1]


@pytest.mark.parametrize('change', [swapped, lambda content: content['categories'].reverse(),
                                    lambda c: c['categories'][0].update(name='pit')],
                         ids=['other ids', 'other order', 'other name'])
@pytest.mark.parametrize('section', ['TrainDataset', 'EvalDataset', 'TestDataset'])
@pytest.mark.parametrize('named', [True, False], ids=['class_names', 'no class_names'])
def test_every_place_with_names_of_classes_is_compared(tmp_path, folder, change, section, named):
    contents = {name: annotations() for name in ('TrainDataset', 'EvalDataset', 'TestDataset')}
    change(contents[section])
    options = {'class_names': list(NEU_DET_CLASSES) if named else None}
    for name, content in contents.items():
        (folder / 'annotations' / f'{name}.json').write_text(json.dumps(content))
        options[name] = {'dataset_dir': str(folder), 'anno_path': f'annotations/{name}.json'}
    cfg = load_run_config(student_yaml(tmp_path), options)
    with pytest.raises(ValueError, match=f'the classes differ: .*{section}.json') as error:
        check_datasets(cfg, ['TrainDataset'])
    other = 'class_names' if named else 'Dataset.json'
    assert other in str(error.value).replace(f'{section}.json', '', 1)
    with pytest.raises(ValueError, match='the classes differ'):
        check_datasets(cfg, ['EvalDataset'])
    with pytest.raises(ValueError, match='the classes differ'):
        name_classes(cfg)


def test_label_lists_are_compared_too(tmp_path, folder):
    labels = '\n'.join(NEU_DET_CLASSES[::-1])
    with pytest.raises(ValueError, match='class_names (has|.* have) crazing, .*label_list.txt has '
                                         'scratches'):
        check_datasets(voc(tmp_path, folder, voc_xml(SOUND_BOX), labels), ['TrainDataset'])


@pytest.mark.parametrize('key, value, message', [
    ('label_list', None, 'EvalDataset: a VOCDataSet needs a label_list'),
    ('data_fields', ['image'], 'EvalDataset: metric VOC reads gt_bbox, gt_class, difficult too'),
])
def test_what_an_evaluation_of_voc_reads(tmp_path, folder, key, value, message):
    cfg = voc(tmp_path, folder, voc_xml(SOUND_BOX), section='EvalDataset', metric='VOC').copy()
    dataset_fields(cfg, 'EvalDataset')[key] = value
    with pytest.raises(ValueError, match=message):
        check_datasets(cfg, ['EvalDataset'])
