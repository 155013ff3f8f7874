# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
import pytest

from ppdet_ext.engine import cli


def parse(*options):
    return cli.ArgumentParser().parse_args(['-c', 'x.yml', '-o', *options]).opt


def test_options_are_yaml_under_dotted_keys():
    assert parse('epoch=3', 'a.b=[1, x]', 'path=c=d', 'none=null') == {
        'epoch': 3, 'a': {'b': [1, 'x']}, 'path': 'c=d', 'none': None}


def test_options_of_one_nested_section_are_all_kept():
    assert parse('Head.nms.keep=1', 'Head.nms.top=2', 'Head.loss=3') == {
        'Head': {'nms': {'keep': 1, 'top': 2}, 'loss': 3}}


@pytest.mark.parametrize('option, message', [
    ('epoch', 'takes key=value pairs, got "epoch"'),
    ('epoch=[1', '-o epoch=[1: the value is no valid YAML'),
])
def test_a_wrong_option_exits_with_2(option, message, capsys):
    with pytest.raises(SystemExit) as stopped:
        parse(option)
    assert stopped.value.code == 2 and message in capsys.readouterr().err


@pytest.mark.parametrize('processes, uses_fleet', [('1', False), ('2', True)])
def test_fleet_is_for_several_processes(monkeypatch, processes, uses_fleet):
    started = []
    monkeypatch.setenv('PADDLE_TRAINERS_NUM', processes)
    monkeypatch.setattr(cli, 'init_fleet_env', lambda unused: started.append('fleet'))
    monkeypatch.setattr(cli, 'init_parallel_env', lambda: started.append('parallel'))
    cfg = {'fleet': True}
    cli.init_processes(cfg)
    assert cfg['fleet'] == uses_fleet
    assert started == ['fleet' if uses_fleet else 'parallel']


def failing(error):
    def main(_):
        raise error
    return main


def test_the_error_of_another_process_stands_for_a_lost_connection(monkeypatch, capsys):
    monkeypatch.setattr(cli, 'earlier_error', lambda text: 'process 1: no space left')
    with pytest.raises(SystemExit) as stopped:
        cli.run_tool(failing(RuntimeError('connection closed')))
    assert stopped.value.code == 1
    assert capsys.readouterr().err == 'error: process 1: no space left\n'


def test_an_unexpected_error_of_one_process_keeps_its_traceback():
    with pytest.raises(RuntimeError, match='a bug'):
        cli.run_tool(failing(RuntimeError('a bug')))
