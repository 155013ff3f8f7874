# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Files like those of torch.save, written without PyTorch, and parts of them."""
import pickle
import zipfile

import numpy as np

# Blocks of torchvision's ResNets.
STAGES = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}


def write_torch_file(path, tensors):
    """Writes arrays by name as ``torch.save`` writes a state of float32."""
    tensors = {name: np.asarray(value, '<f4') for name, value in tensors.items()}
    items = []
    for key, (name, value) in enumerate(tensors.items()):
        strides = tuple(stride // value.itemsize for stride in value.strides)
        storage = storage_codes(str(key), value.size)
        items.append((plain(name), tensor_codes(storage, 0, value.shape, strides)))
    with zipfile.ZipFile(path, 'w') as archive:
        archive.writestr('a/data.pkl', state_pickle(*items))
        for key, value in enumerate(tensors.values()):
            archive.writestr(f'a/data/{key}', value.tobytes())


def plain(value):
    """bytes: codes that leave a plain value on the stack, without the protocol and the end."""
    return pickle.dumps(value, protocol=2)[2:-1]


def storage_codes(name='0', length=4):
    return (b'(' + plain('storage') + b'ctorch\nFloatStorage\n' + plain(name) + plain('cpu') +
            plain(length) + b'tQ')


def tensor_codes(storage=None, offset=0, shape=(4, ), strides=(1, )):
    return (b'ctorch._utils\n_rebuild_tensor_v2\n(' + (storage or storage_codes()) +
            plain(offset) + plain(shape) + plain(strides) + plain(False) + plain({}) + b'tR')


def state_pickle(*items):
    """bytes: a pickle of a dict; an item is the codes of a key and of its value."""
    return b'\x80\x02}' + b''.join(key + value + b's' for key, value in items) + b'.'


def described_tensor(offset, shape, strides):
    """bytes: a pickle of ``{'x': tensor}``, as PyTorch writes it."""
    return state_pickle((plain('x'), tensor_codes(None, offset, shape, strides)))


def archive_of(path, content, length=4):
    """str: path of a zip file of a pickle and one storage, the numbers from 0."""
    with zipfile.ZipFile(path, 'w') as archive:
        archive.writestr('a/data.pkl', content)
        archive.writestr('a/data/0', np.arange(length, dtype='<f4').tobytes())
    return str(path)


def torchvision_resnet(depth):
    """dict: names and shapes as torchvision's ResNet has them, with its fc."""
    expansion, convs = (1, (3, 3)) if depth < 50 else (4, (1, 3, 1))
    layers, channels = {'conv1': (64, 3, 7, 7), 'bn1': 64, 'fc': (1000, 512 * expansion)}, 64
    for stage, count in enumerate(STAGES[depth]):
        width = 64 * 2**stage
        for block in range(count):
            prefix, inputs = f'layer{stage + 1}.{block}', channels
            if block == 0 and (stage or expansion == 4):
                layers[f'{prefix}.downsample.0'] = (width * expansion, channels, 1, 1)
                layers[f'{prefix}.downsample.1'] = width * expansion
            for number, kernel in enumerate(convs, start=1):
                outputs = width * (expansion if number == len(convs) else 1)
                layers[f'{prefix}.conv{number}'] = (outputs, inputs, kernel, kernel)
                layers[f'{prefix}.bn{number}'] = outputs
                inputs = outputs
            channels = width * expansion
    return dict(_tensors(layers))


def _tensors(layers):
    random = np.random.RandomState(0)
    for name, shape in layers.items():
        if isinstance(shape, tuple):
            yield f'{name}.weight', random.randn(*shape).astype('float32')
            if name == 'fc':
                yield f'{name}.bias', random.randn(shape[0]).astype('float32')
        else:
            for part in ('weight', 'bias', 'running_mean', 'running_var'):
                yield f'{name}.{part}', random.rand(shape).astype('float32')
            yield f'{name}.num_batches_tracked', np.array(3)
