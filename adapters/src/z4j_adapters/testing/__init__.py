"""What any engine adapter must do, as tests to run against yours."""

from __future__ import annotations

from z4j_adapters.testing.conformance import AdapterContract
from z4j_adapters.testing.kit import ContractTasks, IdleQueue, Watcher, make_fire

__all__ = ["AdapterContract", "ContractTasks", "IdleQueue", "Watcher", "make_fire"]
