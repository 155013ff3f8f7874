# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
import sys

import pytest
from ppdet.core.workspace import create

from ppdet_ext.engine import cli
from ppdet_ext.utils import command_line


def parse(*options):
    return cli.ArgumentParser().parse_args(['-c', 'x.yml', '-o', *options]).opt


def test_options_are_yaml_under_dotted_keys():
    assert parse('epoch=3', 'a.b=[1, x]', 'path=c=d', 'none=null') == {
        'epoch': 3, 'a': {'b': [1, 'x']}, 'path': 'c=d', 'none': None}


def test_options_of_one_nested_section_are_all_kept():
    assert parse('Head.nms.keep=1', 'Head.nms.top=2', 'Head.loss=3') == {
        'Head': {'nms': {'keep': 1, 'top': 2}, 'loss': 3}}


def test_options_of_several_flags_are_all_kept():
    assert parse('epoch=3', '-o', 'a.b=1', 'epoch=4', '--opt', 'a.c=2') == {
        'epoch': 4, 'a': {'b': 1, 'c': 2}}


@pytest.mark.parametrize('flag', ['-c', '--config'])
def test_a_second_config_exits_with_2(flag, capsys):
    with pytest.raises(SystemExit) as stopped:
        parse('epoch=3', flag, 'y.yml')
    assert stopped.value.code == 2
    assert f'{flag} is given twice: x.yml, y.yml; give one' in capsys.readouterr().err


@pytest.mark.parametrize('option, message', [
    ('epoch', 'takes key=value pairs, got "epoch"'),
    ('epoch=[1', '-o epoch=[1: the value is not valid YAML'),
])
def test_a_wrong_option_exits_with_2(option, message, capsys):
    with pytest.raises(SystemExit) as stopped:
        parse(option)
    assert stopped.value.code == 2 and message in capsys.readouterr().err


@pytest.mark.parametrize('processes, uses_fleet', [('1', False), ('2', True)])
def test_fleet_is_for_several_processes(monkeypatch, processes, uses_fleet):
    started = []
    monkeypatch.setenv('PADDLE_TRAINERS_NUM', processes)
    monkeypatch.setattr('ppdet.engine.init_fleet_env', lambda unused: started.append('fleet'))
    monkeypatch.setattr('ppdet.engine.init_parallel_env', lambda: started.append('parallel'))
    cli.init_processes({'fleet': True})
    assert started == ['fleet' if uses_fleet else 'parallel']


def failing(error):
    def main(_):
        raise error
    return main


def test_the_error_of_another_process_stands_for_a_lost_connection(monkeypatch, capsys):
    monkeypatch.setattr('ppdet_ext.engine.process_errors.earlier_error',
                        lambda text: 'process 1: no space left')
    with pytest.raises(SystemExit) as stopped:
        cli.run_tool(failing(RuntimeError('connection closed')))
    assert stopped.value.code == 1
    assert capsys.readouterr().err == 'error: process 1: no space left\n'


@pytest.mark.parametrize('main, line', [
    (failing(RuntimeError('a bug\nwith details')),
     'error: RuntimeError: a bug, in tests/engine/test_cli.py:'),
    (failing(KeyError()), 'error: KeyError: raise error, in tests/engine/test_cli.py:'),
    (failing(ValueError('')), 'error: ValueError: raise error, in tests/engine/test_cli.py:'),
    (lambda _: create('nothing'), 'error: ValueError: The module nothing is not registered, in '
                                  'ppdet/core/workspace.py:'),
])
def test_an_unexpected_error_is_one_line_with_its_place(main, line, monkeypatch, capsys):
    monkeypatch.setattr(sys, 'argv', ['tool.py'])
    with pytest.raises(SystemExit) as stopped:
        cli.run_tool(main)
    printed = capsys.readouterr().err
    assert stopped.value.code == 1 and printed.startswith(line), printed
    assert printed.endswith('; --verbose shows the traceback\n') and printed.count('\n') == 1
    assert ('which was reached from tests/engine/test_cli.py:' in printed) == ('ppdet/' in line)


def test_an_unexpected_error_shows_its_traceback_on_demand(monkeypatch, capsys):
    monkeypatch.setattr(sys, 'argv', ['tool.py', '--verbose'])
    with pytest.raises(SystemExit):
        cli.run_tool(failing(RuntimeError('a bug')))
    assert capsys.readouterr().err.startswith('Traceback')


@pytest.mark.parametrize('encoding, warned', [('utf-8', False), ('ascii', True)])
def test_names_of_files_that_are_not_found_here(monkeypatch, capsys, encoding, warned):
    monkeypatch.setattr(sys, 'getfilesystemencoding', lambda: encoding)
    with pytest.raises(SystemExit) as stopped:
        command_line.run_tool(lambda argv: 0)
    assert stopped.value.code == 0
    assert ('set PYTHONUTF8=1' in capsys.readouterr().err) == warned
