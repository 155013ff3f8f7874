#!/bin/sh
# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
#
# Makes a virtual environment with this project in it:
#   tools/make_environment.sh FOLDER PYTHON CONSTRAINTS REQUIREMENT...
set -e
folder=$1 python=$2 constraints=$3
shift 3

stop() {
    echo "error: $1" >&2
    exit 1
}

install() {
    # A pip that is set to install for the user would not install into an environment.
    PIP_USER=0 "$folder/bin/python" -m pip install --no-input -c "$constraints" "$@" ||
        stop "pip could not install, its message is above. Is the network there? Then try again"
}

echo "== Installing into $folder with $python (up to 2.5 GB, takes minutes)"
# An environment that renews itself is not emptied first: a training may be running in it.
clear=--clear
[ "$python" != "$folder/bin/python" ] || clear=
"$python" -m venv $clear "$folder"
install "$@"
# The OpenCV without windows replaces the files of the other one, which needs libGL and glib:
# many a server has neither.
install --no-deps opencv-python-headless
"$folder/bin/python" -c 'import ppdet_ext' ||
    stop "what was installed does not run, see above. If libgomp.so.1 is missing: apt-get install libgomp1"
