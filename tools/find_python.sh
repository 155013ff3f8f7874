#!/bin/sh
# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
#
# Prints the interpreter to use: the one given, or the first that ppdet_ext supports of an earlier
# environment's and the usual names. Prints one line that starts with "error:" where there is none.
[ -n "$1" ] || set -- .venv/bin/python python3.11 python3.10 python3.9 python3 python

probe='import sys; print("%d.%d" % sys.version_info[:2]); import ensurepip, venv'
for python in "$@"; do
    # A name may be a launcher without an interpreter behind it: only running it tells.
    version=$("$python" -c "$probe" 2>/dev/null) && complete=1 || complete=
    case $version in
        3.9 | 3.10 | 3.11)
            if [ $complete ]; then
                command -v "$python"
                exit
            fi
            found="$found $python has no venv module (Debian: python3-venv);" ;;
        ?*) found="$found $python is Python $version;" ;;
        *) [ $# -gt 1 ] || found=" $python does not run;" ;;
    esac
done
echo "error:${found:- no Python found;} ppdet_ext needs Python 3.9, 3.10 or 3.11." \
    "Name one, as in: make PYTHON=python3.11 test"
