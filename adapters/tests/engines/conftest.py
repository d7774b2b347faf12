"""Tests of engines other than Celery.

arq's library wants an older redis than the others', and has an environment of its own: here only
those tests are collected whose engine is installed.
"""

from __future__ import annotations

from importlib.util import find_spec

ENGINES = ("arq", "dramatiq", "huey", "rq", "taskiq")
collect_ignore_glob = [f"test_{name}*" for name in ENGINES if find_spec(name) is None]
