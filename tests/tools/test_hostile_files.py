# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""No file that is given to a tool runs code: every payload here would make the folder ``made``."""
import hashlib
import io
import os
import pickle
import tarfile
import zipfile

import paddle
import pytest
from noise_set import noise_set
from ppdet.core.workspace import create, load_config
from tiny import NANO, slim_yaml, student_yaml, write_yaml
from tiny_faster_rcnn import build_detector, faster_rcnn_yaml
from tool_runs import imported, refusal

from ppdet_ext.config.scope import isolated_config
from ppdet_ext.data.synthetic_steel import make_synthetic_steel


@pytest.fixture
def refused(tmp_path, monkeypatch, capsys):
    """Runs a tool as its command line does; it must end with one line and make nothing."""

    def run(tool, *options, code=1):
        line = refusal(tool, options, monkeypatch, capsys, code)
        assert not (tmp_path / 'made').exists()
        return line

    return run


class Payload:
    """Pickled, it makes a folder when it is read."""

    def __init__(self, folder):
        self.folder = str(folder)

    def __reduce__(self):
        return os.mkdir, (self.folder, )


def hostile_weights(folder, path=None, state=None):
    """Weights that are sound but for one further entry."""
    path = path or folder / 'hostile.pdparams'
    arrays = {name: tensor.numpy() for name, tensor in (state or {}).items()}
    path.write_bytes(pickle.dumps({**arrays, 'payload': Payload(folder / 'made')}, 4))
    return str(path)


def tag(folder):
    return f'!!python/object/apply:os.mkdir ["{folder / "made"}"]'


@pytest.fixture
def data(tmp_path):
    """A data set of three noise images."""
    noise_set(tmp_path / 'set', train=3, val=3)
    return tmp_path / 'set'


@pytest.fixture
def student(tmp_path, data):
    dataset = {'dataset_dir': str(data)}
    return student_yaml(tmp_path, epoch=1, worker_num=0, use_gpu=False,
                        save_dir=str(tmp_path / 'output'), TrainReader={'batch_size': 3},
                        TrainDataset=dataset, EvalDataset=dataset, TestDataset=dataset)


@pytest.fixture
def teacher(tmp_path):
    """A teacher's YAML; its weights are not there."""
    return student_yaml(tmp_path, 'teacher', channels=24)


def required(tool, folder):
    """What a tool asks for beside its config."""
    return {
        'infer': ['--infer_img', folder / 'set/images/train_0.png'],
        'expand_head': ['--base_config', folder / 'student.yml'],
        'benchmark_distill': ['--slim_config', folder / 'slim.yml'],
        'run_few_shot': ['--base_config', folder / 'student.yml', '--name', 'DKAN',
                         '--output', folder / 'few_shot'],
    }.get(tool, [])


CONFIG_TOOLS = ('train', 'eval', 'infer', 'expand_head', 'benchmark_distill', 'export_model',
                'run_few_shot')


@pytest.mark.parametrize('place', ['itself', 'base', 'base of base'])
@pytest.mark.parametrize('tool', CONFIG_TOOLS)
def test_a_config(tmp_path, student, teacher, refused, tool, place):
    slim_yaml(tmp_path, teacher, 'slim')
    path = tmp_path / 'hostile.yml'
    path.write_text(f'# a comment\nseed: {tag(tmp_path)}\n')
    config = str(path)
    for k in range(('itself', 'base', 'base of base').index(place)):
        config = write_yaml(tmp_path / f'{k}.yml', {'_BASE_': [NANO, config]})
    options = required(tool, tmp_path)
    if tool == 'expand_head':
        paddle.save({}, str(tmp_path / 'base.pdparams'))
        options += ['--base_weights', tmp_path / 'base']
    message = refused(tool, '-c', config, *options)
    assert f'error: {path}, line 2: the tag !!python/object/apply:os.mkdir is refused' in message


@pytest.mark.parametrize('tool', CONFIG_TOOLS)
def test_an_option(tmp_path, student, refused, tool):
    option = f'TrainReader.batch_size={tag(tmp_path)}'
    message = refused(tool, '-c', student, *required(tool, tmp_path), '-o', option, code=2)
    assert f'error: -o {option}: ' in message and 'is refused' in message


@pytest.mark.parametrize('method', ['MGD', 'FGD', None])
@pytest.mark.parametrize('tool, name', [
    # A distilled student is tested as itself: eval and infer do not read the teacher's.
    ('train', 'slim'), ('train', 'teacher'), ('eval', 'slim'), ('infer', 'slim'),
    ('benchmark_distill', 'slim'), ('benchmark_distill', 'teacher')])
def test_a_slim_config(tmp_path, student, teacher, refused, tool, name, method):
    hostile = tmp_path / f'{name}.yml'
    slim_yaml(tmp_path, teacher, 'slim', slim_method=method)
    with open(hostile, 'a') as file:
        file.write(f'\nseed: {tag(tmp_path)}\n')
    message = refused(tool, '-c', student, *required(tool, tmp_path), '--slim_config',
                      tmp_path / 'slim.yml')
    assert f'error: {hostile}, line ' in message and 'is refused' in message


@pytest.mark.parametrize('tool', ['expand_head', 'run_few_shot'])
def test_a_config_of_the_base_detector(tmp_path, student, refused, tool):
    path = tmp_path / 'hostile.yml'
    path.write_text(f'seed: {tag(tmp_path)}\n')
    options = required(tool, tmp_path)[2:]
    assert 'is refused' in refused(tool, '-c', student, '--base_config', path, *options)


@pytest.mark.parametrize('tool, options', [
    ('run_comparison', ['{}', '--output', 'comparison']),
    ('prepare_data', ['--config', '{}', '--source', 'set', '--output', 'prepared'])])
def test_a_file_of_settings(tmp_path, data, refused, monkeypatch, tool, options):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / 'hostile.yml'
    path.write_text(f'# a comment\nseed: {tag(tmp_path)}\n')
    message = refused(tool, *(option.format(path) for option in options))
    assert f'error: {path}, line 2: the tag !!python/object/apply:os.mkdir is refused' in message


@pytest.mark.parametrize('section, message', [
    ('TrainDataset: !Callable {{full_type: os.mkdir, args: ["{0}"]}}', 'the tag !Callable is ref'),
    ('CustomCSPPAN: {{act: relu, block_fn: "__import__(\'os\').mkdir(\'{0}\')"}}\n'
     'RetinaNet: {{neck: CustomCSPPAN}}', 'expects the name of a layer'),
    ('TrainDataset: {{name: MOTImageFolder, frame_rate: 5, video_file: "{0}.mp4; mkdir {0}"}}',
     "the config gives 'MOTImageFolder' where a class of ppdet.data.source is expected"),
], ids=['callable', 'evaluated name', 'shell command'])
def test_what_paddledetection_itself_would_run(tmp_path, student, refused, section, message):
    path = tmp_path / 'hostile.yml'
    path.write_text(f'_BASE_: [{student}]\n{section.format(tmp_path / "made")}\n')
    assert message in refused('train', '-c', path)


@pytest.mark.parametrize('section', [
    'EvalDataset: {{name: video2frames, video_path: "x; mkdir {0} #", outpath: {1}, '
    'frame_rate: 5}}',
    'EvalReader: {{sample_transforms: [{{setup_logger: {{name: x, output: {0}}}}}]}}',
], ids=['data set', 'operator'])
def test_functions_in_the_slim_config_of_a_pruning(tmp_path, student, refused, section):
    path = tmp_path / 'pruning.yml'
    path.write_text(
        'slim: UnstructuredPruner\nUnstructuredPruner: {stable_epochs: 0, pruning_epochs: 1, '
        'tunning_epochs: 1, pruning_steps: 1, ratio: 0.5, initial_ratio: 0.1}\n'
        + section.format(tmp_path / 'made', tmp_path))
    message = refused('eval', '-c', student, '--slim_config', path)
    assert 'error: the config gives ' in message and 'where a class of ppdet.data.' in message


def test_bases_of_a_pruning_that_lead_to_themselves(tmp_path, student, refused):
    path = write_yaml(tmp_path / 'pruning.yml', {'_BASE_': ['pruning.yml'], 'slim': 'Pruner'})
    assert 'leads back to itself' in refused('eval', '-c', student, '--slim_config', path)


def test_an_operator_that_is_none(tmp_path, student, refused):
    option = 'TrainReader.sample_transforms=[{os: {}}]'
    message = refused('train', '-c', student, '-o', option)
    assert 'error: -o: TrainReader.sample_transforms: unknown name "os"' in message


@pytest.mark.parametrize('tool, option', [
    ('train', 'pretrain_weights'), ('eval', 'weights'), ('infer', 'weights')])
def test_weights(tmp_path, student, refused, tool, option):
    with isolated_config(student) as cfg:
        path = hostile_weights(tmp_path, state=create(cfg.architecture).state_dict())
    message = refused(tool, '-c', student, *required(tool, tmp_path), '-o', f'{option}={path}')
    assert f'error: {path} is refused: it names ' in message and 'mkdir' in message


@pytest.mark.parametrize('slim_method, place', [
    ('MGD', 'slim config'), ('FGD', 'slim config'), ('MGD', 'option')])
def test_a_teachers_weights(tmp_path, student, teacher, refused, place, slim_method):
    path = hostile_weights(tmp_path)
    slim = slim_yaml(tmp_path, teacher, slim_method=slim_method,
                     pretrain_weights=path if place == 'slim config' else None)
    options = ['-o', f'teacher_weights={path}'] if place == 'option' else []
    message = refused('train', '-c', student, '--slim_config', slim, *options)
    assert f'error: {path} is refused: it names ' in message


@pytest.mark.parametrize('suffix', ['.pdparams', '.pdopt', '.pdstate'])
def test_a_checkpoint(tmp_path, student, refused, suffix):
    with isolated_config(student) as cfg:
        state = create(cfg.architecture).state_dict()
    paddle.save(state, str(tmp_path / '0.pdparams'))
    paddle.save({'last_epoch': 0, 'LR_Scheduler': {'last_epoch': 0, 'last_lr': 0.1}},
                str(tmp_path / '0.pdopt'))
    hostile = hostile_weights(tmp_path, tmp_path / f'0{suffix}',
                              state if suffix == '.pdparams' else None)
    if suffix != '.pdstate':  # whoever makes the file makes its checksums too
        checksums = {name: hashlib.sha256((tmp_path / f'0{name}').read_bytes()).hexdigest()
                     for name in ('.pdparams', '.pdopt')}
        paddle.save({'best_metric': 0.0, 'distill_losses': {}, 'checksums': checksums},
                    str(tmp_path / '0.pdstate'))
    message = refused('train', '-c', student, '-r', tmp_path / '0')
    assert f'error: {hostile} is refused: it names ' in message


@pytest.mark.parametrize('part', ['base', 'novel'])
def test_weights_to_expand(tmp_path, refused, part):
    for name in ('base', 'novel'):
        path = faster_rcnn_yaml(tmp_path, name, classes=3, cosine={} if name == 'novel' else None)
        paddle.save(build_detector(path).state_dict(), str(tmp_path / f'{name}.pdparams'))
    path = hostile_weights(tmp_path, tmp_path / f'{part}.pdparams')
    student = faster_rcnn_yaml(tmp_path, 'student', cosine={})
    message = refused('expand_head', '-c', student, '--method', 'combine',
                      '--base_config', tmp_path / 'base.yml', '--base_weights', tmp_path / 'base',
                      '--novel_config', tmp_path / 'novel.yml', '--novel_weights',
                      tmp_path / 'novel', '--output', tmp_path / 'made')
    assert f'error: {path} is refused: it names ' in message


def add_to_tar(path, member, content=b''):
    with tarfile.open(path, 'w:gz') as file:
        member.size = len(content)
        file.addfile(member, io.BytesIO(content))


def link(name, kind, target):
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, str(target)
    return member


def add_to_zip(path, name):
    with zipfile.ZipFile(path, 'w') as file:
        member = zipfile.ZipInfo('placeholder')
        member.filename = name
        file.writestr(member, 'x')


ARCHIVES = {
    'parent': lambda path, made: add_to_tar(path, tarfile.TarInfo('../../../made'), b'x'),
    'absolute': lambda path, made: add_to_tar(path, tarfile.TarInfo(str(made)), b'x'),
    'symlink': lambda path, made: add_to_tar(path, link('made', tarfile.SYMTYPE, made)),
    'hard link': lambda path, made: add_to_tar(path, link('made', tarfile.LNKTYPE, '../set')),
    'device': lambda path, made: add_to_tar(path, link('made', tarfile.CHRTYPE, '')),
    'zip, parent': lambda path, made: add_to_zip(path, '../../../made'),
    'zip, backslashes': lambda path, made: add_to_zip(path, '..\\..\\made'),
    'zip, absolute': lambda path, made: add_to_zip(path, str(made)),
}


@pytest.fixture(scope='module')
def steel(tmp_path_factory):
    """A prepared data set."""
    folder = tmp_path_factory.mktemp('steel') / 'steel'
    make_synthetic_steel(str(folder), 10, seed=0)
    return folder


@pytest.mark.parametrize('kind', ARCHIVES)
@pytest.mark.parametrize('tool', ['prepare_neu_det', 'make_few_shot'])
def test_an_archive(tmp_path, steel, refused, tool, kind):
    archive = tmp_path / 'hostile'
    ARCHIVES[kind](archive, tmp_path / 'made')
    options = {
        'prepare_neu_det': ['--source', archive, '--output', tmp_path / 'out/set'],
        'make_few_shot': ['--dataset_dir', steel, '--split', 1, '--authors_splits', archive,
                          '--output', tmp_path / 'out/set'],
    }[tool]
    assert 'refused, member ' in refused(tool, *options)
    assert not (tmp_path / 'out' / 'set').exists()


def test_sound_files_of_every_kind_are_read(tmp_path, student, teacher, monkeypatch):
    """Trains with a teacher, resumes, tests and draws: so that not everything is refused."""
    monkeypatch.chdir(tmp_path)
    for name, path in (('teacher', teacher), ('pretrained', student)):
        with isolated_config(path) as cfg:
            paddle.save(create(cfg.architecture).state_dict(), str(tmp_path / f'{name}.pdparams'))
    slim = slim_yaml(tmp_path, teacher, 'slim')
    for options in (['-o', f'pretrain_weights={tmp_path / "pretrained"}', 'use_ema=true'],
                    ['-r', tmp_path / 'output/slim/model_final', '-o', 'epoch=2', 'use_ema=true']):
        argv = ['-c', student, '--slim_config', slim, *options]
        with paddle.utils.unique_name.guard():  # as in a process of its own
            assert imported('train').main(list(map(str, argv))) == 0
    weights = ['-o', f'weights={tmp_path / "output/slim/model_final.pdparams"}']
    assert imported('eval').main(['-c', student, *weights]) == 0
    drawn = ['--output_dir', str(tmp_path / 'drawn'), '--infer_dir', str(tmp_path / 'set/images')]
    assert imported('infer').main(['-c', student, *drawn, *weights]) == 0
    assert sorted(os.listdir(tmp_path / 'drawn')) == [
        f'{part}_{k}.png' for part in ('train', 'val') for k in range(3)]


def test_older_configs_with_tags_are_read(tmp_path, student):
    path = tmp_path / 'older.yml'
    path.write_text(f'_BASE_: [{student}]\nTrainDataset: !COCODataSet\n  image_dir: images\n'
                    f'  anno_path: annotations/train.json\n  dataset_dir: {tmp_path / "set"}\n')
    assert load_config(str(path)).TrainDataset.image_dir == 'images'
