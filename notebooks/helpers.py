# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Helpers of the notebooks. Needs only Python and Jupyter: every command has its own process.

Under Jupyter's ``!`` a notebook continues after a command that fails; :func:`run` raises.
"""
import base64
import glob
import html
import importlib.metadata
import io
import json
import os
import platform
import re
import resource
import shlex
import shutil
import subprocess
import sys
import time

from exports import write_exports
from IPython.display import HTML, SVG, Markdown, display

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LOGS = os.path.join('output', 'logs')
# As few images and epochs as possible: to see whether everything runs, as the tests do.
QUICK = bool(os.environ.get('PPDET_EXT_QUICK'))
IMAGES_PER_CLASS = 10 if QUICK else 20

PREFIX = re.compile(r'^\[[\d/ :]+\] [\w.]+ INFO: |^\[[\d/ :]+\] [\w.]+ (?=[A-Z]+: )')
PROGRESS = re.compile(r'Epoch: \[|WARNING: |first step|tensors loaded')
NOISE = re.compile(r'^=+$|^FLAGS\(|^loading annotations|^Done \(|^creating index|^index created'
                   r'|^[WI]\d{4} |^ *$')
LAST_LINES = 24
EXPORTS = 'output/exports'  # of synthetic steel, as labelling tools write them
LARGEST_PICTURE = 100_000  # bytes
# NEU-CLS.zip is of another task, NEU-DET-fewshot-splits.tar.gz has no images.
NEU_DET = ('NEU-DET', 'NEU-DET.zip', 'NEU-DET.tar.gz', 'NEU-DET[!-]*.zip')

os.chdir(ROOT)


class CommandError(RuntimeError):
    """A command ended with an error."""


def run(command, options=''):
    """Runs a command in the project's folder and shows the relevant part of its output.

    The whole output is in a file of ``output/logs``.

    Args:
        command (str): a line of the documentation; ``python`` is the notebook's own.
        options (str): what is added to it.

    Raises:
        CommandError: the command ended with another code than 0.
    """
    line = f'{command} {options.strip()}'.strip()
    print(f'$ {line}', flush=True)
    words = shlex.split(line)
    # The notebook's own Python, not the first one on the path.
    programs = {'python': [sys.executable], 'pip': [sys.executable, '-m', 'pip']}
    words = [*programs.get(words[0], words[:1]), *words[1:]]
    os.makedirs(LOGS, exist_ok=True)
    program = next((word for word in words if word.endswith('.py')), command.split()[0])
    name = os.path.splitext(os.path.basename(program))[0]
    log = os.path.join(LOGS, f'{time.strftime("%m%d-%H%M%S")}_{name}.log')
    start = time.monotonic()
    with open(log, 'w', encoding='utf-8', buffering=1) as file:
        file.write(f'{line}\n')
        process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            encoding='utf-8', errors='replace', env={**os.environ, 'PYTHONUNBUFFERED': '1'})
        lines = _show(process, file)
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    print('\n'.join(lines[-LAST_LINES:]))
    processor = usage.ru_utime + usage.ru_stime
    print(f'-- {time.monotonic() - start:.0f} 秒，处理器时间 {processor:.0f} 秒，'
          f'内存峰值 {usage.ru_maxrss / 1024 ** 2:.1f} GB', flush=True)
    if process.returncode:
        raise CommandError(f'命令失败（code {process.returncode}），全部输出见 {log}: {line}')


def _show(process, log):
    """list of str: the lines that were not shown while the command ran."""
    kept = []
    try:
        for line in process.stdout:
            log.write(line)
            text = _without_places(PREFIX.sub('', line.rstrip()))
            if PROGRESS.search(text):
                print(text, flush=True)
            elif not NOISE.search(text):
                kept.append(text)
    except KeyboardInterrupt:
        # The command was interrupted too, and a training saves before it ends.
        process.wait(timeout=60)
        raise
    finally:
        process.stdout.close()
    return kept


def _without_places(text):
    """str: paths as seen from the project, the home folder or the Python."""
    for folder, name in ((ROOT, '.'), (os.path.expanduser('~'), '~'), (sys.prefix, '<python>')):
        text = text.replace(folder, name)
    return text


def train(command, options=''):
    """Runs a training, unless it is finished already; an interrupted one continues.

    Only a run of the same command counts. That of another, with other data or epochs, is moved to
    ``output/<run>-<time>``.

    Args:
        command (str): a line of the documentation.
        options (str): what is added to it.
    """
    words = shlex.split(f'{command} {options}')[2:]
    config = words[words.index('--slim_config' if '--slim_config' in words else '-c') + 1]
    folder = os.path.join('output', os.path.splitext(os.path.basename(config))[0])
    earlier = _command_of(folder)
    if earlier in (words, [*words, '-r', 'auto']):
        print(f'{folder} 中已有这条命令的训练：已完成则不再训练，未完成则继续；'
              '要重新训练，请先删除或移走这个目录')
        options = f'{options} -r auto'
    elif earlier:
        moved = f'{folder}-{time.strftime("%m%d-%H%M%S")}'
        print(f'{folder} 由另一条命令训练，移到 {moved}：{shlex.join(earlier)}')
        os.rename(folder, moved)
    run(command, options)


def _command_of(folder):
    """list of str or None: the arguments that a run was trained with, if there is one."""
    path = os.path.join(folder, 'train_command.json')
    if not os.path.exists(path):
        return None
    with open(path, encoding='utf-8') as file:
        return json.load(file)['commands'][0][1:]


def show_machine():
    """Shows Python, processor, memory, disk, GPU and the installed Paddle."""
    gpus = shutil.which('nvidia-smi') and subprocess.run(
        ['nvidia-smi', '--query-gpu=name,memory.total', '--format=csv,noheader'], text=True,
        capture_output=True).stdout.strip()
    table([['Python', platform.python_version()],
           ['CPU', f'{len(os.sched_getaffinity(0))} 核'],
           ['内存', f'{_memory() / 1024 ** 3:.0f} GB'],
           ['磁盘剩余', f'{shutil.disk_usage(ROOT).free / 1024 ** 3:.0f} GB'],
           ['GPU', gpus or '无'],
           ['Paddle', _paddle() or '未安装']], ['', ''])


def _memory():
    """int: bytes that a process may use: of the computer, the container or the session."""
    limits = [os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES')]
    for path in ('/sys/fs/cgroup/memory.max', '/sys/fs/cgroup/memory/memory.limit_in_bytes'):
        if os.path.exists(path):
            with open(path, encoding='ascii') as file:
                limits.append(file.read().strip())
    limits.append(resource.getrlimit(resource.RLIMIT_AS)[0])
    return min(int(limit) for limit in limits if limit not in ('max', resource.RLIM_INFINITY))


def _paddle():
    """str or None: name and version of the installed Paddle."""
    for name in ('paddlepaddle-gpu', 'paddlepaddle'):
        try:
            return f'{name} {importlib.metadata.version(name)}'
        except importlib.metadata.PackageNotFoundError:
            pass
    return None


def install():
    """Installs the project, and Paddle only if none is installed.

    Raises:
        CommandError: pip failed, or what was installed does not run.
    """
    python = '.'.join(platform.python_version_tuple()[:2])
    quiet = '-q --no-input --no-warn-script-location'
    # The folder of an editable package stays where the packages it needs are gone.
    if subprocess.run([sys.executable, '-c', 'import ppdet_ext'], capture_output=True).returncode:
        if _paddle():
            run(f'pip install -c constraints/python{python}.txt -e ".[backbones]" numba', quiet)
        else:
            run(f'pip install -c constraints/python{python}.txt -e ".[cpu,backbones]"', quiet)
        # The OpenCV with windows needs libGL, which servers lack.
        run(f'pip install -c constraints/python{python}.txt --no-deps opencv-python-headless',
            quiet)
    run('python -c "import ppdet_ext.engine.cli as cli; cli.log_versions()"')


def neu_det_or_synthetic(epochs):
    """Prepares NEU-DET if there is one, otherwise draws synthetic steel.

    Args:
        epochs (int): of a training on synthetic steel; on NEU-DET those of the configs.

    Returns:
        tuple of str: the data set, and the options of a training on it.
    """
    data = 'data/NEU-DET-COCO'
    if is_prepared(data):
        return data, ''
    source = find_data(*NEU_DET)
    if source:
        run(f'python tools/prepare_neu_det.py --source {shlex.quote(source)} --output {data}')
        return data, ''
    data = 'data/synthetic-steel-coco'
    draw_synthetic_steel(data)
    return data, f'{schedule(epochs)} {on(data)}'


def own_data_or_synthetic(classes='', epochs=None):
    """Prepares the user's labelled images, otherwise synthetic steel packed as labelling tools do.

    Args:
        classes (str): names of the user's classes, in their order, or empty.
        epochs (int or None): of a training; by default those of the configs, on synthetic steel 5.

    Returns:
        tuple of str: the name of the data set in ``data``, and the options of a training on it;
        reports name files by the seed.
    """
    name, classes = 'my-parts', classes and f'--classes {shlex.quote(classes)}'
    options = schedule(epochs) if epochs else '-o seed=0'
    if is_prepared(f'data/{name}'):
        return name, options
    source = find_data(f'{name}.zip')
    if not source:
        data, name, classes = 'data/synthetic-steel-sound', 'synthetic-parts', ''
        draw_synthetic_steel(data, f'--sound {IMAGES_PER_CLASS}')
        write_exports(data, EXPORTS)
        source, options = f'{EXPORTS}/yolo.zip', schedule(epochs or 5)
    if not is_prepared(f'data/{name}'):
        run(f'python tools/prepare_data.py --source {shlex.quote(source)} --output data/{name} '
            '--config configs/lite/gfl_lite0_neu_det.yml '
            '--slim_config configs/slim/distill/gfl_lite2_neu_det_mgd_distill.yml', classes)
    return name, options


def draw_synthetic_steel(data, options=''):
    """Draws synthetic steel into the folder ``data``, unless it is there already."""
    if not is_prepared(data):
        run(f'python tools/make_synthetic_steel.py --output {data}',
            f'{options} --images-per-class {IMAGES_PER_CLASS}')


def is_prepared(data):
    """bool: whether there is a data set in the folder ``data``; says so if there is.

    It is kept, since few-shot sets or changed YAMLs may be in it.
    """
    prepared = os.path.exists(os.path.join(data, 'annotations', 'train.json'))
    if prepared:
        print(f'使用已有的 {data}；要重新准备，请先删除或移走这个目录，'
              '以及 output 中用它训练的模型')
    return prepared


def on(data):
    """str: the settings that replace the data set of a config."""
    return ' '.join(f'{name}Dataset.dataset_dir={data}' for name in ('Train', 'Eval', 'Test'))


def schedule(epochs):
    """str: the options of a training with fewer epochs than the configs have."""
    epochs = 1 if QUICK else epochs
    return (f'-o epoch={epochs} snapshot_epoch={epochs} seed=0 LearningRate.schedulers='
            f'\'[{{name: CosineDecay, max_epochs: {epochs}}}, '
            "{name: LinearWarmup, start_factor: 0.1, steps: 10}]'")


def find_data(*patterns):
    """str or None: the first file or folder of these names that was mounted or uploaded.

    Searches the home folder, the project and its two parents: first the folders that AI Studio
    mounts in their ``data``, then ``data``, ``work`` and themselves.
    """
    for place in ('data/data*', 'data', 'work', ''):
        for folder in (os.path.expanduser('~'), '', '..', '../..'):
            for pattern in patterns:
                found = sorted(glob.glob(os.path.join(glob.escape(folder), place, pattern)))
                if found:
                    return found[0]
    return None


def metrics(run_folder):
    """dict: the metrics of a run's last evaluation."""
    with open(os.path.join('output', run_folder, 'metrics.json'), encoding='utf-8') as file:
        return json.load(file)


def percent(value):
    return '-' if value is None else f'{100 * value:.1f}'


def table(rows, head):
    """Shows a table.

    Args:
        rows (list of list): the cells.
        head (list of str): names of the columns.
    """
    lines = [head, ['---'] + ['---:'] * (len(head) - 1), *rows]
    display(Markdown('\n'.join(f'| {" | ".join(map(str, line))} |' for line in lines)))


def show_pictures(pattern, width=200, count=None):
    """Shows JPEG or PNG files side by side, each with its name.

    Args:
        pattern (str): of their paths.
        width (int): of each, in pixels.
        count (int): how many at most, the first ones.

    Raises:
        FileNotFoundError: there is none.
    """
    paths = sorted(glob.glob(pattern))[:count]
    if not paths:
        raise FileNotFoundError(pattern)
    display(HTML(''.join(_figure(path, width) for path in paths)))


def _figure(path, width):
    """str: HTML with the picture in it; a large one becomes a smaller JPEG."""
    with open(path, 'rb') as file:
        content = file.read()
    kind = 'png' if path.endswith('.png') else 'jpeg'
    if len(content) > LARGEST_PICTURE:
        from PIL import Image  # not before everything is installed

        reduced = io.BytesIO()
        with Image.open(path) as image:
            image.convert('RGB').resize((width, image.height * width // image.width)).save(
                reduced, 'JPEG')
        content, kind = reduced.getvalue(), 'jpeg'
    return (f'<figure style="display:inline-block;margin:4px"><img width="{width}" '
            f'src="data:image/{kind};base64,{base64.b64encode(content).decode()}"><figcaption>'
            f'{html.escape(os.path.basename(path))}</figcaption></figure>')


def show_report(folder, *titles):
    """Shows sections of the Markdown file that ``tools/report.py`` wrote, with pictures.

    Args:
        folder (str): ``--output`` of the report.
        titles (str): of the sections.

    Raises:
        ValueError: there is no such section.
    """
    with open(os.path.join(folder, 'report.md'), encoding='utf-8') as file:
        sections = dict(part.split('\n', 1) for part in file.read().split('\n## ')[1:])
    for title in titles:
        if title not in sections:
            raise ValueError(f'{folder}: expected one of {", ".join(sections)}, got {title}')
        # After the first part they repeat: caption, path of the picture, text.
        first, *rest = re.split(r'^!\[(.*)\]\((.*)\)$', sections[title], flags=re.MULTILINE)
        display(Markdown(f'### {title}\n{first}'))
        for caption, picture, text in zip(rest[::3], rest[1::3], rest[2::3]):
            display(Markdown(caption))
            _show_picture(os.path.join(folder, picture))
            display(Markdown(text.replace(caption, '')))


def _show_picture(path):
    if path.endswith('.svg'):
        display(SVG(path))
    else:
        display(HTML(_figure(path, 760)))
