# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
import io
import json
import multiprocessing
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

import numpy as np
import pytest
from paddle.utils import unique_name
from PIL import Image
from ppdet.engine.callbacks import Callback
from tiny import student_yaml
from visualdl import LogReader
from visualdl.component.base_component import image
from visualdl.writer.record_writer import RecordWriter

from ppdet_ext.config.load import load_run_config
from ppdet_ext.engine import Trainer
from ppdet_ext.engine.callbacks import visualdl_log
from ppdet_ext.engine.checkpoint_files import load_checkpoint

fork = multiprocessing.get_context('fork')

IMAGES = 6
STEPS = 3  # of an epoch


@pytest.fixture(scope='module')
def dataset(tmp_path_factory):
    """Synthetic grey images with one box each; the name of a class has what VisualDL refuses."""
    folder = tmp_path_factory.mktemp('set')
    (folder / 'annotations').mkdir()
    (folder / 'images').mkdir()
    names = [f'{k}.jpg' for k in range(IMAGES)]
    for name in names:
        Image.fromarray(np.full([64, 64, 3], 99, 'uint8')).save(folder / 'images' / name)
    content = json.dumps({
        'categories': [{'id': k, 'name': f'{k}%'} for k in range(6)],
        'images': [{'id': k, 'file_name': name, 'width': 64, 'height': 64}
                   for k, name in enumerate(names)],
        'annotations': [{'id': k, 'image_id': k, 'category_id': k, 'bbox': [8, 30, 40, 20],
                         'area': 800, 'iscrowd': 0} for k in range(IMAGES)]})
    for split in ('train', 'val'):
        (folder / 'annotations' / f'{split}.json').write_text(content)
    return str(folder)


def make(folder, dataset, **options):
    """The trainer of a tiny run, as the first of its process: its checkpoint names parameters."""
    section = {'dataset_dir': dataset}
    path = student_yaml(
        folder, epoch=2, worker_num=0, use_gpu=False, save_dir=str(folder / 'output'),
        snapshot_epoch=1, log_iter=2, TrainDataset=section, EvalDataset=section,
        TrainReader={'batch_size': IMAGES // STEPS}, use_vdl=True,
        vdl_log_dir=str(folder / 'vdl'), vdl_images=2)
    cfg = load_run_config(path, options)
    unique_name.switch()
    return Trainer(cfg)


@pytest.fixture(scope='module')
def run(tmp_path_factory, dataset):
    """The folder of a run of two epochs, evaluated after each."""
    folder = tmp_path_factory.mktemp('run')
    make(folder, dataset).train(validate=True)
    return folder


@pytest.fixture
def copy(run, tmp_path):
    """A copy of the run that a test may continue."""
    shutil.copytree(run, tmp_path / 'copy')
    return tmp_path / 'copy'


def newest_log(folder):
    """LogReader: of the file that VisualDL shows of a folder."""
    shown = LogReader(logdir=str(folder)).logs()
    return LogReader(file_path=str(folder / shown[str(folder)]))


def curve(reader, tag):
    return [(point.id, point.value) for point in reader.get_data('scalar', tag)]


def steps(reader, tag):
    return [point.id for point in reader.get_data('scalar', tag)]


def test_a_curve_has_the_points_of_the_log_and_the_last_step_of_an_epoch(run):
    reader = newest_log(run / 'vdl')
    for tag in ('loss', 'loss_cls', 'loss_reg', 'learning_rate', 'speed/batch_cost',
                'speed/data_cost', 'speed/images_per_second'):
        assert steps(reader, tag) == [1, 3, 4, 6], tag
    seconds, images = (curve(reader, f'speed/{name}') for name in ('batch_cost',
                                                                   'images_per_second'))
    assert images[0][1] == pytest.approx(IMAGES / STEPS / seconds[0][1], rel=1e-4)


def test_an_evaluation_stands_at_the_step_of_its_epoch(run):
    reader = newest_log(run / 'vdl')
    for tag in ('bbox-mAP', 'evaluation/mAP', 'evaluation/AP50', 'class_AP/0_', 'class_AP50/5_'):
        assert steps(reader, tag) == [STEPS, 2 * STEPS], tag


def test_fixed_images_are_drawn_at_every_evaluation(run):
    reader = newest_log(run / 'vdl')
    assert reader.get_tags()['image'] == ['validation/0_0.jpg', 'validation/3_3.jpg']
    pictures = reader.get_data('image', 'validation/0_0.jpg')
    assert [picture.id for picture in pictures] == [STEPS, 2 * STEPS]
    drawn = Image.open(io.BytesIO(pictures[-1].image.encoded_image_string))
    assert drawn.size == (64 + 4 + 64, 64)


def test_no_images_if_none_are_wanted(tmp_path, dataset):
    make(tmp_path, dataset, epoch=1, vdl_images=0).train(validate=True)
    tags = newest_log(tmp_path / 'vdl').get_tags()
    assert 'evaluation/mAP' in tags['scalar'] and 'image' not in tags


def test_says_how_to_look_at_it(tmp_path, dataset, log):
    folder = str(tmp_path / 'my logs')
    make(tmp_path, dataset, epoch=1, vdl_log_dir=folder).train()
    assert ('INFO', f"curves: visualdl --logdir '{folder}' --port 8040") in log


def test_a_killed_run_loses_nothing_that_was_logged(tmp_path, dataset):
    class Look(Callback):
        """Reads the log while it is being written."""

        def on_step_end(self, status):
            if status['mode'] == 'train':
                found.append(steps(newest_log(tmp_path / 'vdl'), 'speed/images_per_second'))

    found = []
    trainer = make(tmp_path, dataset, epoch=1)
    trainer.register_callbacks([Look(trainer)])
    trainer.train()
    assert found == [[1], [1], [1, 3]]


def test_only_the_first_process_writes(tmp_path, dataset, monkeypatch):
    trainer = make(tmp_path, dataset, epoch=1)
    monkeypatch.setattr(visualdl_log.dist, 'get_rank', lambda: 1)
    trainer.train(validate=True)
    assert not (tmp_path / 'vdl').exists()


def resume(folder, dataset):
    trainer = make(folder, dataset, epoch=3)
    trainer.resume_weights(str(folder / 'output' / 'student' / '0'))
    trainer.train(validate=True)


def test_a_resumed_run_continues_its_curves_from_the_checkpoint(copy, dataset):
    before = newest_log(copy / 'vdl')
    resume(copy, dataset)
    reader = newest_log(copy / 'vdl')
    assert steps(reader, 'loss') == [1, 3, 4, 6, 7, 9]
    assert curve(reader, 'loss')[:2] == curve(before, 'loss')[:2]
    assert steps(reader, 'evaluation/mAP') == [3, 6, 9]
    assert [p.id for p in reader.get_data('image', 'validation/0_0.jpg')] == [3, 6, 9]


def test_the_log_of_a_process_that_was_killed_while_it_wrote(copy, dataset):
    name, = os.listdir(copy / 'vdl')
    path = copy / 'vdl' / name
    path.write_bytes(path.read_bytes()[:-5])
    whole = path.read_bytes()
    resume(copy, dataset)
    assert steps(newest_log(copy / 'vdl'), 'loss') == [1, 3, 4, 6, 7, 9]
    assert path.read_bytes() == whole


def test_another_run_in_the_folder_is_not_continued(copy, dataset):
    name, = os.listdir(copy / 'vdl')
    os.rename(copy / 'vdl' / name, copy / 'vdl' / name.replace('student', 'another.student'))
    resume(copy, dataset)
    assert steps(newest_log(copy / 'vdl'), 'loss') == [4, 6, 7, 9]


def continue_and_be_killed(writer):
    def records(path, step):
        yield b''
        os.kill(os.getpid(), signal.SIGKILL)

    visualdl_log._records_until = records
    writer.on_train_begin({'epoch_id': 1, 'steps_per_epoch': STEPS})


def test_a_process_that_is_killed_while_it_takes_the_records_over(copy, dataset):
    writer = visualdl_log.VisualDLWriter(make(copy, dataset))
    process = fork.Process(target=continue_and_be_killed, args=(writer,))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL and len(os.listdir(copy / 'vdl')) == 2
    assert steps(newest_log(copy / 'vdl'), 'loss') == [1, 3, 4, 6]
    resume(copy, dataset)
    assert steps(newest_log(copy / 'vdl'), 'loss') == [1, 3, 4, 6, 7, 9]
    assert all(name.startswith('vdlrecords') for name in os.listdir(copy / 'vdl'))


def test_the_log_of_the_checkpoint_is_continued_not_a_later_one(copy, dataset):
    before = newest_log(copy / 'vdl')
    mistaken = visualdl_log.VisualDLWriter(make(copy, dataset))
    mistaken.on_train_begin({'epoch_id': 0, 'steps_per_epoch': STEPS})
    assert newest_log(copy / 'vdl').get_data('scalar', 'loss') == []
    resume(copy, dataset)
    reader = newest_log(copy / 'vdl')
    assert steps(reader, 'loss') == [1, 3, 4, 6, 7, 9]
    assert curve(reader, 'loss')[:2] == curve(before, 'loss')[:2]
    state = load_checkpoint(str(copy / 'output' / 'student' / '1'))
    assert state['callbacks']['VisualDLWriter'] == {'log': max(os.listdir(copy / 'vdl'))}


def test_the_last_log_is_continued_if_that_of_the_checkpoint_is_gone(copy, dataset):
    name, = os.listdir(copy / 'vdl')
    shutil.copy(copy / 'vdl' / name, copy / 'vdl' / 'vdlrecords.1000000002.student.log')
    os.remove(copy / 'vdl' / name)
    (copy / 'vdl' / 'vdlrecords.1000000001.student.log').write_bytes(b'')
    resume(copy, dataset)
    assert steps(newest_log(copy / 'vdl'), 'loss') == [1, 3, 4, 6, 7, 9]


class LittleRoom(Callback):
    """Leaves room for half a record in the log, from the first step of an epoch to the last."""

    def on_step_end(self, status):
        if status['mode'] == 'train':
            folder, room = self.model.cfg.vdl_log_dir, resource.RLIM_INFINITY
            if status['step_id'] < STEPS - 1:
                room = os.path.getsize(os.path.join(folder, max(os.listdir(folder)))) + 20
            resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))


def test_a_full_disk_ends_the_log_and_not_the_training(copy, dataset, log):
    name, = os.listdir(copy / 'vdl')
    noise = np.random.default_rng(0).integers(0, 256, [600, 600, 3], 'uint8')
    with open(copy / 'vdl' / name, 'ab') as file:  # so that only the log meets the limit
        RecordWriter(file).write(image('noise', noise, 1, 0).SerializeToString())
    trainer = make(copy, dataset, epoch=3)
    trainer.resume_weights(str(copy / 'output' / 'student' / '0'))
    trainer.register_callbacks([LittleRoom(trainer)])
    try:
        trainer.train(validate=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
    path = copy / 'vdl' / max(os.listdir(copy / 'vdl'))
    assert [text for level, text in log if level == 'WARNING' and 'curves' in text] == [
        f'cannot write {path} (File too large): from here on no curves are recorded; training '
        f'continues']
    reader = newest_log(copy / 'vdl')
    for tag in ('loss', 'speed/images_per_second'):
        assert steps(reader, tag) == [1, 3, 4]
    assert steps(reader, 'evaluation/mAP') == [3]
    load_checkpoint(str(copy / 'output' / 'student' / 'model_final'))


@pytest.mark.skipif(not os.path.exists('/dev/full'), reason='only Linux has a device that is full')
def test_a_full_disk_at_the_start(tmp_path, dataset):
    (tmp_path / 'vdl').mkdir()
    os.symlink('/dev/full', tmp_path / 'vdl' / '.student.log.partial')
    with pytest.raises(OSError, match=r'cannot start the VisualDL log .*/vdl/vdlrecords\.\d+\.'
                                      r'student\.log: .*No space left on device'):
        make(tmp_path, dataset).train()


def test_a_run_from_the_beginning_begins_its_curves_anew(copy, dataset):
    make(copy, dataset, epoch=1).train()
    assert len(os.listdir(copy / 'vdl')) == 2
    assert steps(newest_log(copy / 'vdl'), 'loss') == [1, 3]


@pytest.fixture
def server(run):
    """Address of VisualDL's own server."""
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    program = os.path.join(os.path.dirname(sys.executable), 'visualdl')
    process = subprocess.Popen(
        [program, '--logdir', str(run / 'vdl'), '--host', '127.0.0.1', '--port', str(port),
         '--disable-telemetry'], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        address = f'http://127.0.0.1:{port}'
        wait_for(process, f'{address}/alive')
        yield f'{address}/app/api'
    finally:
        process.kill()
        process.wait()


def wait_for(process, address):
    for _ in range(600):
        assert process.poll() is None, 'the server has ended'
        try:
            return urllib.request.urlopen(address, timeout=10).close()
        except urllib.error.URLError:
            time.sleep(0.2)
    raise AssertionError('the server does not answer')


def fetch(server, call, **query):
    address = f'{server}/{call}?{urllib.parse.urlencode(query)}'
    with urllib.request.urlopen(address, timeout=60) as answer:
        return answer.read()


def test_visualdls_server_shows_curves_and_images(run, server):
    reader, folder = newest_log(run / 'vdl'), str(run / 'vdl')
    for tag in ('loss', 'evaluation/mAP', 'class_AP/0_'):
        points = json.loads(fetch(server, 'scalar/list', run=folder, tag=tag))['data']
        assert [(step, value) for _, step, value in points] == curve(reader, tag)
    picture = fetch(server, 'image/image', run=folder, tag='validation/3_3.jpg', index=1)
    assert picture == reader.get_data('image', 'validation/3_3.jpg')[1].image.encoded_image_string
