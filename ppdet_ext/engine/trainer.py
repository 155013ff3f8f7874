# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""PaddleDetection's Trainer with our checkpoints, metrics and loading reports."""
import contextlib
import glob
import os

import paddle
import paddle.distributed as dist
import ppdet.engine
from ppdet.engine.callbacks import Checkpointer as PpdetCheckpointer
from ppdet.engine.callbacks import ComposeCallback
from ppdet.metrics import COCOMetric
from ppdet.utils.logger import setup_logger

from ..data.dataset_files import class_names_of
from ..data.images import image_sizes
from ..metrics import ClasswiseCOCOMetric
from ..modeling.freeze import freeze_modules
from ..modeling.trained_classes import check_trained_classes
from ..modeling.weights import load_weights, resolve_weights
from ..utils.fingerprint import fingerprint
from ..utils.folder_lock import folder_lock
from ..utils.missing_package import explained
from .callbacks.checkpointer import Checkpointer
from .callbacks.finite_check import FiniteCheck
from .callbacks.missed_evaluation import MissedEvaluation
from .callbacks.seeds import EpochSeeds, run_seed
from .checkpoint_files import SIDECAR_SUFFIX, SUFFIXES, load_checkpoint, newest_checkpoint, recover
from .checks.crowd import check_crowd
from .checks.input_size import check_input_size
from .checks.schedule import check_schedule
from .checks.teacher import check_teacher
from .learning_rate import scaled_learning_rate
from .stop_request import StopRequest
from .synchronization import EpochBarrier, barrier, broadcast_from_rank0, uses_fleet
from .unlabelled import add_unlabelled, check_unlabelled

__all__ = ['Trainer']

logger = setup_logger('ppdet.engine')

READERS = {'train': 'TrainReader', 'eval': 'EvalReader'}


class Trainer(ppdet.engine.Trainer):
    """Drop-in for ``ppdet.engine.Trainer``.

    Args:
        cfg (RunConfig|dict): the configuration, which is copied; evaluation files go to
            ``output_eval``, by default the run's own folder ``<save_dir>/<filename>``.
        mode (str): ``train``, ``eval`` or ``test``.
        seed (int|None): of a training; None for that of the configuration.

    Raises:
        ValueError: a training data set smaller than one batch, or one whose crowd boxes the
            detector would not ignore, as :func:`ppdet_ext.engine.checks.crowd.check_crowd` says;
            another run trains in the same folder; images of a size that the network cannot take; or
            what :func:`ppdet_ext.engine.unlabelled.add_unlabelled` refuses.

    Attributes:
        validates (bool): whether training evaluates its snapshots.
        unlabelled (UnlabelledBatches|None): images that a distillation sees in addition to the
            labelled ones.
    """
    validates = False
    unlabelled = None

    def __init__(self, cfg, mode='train', seed=None):
        cfg = cfg.copy()  # values set here must not leak into the next run
        cfg['fleet'] = uses_fleet(cfg)
        cfg['output_eval'] = cfg.get('output_eval') or os.path.join(cfg.save_dir, cfg.filename)
        cfg.setdefault('map_type', '11point')  # of VOC, as VOCMetric's own default
        if mode == 'train':
            self._folder = os.path.join(cfg.save_dir, cfg.filename)
            with self._locked():
                pass  # fails early, before the teacher is checked
            self.seed = run_seed(cfg.get('seed') if seed is None else seed)
            self.stop_request = StopRequest()
            check_unlabelled(cfg)
            check_teacher(cfg)
        try:
            with scaled_learning_rate(cfg, mode):
                super().__init__(cfg, mode)
        except AssertionError:  # a cosine schedule cannot have 0 steps
            if hasattr(self, 'loader'):
                self._check_batches()
            raise
        if self.use_amp and paddle.device.get_device() == 'cpu':
            logger.warning('mixed precision has no effect on a CPU: this run uses float32')
        if mode == 'train':
            student = getattr(self.model, 'student_model', self.model)
            freeze_modules(student, cfg.get('freeze'))
            self._check_batches()
            self.unlabelled = add_unlabelled(cfg, self.model, self.loader)
            check_crowd(student, self.dataset)
            if dist.get_rank() == 0:
                check_schedule(cfg, len(self.loader))
        if mode in READERS:
            check_input_size(self.model, READERS[mode], cfg[READERS[mode]], lambda: image_sizes(
                record['im_file'] for record in self.dataset.roidbs))

    def _check_batches(self):
        if self.mode == 'train' and len(self.loader) == 0:
            raise ValueError(
                f'TrainDataset has {len(self.dataset)} images, TrainReader.batch_size is '
                f'{self.loader.batch_size} in each of {dist.get_world_size()} processes: less '
                f'than one batch; lower it with -o TrainReader.batch_size=N')

    def load_weights(self, weights):
        """Loads pretrained or trained weights and reports how many tensors fitted."""
        if self.is_loaded_weights:
            return
        self.start_epoch = 0
        check_trained_classes(weights, class_names_of(self.cfg), learns=self.mode == 'train')
        # A pretrained backbone fills part of a detector; a trained detector must fit whole.
        load_weights(self.model, weights, 'model', minimum=0.0 if self.mode == 'train' else 1.0)

    def newest_checkpoint(self):
        """Finds the newest complete checkpoint in this run's folder.

        Returns:
            str or None: path without suffix; None, with a warning, if there is none.

        Raises:
            ValueError: there are checkpoints, but none is complete.
        """
        path = broadcast_from_rank0(self._newest_checkpoint)
        if not path:
            logger.warning(f'no checkpoint in {self._folder}: training starts from the beginning')
        return path or None

    def _newest_checkpoint(self):
        with self._locked():
            recover(self._folder)
        return newest_checkpoint(self._folder) or ''

    def resume_weights(self, weights):
        """Continues from a checkpoint so that the result is that of an uninterrupted run.

        Restored are the student, the distillation losses, the optimizer with the learning rate's
        step, the average (EMA), the epoch, the seed, the best metric and the callbacks' state. A
        frozen teacher is read from its own file. Mixed precision begins with
        ``init_loss_scaling`` again.

        Args:
            weights (str): the checkpoint, with or without the suffix of one of its files.

        Raises:
            FileNotFoundError: a file of the checkpoint is missing.
            ValueError: it is damaged, or belongs to another model or distillation.
        """
        path, suffix = os.path.splitext(weights)
        path = path if suffix in SUFFIXES else weights
        if os.path.isdir(path):
            raise ValueError(f'{path} is a folder; name a checkpoint in it, such as '
                             f'{os.path.join(path, "0")}, or give -r auto')
        broadcast_from_rank0(lambda: _recover_if_free(os.path.dirname(path)))
        _find(path)
        state = load_checkpoint(path)
        check_trained_classes(path, class_names_of(self.cfg))
        # ppdet would silently skip tensors that do not fit.
        load_weights(getattr(self.model, 'student_model', self.model), path, 'checkpoint',
                     minimum=1.0)
        super().resume_weights(path)
        self._checkpointer.resume(path, state)
        if self.seed != state['seed']:
            logger.info(f'seed {state["seed"]}, of the checkpoint, replaces {self.seed}')
            self.seed = state['seed']

    def train(self, validate=False):
        """Trains, as ``ppdet.engine.Trainer.train``.

        Raises:
            ValueError: a resumed run has had all its epochs already, or another run trains in the
                same folder.
            FloatingPointError: a loss or the weights are not finite.
            Interrupted: Ctrl-C, SIGTERM or SIGHUP stopped it; the message says how to continue.
        """
        self.validates = validate
        if validate:
            check_input_size(self.model, 'EvalReader', self.cfg['EvalReader'])
        if self.is_complete(validate):
            raise ValueError(f'the checkpoint was saved after epoch {self.start_epoch} of '
                             f'{self.cfg.epoch}: nothing is left to train; give more with -o '
                             f'epoch=N')
        if dist.get_rank() == 0:
            self._prepare_folder()
        barrier()
        with self._locked(), self.stop_request, self._finite_check.located():
            try:
                super().train(validate)
            except ChildProcessError:
                # A signal to the whole process group stops the processes that load images too.
                if not self.stop_request.signal:
                    raise
                self._checkpointer.stop({**self.status, 'step_id': self.status['step_id'] + 1})

    def _prepare_folder(self):
        os.makedirs(self._folder, exist_ok=True)
        if not self._checkpointer.resumed and glob.glob(
                os.path.join(glob.escape(self._folder), f'*{SIDECAR_SUFFIX}')):
            logger.warning(f'{self._folder} holds checkpoints of an earlier run: this one replaces '
                           f'those of the same name, and -r auto may pick up the others; -o '
                           f'save_dir=PATH keeps the runs apart')

    def is_complete(self, validate):
        """bool: whether nothing is left to do of the run, not even an evaluation."""
        missed = validate and self._checkpointer.not_evaluated
        return self.start_epoch >= self.cfg.epoch and not missed

    def _locked(self):
        """Locks the run's folder, in which only the first process writes."""
        if dist.get_rank() != 0:
            return contextlib.nullcontext()
        return folder_lock(self._folder, 'end it, or give this one another -o save_dir=PATH')

    def _init_callbacks(self):
        if self.mode != 'train':
            super()._init_callbacks()
            return
        use_vdl = self.cfg.get('use_vdl')
        self.cfg['use_vdl'] = False  # else PaddleDetection would open a log file of its own
        super()._init_callbacks()
        self.cfg['use_vdl'] = use_vdl
        self._checkpointer = Checkpointer(self)
        self._finite_check = FiniteCheck(self)
        others = [c for c in self._callbacks if type(c) is not PpdetCheckpointer]
        if use_vdl:
            with explained():
                # Imported only when needed: VisualDL creates a folder in the user's home.
                from .callbacks.visualdl_log import VisualDLWriter
            others.append(VisualDLWriter(self))
        # The check comes early, so that nothing of a broken step is logged or saved.
        self._callbacks = [EpochBarrier(self), EpochSeeds(self), self._finite_check, *others,
                           self._checkpointer, MissedEvaluation(self)]
        self._compose_callback = ComposeCallback(self._callbacks)

    def _init_metrics(self, validate=False):
        if self.mode != 'test':
            folder = self.cfg['output_eval']
            os.makedirs(folder, exist_ok=True)
            if not os.access(folder, os.W_OK):
                raise PermissionError(f'{folder} cannot be written to; give the evaluation another '
                                      f'folder with --output_eval')
        super()._init_metrics(validate)
        for index, metric in enumerate(self._metrics):
            if type(metric) is COCOMetric:
                self._metrics[index] = ClasswiseCOCOMetric(
                    metric.anno_file, metric.output_eval, self.cfg.get('base_metrics'),
                    self.cfg.get('base_weights'), self._fingerprint,
                    clsid2catid=metric.clsid2catid, bias=metric.bias, IouType=metric.iou_type,
                    save_prediction_only=metric.save_prediction_only)

    def _fingerprint(self):
        return fingerprint(getattr(self.model, 'student_model', self.model).state_dict())


def _recover_if_free(folder):
    """Tidies up a folder of checkpoints, unless a run that saves there does so itself."""
    with contextlib.suppress(ValueError), folder_lock(folder, ''):
        recover(folder)
    return ''


def _find(path):
    try:
        resolve_weights(path)
    except FileNotFoundError as error:
        if dist.get_rank() == 0:
            raise
        raise FileNotFoundError(f'{error}. It is on the first computer: copy all files of the '
                                f'checkpoint here, or use a folder that both share') from error
