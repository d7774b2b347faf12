"""An engine in memory: for trying things out, tests and measuring the scheduler itself."""

from __future__ import annotations

from z4j_adapters.engines.stub._engine import StubEngine, StubOptions

__all__ = ["StubEngine", "StubOptions"]
