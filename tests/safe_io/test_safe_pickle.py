# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""What Paddle saves is read as paddle.load reads it; whatever else a file holds is refused."""
import collections
import importlib
import io
import os
import pathlib
import pickle
import re

import numpy as np
import paddle
import ppdet
import pytest
from compat_probes import Payload
from paddle import nn

from ppdet_ext.ppdet_fixes import weights_files
from ppdet_ext.safe_io import safe_pickle
from ppdet_ext.safe_io.safe_pickle import load_plain, load_state

ROOT = pathlib.Path(__file__).parents[2]


def model_state():
    return nn.Sequential(nn.Conv2D(2, 3, 3), nn.BatchNorm2D(3)).state_dict()


def optimizer_state():
    layer = nn.Linear(2, 3)
    steps = paddle.optimizer.lr.PiecewiseDecay([3, 5], [0.1, 0.01, 0.001])
    rate = paddle.optimizer.lr.LinearWarmup(steps, 5, 0.0, 0.1)
    optimizer = paddle.optimizer.AdamW(rate, parameters=layer.parameters())
    layer(paddle.ones([2, 2])).sum().backward()
    optimizer.step()
    rate.step()
    return {**optimizer.state_dict(), 'last_epoch': 3}


def numbers_and_texts():
    return {'flag': True, 'none': None, 'number': 3, 'ratio': 0.5, 'complex': 1 + 2j, 'name': '钢',
            'numpy number': np.float32(0.25), 'list': [1, [2, (3, 'x')]], 'empty': {}}


STATES = {
    'model': model_state,
    'optimizer': optimizer_state,
    'sidecar': lambda: {'best_metric': 0.5, 'distill_losses': model_state()},
    'tensors and arrays': lambda: {'best_metric': 0.5, 'losses': model_state(),
                                   'generator': np.random.RandomState(0).get_state()},
    'optimizer and array': lambda: {'a': paddle.ones([2]), 'LR_Scheduler': {'b': np.ones(2)}},
    'pairs': lambda: {'pair': (3, np.ones(2)), 'triple': ('x', np.ones(2), 1)},
    'ordered': lambda: collections.OrderedDict(a=paddle.ones([2])),
    'dtypes': lambda: {kind: paddle.ones([2, 3]).astype(kind) for kind in (
        'bool', 'uint8', 'int32', 'int64', 'bfloat16', 'float16', 'float32', 'float64',
        'complex64')},
    'shapes': lambda: {'scalar': paddle.to_tensor(3.0), 'empty': paddle.zeros([0, 3]),
                       'transposed': paddle.arange(6).reshape([2, 3]).t()},
    'numpy': lambda: {'fortran': np.asfortranarray(np.arange(6.0).reshape(2, 3))},
    'plain': numbers_and_texts,
}


def same(first, second):
    assert type(first) is type(second)
    if isinstance(first, dict):
        assert list(first) == list(second)
        return all(same(first[key], second[key]) for key in first)
    if isinstance(first, (list, tuple)):
        return len(first) == len(second) and all(map(same, first, second))
    if isinstance(first, np.ndarray):
        return first.dtype == second.dtype and np.array_equal(first, second)
    if isinstance(first, paddle.Tensor):
        return first.dtype == second.dtype and same(first.numpy(), second.numpy())
    return first == second


@pytest.mark.parametrize('return_numpy', [False, True])
@pytest.mark.parametrize('protocol', [2, 3, 4])
@pytest.mark.parametrize('name', STATES)
def test_reads_what_paddle_saves(tmp_path, name, protocol, return_numpy):
    path = str(tmp_path / 'x.pdparams')
    paddle.save(STATES[name](), path, protocol=protocol)
    assert same(load_state(path, return_numpy), paddle.load(path, return_numpy=return_numpy))


def test_reads_parameters_that_were_cut_into_slices(tmp_path, monkeypatch):
    # As paddle.save cuts what is above a gigabyte; here with slices of two numbers.
    path = tmp_path / 'x.pdparams'
    values = np.arange(6, dtype='float32')
    path.write_bytes(pickle.dumps({
        'bias': np.ones(2), 'weight@@.0': values[:4], 'weight@@.1': values[4:],
        safe_pickle.SLICE_TABLE: {'weight': {'OriginShape': (2, 3),
                                              'slices': ['weight@@.0', 'weight@@.1']}}}, 2))
    assert same(load_state(str(path), True), paddle.load(str(path), return_numpy=True))
    assert load_state(str(path))['weight'].shape == [2, 3]


def test_reads_what_other_versions_of_python_and_numpy_write(tmp_path):
    array = np.arange(3, dtype='float32')
    content = pickle.dumps({'weight': array}, 2)
    # NumPy 2 calls its package numpy._core.
    renamed = content.replace(b'cnumpy.core.', b'cnumpy._core.')
    assert renamed != content
    for written in (renamed, pickle.dumps({'weight': array}, 5)):
        np.testing.assert_array_equal(load_plain(io.BytesIO(written))['weight'], array)
    # Python 2 wrote an array's bytes as text.
    old = (b'\x80\x02}U\x06weightcnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85'
           b'U\x01b\x87R(K\x01K\x02\x85cnumpy\ndtype\nU\x02f4K\x00K\x01\x87R(K\x03U\x01<NNNJ\xff'
           b'\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89U\x08\x00\x00\x80?\x00\x00\x00\xc0tbs.')
    np.testing.assert_array_equal(load_plain(io.BytesIO(old))['weight'],
                                  np.array([1.0, -2.0], 'float32'))


class Reduced:
    """Pickled, it is a call of the given function."""

    def __init__(self, *reduced):
        self.reduced = reduced

    def __reduce__(self):
        return self.reduced


def refusal(tmp_path, content):
    path = tmp_path / 'x.pdparams'
    path.write_bytes(content)
    with pytest.raises(ValueError) as error:
        load_state(str(path))
    assert str(path) in str(error.value) and '\n' not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize('protocol', [2, 3, 4, 5])
def test_code_is_refused_by_name_and_does_not_run(tmp_path, protocol):
    made = tmp_path / 'made'
    message = refusal(tmp_path, pickle.dumps({'a': Payload(str(made))}, protocol))
    assert re.search(r'it names (posix|nt|os)\.mkdir, which .* could run code', message)
    assert not made.exists()


@pytest.mark.parametrize('function, args, name', [
    (eval, ('1 + 1', ), 'builtins.eval'),
    (getattr, ('x', 'upper'), 'builtins.getattr'),
    (importlib.import_module, ('this', ), 'importlib.import_module'),
    (np.load, ('x', ), 'numpy.load'),
    (paddle.load, ('x', ), 'paddle.framework.io.load'),
    (collections.defaultdict, (list, ), 'collections.defaultdict'),
    (np.dtype, ('O', ), None),
    (np.dtype, ([('a', 'f4')], ), None),
])
def test_other_names_are_refused(tmp_path, function, args, name):
    message = refusal(tmp_path, pickle.dumps({'a': Reduced(function, args)}, 4))
    assert name is None or f'it names {name},' in message


def test_nothing_is_imported_to_refuse_it(tmp_path, monkeypatch):
    (tmp_path / 'hostile_module.py').write_text('raise SystemExit("imported")')
    monkeypatch.syspath_prepend(tmp_path)
    assert 'names hostile_module.x,' in refusal(tmp_path, b'\x80\x02chostile_module\nx\n.')


def test_arrays_of_objects_are_refused(tmp_path):
    content = pickle.dumps({'a': np.array([None, 'x'], dtype=object)}, 4)
    assert "arrays of type 'O8' are not tensors" in refusal(tmp_path, content)


def test_a_file_cannot_change_numpys_types(tmp_path):
    # The third argument decides whether the type is a copy or the one of the whole process.
    state = 3, '>', None, None, None, -1, -1, 0
    content = pickle.dumps({'a': Reduced(np.dtype, ('f4', False, False), state)}, 4)
    assert 'is not part of weights' in refusal(tmp_path, content)
    assert np.dtype('f4').isnative


def test_an_array_larger_than_its_content_is_refused(tmp_path):
    _, args, state = np.ones(4, 'float32').__reduce__()
    hostile = Reduced(np.core.multiarray._reconstruct, args, (1, (2**40, ), *state[2:]))
    assert 'is damaged or cut off' in refusal(tmp_path, pickle.dumps({'a': hostile}, 4))


def named(module, name):
    return f'c{module}\n{name}\n'.encode()


def text(value):
    return b'X' + len(value).to_bytes(4, 'little') + value.encode()


def binary(content):
    return b'B' + len(content).to_bytes(4, 'little') + content


DTYPE = named('numpy', 'dtype') + text('f4') + b'\x85R'
FROMBUFFER = named('numpy.core.numeric', '_frombuffer')


def test_a_pickle_written_by_hand_is_read(tmp_path):
    content = b'\x80\x03}' + text('a') + FROMBUFFER + b'(' + binary(bytes(8)) + DTYPE
    content += b'K\x02\x85' + text('C') + b'tRs.'
    np.testing.assert_array_equal(load_plain(io.BytesIO(content))['a'], np.zeros(2, 'float32'))


@pytest.mark.parametrize('name', sorted(safe_pickle.KNOWN.keys() - {('numpy', 'ndarray')}),
                         ids='.'.join)
@pytest.mark.parametrize('state', [
    b'}' + text('value') + text('f4') + b's', b'N}' + text('value') + text('f4') + b's\x86',
], ids=['attributes', 'slots'])
def test_a_file_cannot_change_what_it_names(tmp_path, name, state):
    content = b'\x80\x03}' + text('a') + named(*name) + state + b'bs.'
    assert 'ValueError: it changes what it names' in refusal(tmp_path, content)
    assert not hasattr(safe_pickle.KNOWN[name], 'value')


@pytest.mark.parametrize('dtype', [
    named('numpy', 'dtype'), text('f4'), b'N', named('collections', 'OrderedDict') + b')R',
    named('collections', 'OrderedDict') + b')R}' + text('value') + text('f4') + b'sb',
], ids=['function', 'text', 'none', 'dict', 'dict with attributes'])
def test_an_array_needs_a_type_of_numpy(tmp_path, dtype):
    content = b'\x80\x03}' + text('a') + FROMBUFFER + b'(' + binary(bytes(8)) + dtype
    assert 'expected the type of an array' in refusal(
        tmp_path, content + b'K\x02\x85' + text('C') + b'tRs.')


@pytest.mark.parametrize('value', [
    named('numpy', 'dtype'), named('builtins', 'tuple'), DTYPE, b'\x8f', b'(\x91',
    b'\x96' + bytes(8)], ids=['function', 'class', 'dtype', 'set', 'frozenset', 'bytearray'])
def test_other_values_are_refused(tmp_path, value):
    assert 'is not part of weights' in refusal(tmp_path, b'\x80\x05}' + text('a') + value + b's.')


def test_an_array_smaller_than_its_content_is_refused(tmp_path):
    _, args, state = np.ones(4, 'float32').__reduce__()
    hostile = Reduced(np.core.multiarray._reconstruct, args, (1, (3, ), *state[2:]))
    assert 'is damaged or cut off' in refusal(tmp_path, pickle.dumps({'a': hostile}, 4))


def test_a_list_that_is_there_twice_is_read_once(tmp_path):
    # Copied at every place, thirty such lists in each other would be a thousand million.
    shared = [np.ones(2)]
    path = tmp_path / 'x.pdparams'
    path.write_bytes(pickle.dumps({'a': shared, 'b': (shared, shared)}, 4))
    for return_numpy in (True, False):
        state = load_state(str(path), return_numpy)
        assert state['a'] is state['b'][0] is state['b'][1]


def test_a_list_in_itself_is_refused(tmp_path):
    value = []
    value.append(value)
    assert 'RecursionError' in refusal(tmp_path, pickle.dumps({'a': value}, 4))


def test_methods_of_a_dict_that_the_file_replaces_are_not_called(tmp_path):
    replaced = b'}' + text('items') + named('builtins', 'tuple') + b'sb'
    content = named('collections', 'OrderedDict') + b')R' + text('x') + b'K\x01s' + replaced
    path = tmp_path / 'x.pdparams'
    path.write_bytes(b'\x80\x03}' + text('a') + content + b's.')
    read = load_state(str(path))['a']
    assert dict(read) == {'x': 1} and not vars(read)


def test_more_memory_than_there_is(tmp_path):
    content = b'\x80\x05}' + text('a') + b'\x96' + (2**62).to_bytes(8, 'little') + b's.'
    assert 'asks for more memory than there is' in refusal(tmp_path, content)


@pytest.mark.parametrize('content, message', [
    (b'', 'is empty; copy or download it again'),
    (b'version https://git-lfs', 'is not a pickle, as paddle.save writes it; copy or download'),
    (b'<html>404</html>', 'is not a pickle'),
    (b'PK\x03\x04', 'is not a pickle'),
    (b'\x00' * 100, 'is not a pickle'),
    (b'cos\nsystem\n(S"true"\ntR.', 'is not a pickle'),  # protocol 0
    (b'\x80\x04', 'is damaged or cut off'),
    (b'\x80\x04\xff\xff', 'is damaged or cut off'),
    (pickle.dumps([1, 2], 4), 'holds a list, expected tensors by name'),
    (pickle.dumps({1: 2}, 4), 'holds a dict, expected tensors by name'),
    (pickle.dumps({safe_pickle.SLICE_TABLE: {'a': {'slices': ['b']}}}, 4), 'is damaged, its'),
    (pickle.dumps({'a': np.zeros([1] * 10)}, 4), 'is damaged, its'),
    (pickle.dumps({'a': np.array('text')}, 4), 'is damaged, its'),
], ids=range(13))
def test_what_is_no_state_says_so(tmp_path, content, message):
    assert message in refusal(tmp_path, content)


def test_a_file_that_was_cut_off(tmp_path):
    path = tmp_path / 'whole'
    paddle.save(model_state(), str(path))
    for fraction in (0.1, 0.5, 0.99):
        content = path.read_bytes()
        assert 'is damaged or cut off' in refusal(tmp_path, content[:int(fraction * len(content))])


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / 'x.pdparams')
    with pytest.raises(ValueError, match='x.pdparams is not a file'):
        load_state(str(tmp_path / 'x.pdparams'))


def test_a_missing_file():
    with pytest.raises(FileNotFoundError, match='nowhere.pdparams'):
        load_state('nowhere.pdparams')


def test_paddle_load_itself_is_left_alone(tmp_path):
    path = str(tmp_path / 'own.pickle')
    paddle.save({'own': Payload(str(tmp_path / 'made'))}, path)
    paddle.load(path)
    assert (tmp_path / 'made').exists()


def calls(folder, pattern):
    return {os.path.relpath(path, folder) for path in pathlib.Path(folder).rglob('*.py')
            if re.search(pattern, path.read_text(encoding='utf-8'))}


def test_every_reader_of_ppdet_is_mended():
    found = calls(os.path.dirname(ppdet.__file__), r'paddle\.load\(')
    assert {f'ppdet.{path[:-3].replace(os.sep, ".")}' for path in found} == set(
        weights_files.READERS)
    for module in weights_files.READERS:
        assert importlib.import_module(module).paddle.load is load_state


@pytest.mark.parametrize('folder', ['ppdet_ext', 'tools', 'demo'])
def test_this_project_reads_files_with_it(folder):
    allowed = {os.path.join(*parts) for parts in (
        ('safe_io', 'safe_yaml.py'), ('ppdet_fixes', 'weights_files.py'),
        ('ppdet_fixes', 'yaml_files.py'), ('ppdet_fixes', 'evaluated_names.py'),
        ('compat', 'patching.py'))}
    pattern = r'(?<![\w.])(paddle\.load|pickle\.loads?|yaml\.\w*load|eval|exec)\('
    assert calls(ROOT / folder, pattern) <= allowed
