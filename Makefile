# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
#
#   make demo                           the whole chain on synthetic steel, about 11 minutes
#   make demo SOURCE=NEU-DET.tar.gz     the same on real NEU-DET, an archive or a folder
#   make test                           lint and tests
#   make install                        only the environment, which the other commands make as well
#   make test-paddle2.6.2               what depends on Paddle's version, on another Paddle;
#                                       so do 3.0.0, 3.1.1 and 3.2.2
#   make test-paddle3.2.2 TESTS=tests/compat    some tests of it
#   make test-notebooks                 all notebooks, on a machine that is like AI Studio's
#   make PYTHON=python3.10 test         with an interpreter of your choice
#
# Everything is installed into .venv (.venv-paddle2.6.2 ...) and nowhere else.

python := $(shell sh tools/find_python.sh "$(PYTHON)")
ifneq ($(findstring error:,$(python)),)
$(error $(python))
endif
version := $(shell "$(python)" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
constraints := constraints/python$(version).txt

# One thread each: two tests side by side are faster than one with two threads.
pytest := OMP_NUM_THREADS=1 .venv/bin/python -m pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

# The other versions of Paddle that are tested; .venv has the main one.
other_paddles := 2.6.2 3.0.0 3.1.1 3.2.2
TESTS := tests/compat tests/modeling tests/ppdet_fixes tests/safe_io tests/slim

.PHONY: demo install test lint test-notebooks $(other_paddles:%=test-paddle%)

# This file in an environment says that it is complete, and for which Python.
installed := installed-python$(version)

install: .venv/$(installed)

demo: .venv/$(installed)
	.venv/bin/python demo/run_demo.py $(if $(SOURCE),--source "$(SOURCE)")

test: lint
	@echo "== Tests"
	$(pytest) -q

lint: .venv/$(installed)
	@echo "== Lint"
	.venv/bin/python -m ruff check .

test-notebooks: .venv/$(installed)
	@echo "== All notebooks"
	PPDET_EXT_NOTEBOOKS=all .venv/bin/python -m pytest -q tests/notebooks

$(other_paddles:%=test-paddle%): test-paddle%: .venv-paddle%/$(installed)
	@echo "== Tests on Paddle $*"
	$(subst .venv,.venv-paddle$*,$(pytest)) -q $(TESTS)

.venv/$(installed): requirements := -e ".[cpu,backbones,export,notebooks,test]"
.venv-paddle%/$(installed): requirements = -e ".[backbones,test]" \
    paddlepaddle==$(patsubst .venv-paddle%/$(installed),%,$@) numba

%/$(installed): setup.py $(constraints)
	@sh tools/make_environment.sh $* "$(python)" $(constraints) $(requirements)
	@touch $@
