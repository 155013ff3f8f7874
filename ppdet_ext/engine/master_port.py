# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""The port at which several processes meet."""
import errno
import os
import socket

__all__ = ['check_master_port']


def check_master_port():
    """Makes sure, in the first of several processes, that their port is free.

    If it is not, Paddle aborts without mentioning the port.

    Raises:
        ConnectionError: another program listens there.
    """
    endpoint = (os.environ.get('PADDLE_MASTER')
                or os.environ.get('PADDLE_TRAINER_ENDPOINTS', '').split(',')[0])
    first = os.environ.get('PADDLE_TRAINER_ID', '0') == '0'
    if not first or int(os.environ.get('PADDLE_TRAINERS_NUM', '1')) < 2 or ':' not in endpoint:
        return
    port = int(endpoint.rsplit(':', 1)[1])
    with socket.socket() as probe:
        # Paddle can use a port that another program has just released.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(('', port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise ConnectionError(
                    f'port {port} of this computer, at which the processes meet, is in use by '
                    f'another program, maybe another training; give the launcher a free one: '
                    f'--start_port=N with --ips, else --master=ADDRESS:N') from error
