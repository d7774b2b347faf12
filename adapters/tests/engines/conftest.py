"""Tests of engines whose libraries live in an environment of their own, build/venv-engines."""

from __future__ import annotations

import pytest

pytest.importorskip("rq", reason="needs the engines' own environment: ./dev setup makes it")
