# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Kinds of values on a command line, as argparse takes them."""
import argparse
import math

__all__ = ['boolean', 'fraction', 'positive']


def boolean(text):
    values = {'true': True, '1': True, 'false': False, '0': False}
    if text.lower() not in values:
        raise argparse.ArgumentTypeError(f'expected true or false, got "{text}"')
    return values[text.lower()]


def positive(text):
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f'expected a whole number of at least 1, got "{text}"')
    return int(text)


def fraction(text):
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 <= number <= 1:
        raise argparse.ArgumentTypeError(f'expected a number from 0 to 1, got "{text}"')
    return number
