# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""The runtimes that compute the network, each behind the same call."""
import os

import numpy as np

from .card import check_files

__all__ = ['RUNTIMES', 'PRECISIONS', 'open_runtime']


class PaddleInference:
    """Paddle Inference on ``model.json``, or ``model.pdmodel`` of Paddle 2, whose graph holds the
    suppression."""
    name, requirement = 'paddle', 'paddlepaddle'
    precisions = ('float32', )
    suppresses = True

    @staticmethod
    def files(folder, precision):
        program = 'model.pdmodel'
        if not os.path.isfile(os.path.join(folder, program)):
            program = 'model.json'
        return [os.path.join(folder, name) for name in (program, 'model.pdiparams')]

    def __init__(self, folder, precision, threads):
        from paddle import inference
        program, parameters = self.files(folder, precision)
        check_files((program, parameters))
        config = inference.Config(program, parameters)
        config.disable_gpu()
        config.disable_glog_info()
        config.enable_mkldnn()
        config.set_cpu_math_library_num_threads(threads)
        if program.endswith('.pdmodel'):
            config.delete_pass('matmul_v2_scale_fuse_pass')  # Paddle 2.6 computes GFL wrongly
        self._predictor = inference.create_predictor(config)
        self._inputs = {name: self._predictor.get_input_handle(name)
                        for name in self._predictor.get_input_names()}
        self._outputs = [self._predictor.get_output_handle(name)
                         for name in self._predictor.get_output_names()]

    def __call__(self, inputs):
        for name, handle in self._inputs.items():
            handle.copy_from_cpu(inputs[name])
        self._predictor.run()
        # Without boxes Paddle has neither memory to copy from nor columns.
        return [handle.copy_to_cpu() if all(handle.shape()) else np.zeros([0, 6], 'float32')
                for handle in self._outputs]


class OnnxRuntime:
    """ONNX Runtime on ``model.onnx`` or ``model_int8.onnx``."""
    name, requirement = 'onnxruntime', 'onnxruntime'
    precisions = ('float32', 'int8')
    suppresses = False

    @staticmethod
    def files(folder, precision):
        return [os.path.join(folder, f'{_stem(precision)}.onnx')]

    def __init__(self, folder, precision, threads):
        import onnxruntime
        path, = self.files(folder, precision)
        check_files([path])
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3  # errors
        self._session = onnxruntime.InferenceSession(path, options,
                                                     providers=['CPUExecutionProvider'])

    def __call__(self, inputs):
        return self._session.run(None, {'image': inputs['image']})


class OpenVino:
    """OpenVINO on ``model.xml`` or ``model_int8.xml``."""
    name, requirement = 'openvino', 'openvino'
    precisions = ('float32', 'bfloat16', 'int8')
    suppresses = False

    @staticmethod
    def files(folder, precision):
        return [os.path.join(folder, _stem(precision) + suffix) for suffix in ('.xml', '.bin')]

    def __init__(self, folder, precision, threads):
        import openvino
        # Unless it is told, OpenVINO computes in bfloat16 where the processor can.
        hint = 'bf16' if precision == 'bfloat16' else 'f32'
        path, weights = self.files(folder, precision)
        check_files((path, weights))
        self._model = openvino.Core().compile_model(
            path, 'CPU', {'INFERENCE_PRECISION_HINT': hint, 'INFERENCE_NUM_THREADS': threads,
                          'PERFORMANCE_HINT': 'LATENCY'})
        self._request = self._model.create_infer_request()

    def __call__(self, inputs):
        self._request.infer([inputs['image']])
        return [self._request.get_output_tensor(k).data for k in range(2)]


RUNTIMES = {runtime.name: runtime for runtime in (PaddleInference, OnnxRuntime, OpenVino)}
PRECISIONS = ('float32', 'bfloat16', 'int8')


def open_runtime(runtime, folder, precision='float32', threads=1):
    """Loads the network of an exported folder.

    Args:
        runtime (str or type): one of ``RUNTIMES`` by its name, or a class like them.
        folder (str): that of the model.
        precision (str): one of ``PRECISIONS``; what a runtime computes in.
        threads (int): of the processor.

    Returns:
        callable: maps a dict of inputs, by name, to a list of two outputs: boxes [B, 6] and their
        number where it ``suppresses``, else candidates [1, M, 4] and their scores [1, C, M].

    Raises:
        ValueError: no such runtime, or it does not compute in this precision.
        FileNotFoundError: the folder was exported without what the runtime reads.
        ImportError: the runtime is not installed.
        RuntimeError: it cannot read the model, like one of a later version.
    """
    if isinstance(runtime, str):
        if runtime not in RUNTIMES:
            raise ValueError(f'runtime: "{runtime}" is not one of {", ".join(RUNTIMES)}')
        runtime = RUNTIMES[runtime]
    if precision not in runtime.precisions:
        raise ValueError(f'precision: {runtime.name} computes in {", ".join(runtime.precisions)}, '
                         f'not in {precision}')
    try:
        return runtime(folder, precision, threads)
    except ModuleNotFoundError as error:
        raise ImportError(f'the runtime {runtime.name} is not installed ({error}): pip install '
                          f'{runtime.requirement}, or choose another with --runtime') from error
    except (OSError, ValueError, ImportError):
        raise
    except Exception as error:  # each runtime has its own kinds
        reason = ' '.join(str(error).split())
        raise RuntimeError(f'{runtime.name} cannot read the model in {folder} ({reason}); is it as '
                           f'new as that of the export (versions in model_card.json)?') from error


def _stem(precision):
    return 'model_int8' if precision == 'int8' else 'model'
