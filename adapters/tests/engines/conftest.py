"""Tests of engines whose libraries live in an environment of their own, build/venv-engines."""

from __future__ import annotations

from importlib.util import find_spec

collect_ignore_glob = [] if find_spec("rq") else ["test_*"]
