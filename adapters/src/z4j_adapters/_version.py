"""Version of this package; the same as in pyproject.toml, which a test checks."""

from __future__ import annotations

__all__ = ["__version__"]

__version__ = "0.1.0"
