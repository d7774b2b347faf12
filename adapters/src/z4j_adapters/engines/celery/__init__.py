"""Celery: publishes with Celery's own routes, serializer and protocol; watches its workers."""

from __future__ import annotations

from z4j_adapters.engines.celery.app import CeleryOptions
from z4j_adapters.engines.celery.engine import CeleryEngine

__all__ = ["CeleryEngine", "CeleryOptions"]
