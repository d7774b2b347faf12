"""A sample job, as any RQ project has them; nothing here knows the scheduler."""

from __future__ import annotations


def greet(name: str) -> None:
    """Says hello."""
    print(f"hello, {name}", flush=True)
