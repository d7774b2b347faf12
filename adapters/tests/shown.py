"""Which engine, library and broker a test ran on, and what it showed: left in the test report.

`@pytest.mark.engine(name, broker)` says on what a test runs, `@pytest.mark.shows(feature, …)` what
of it works if the test passes.  Tests of the contract show it by being there.  tools/matrix.py
makes the table of docs/engines.md of the reports.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import version

import pytest
from z4j_adapters import Capabilities, Delivery, EngineAdapter
from z4j_adapters.testing import AdapterContract

CONTRACT = "contract"
FEATURES = ("look-up", "cancel", "stop", "priority", "expiry", "broker restarted", "worker killed")

IN_CONTRACT = {
    "fires_handed_over_twice": "once",
    "look_up": "look-up",
    "a_queue_shows": "queues",
    "a_worker_is_seen": "workers",
    "a_purge_removes": "purge",
    "its_queue_is_purged": "purge",
}
"""What tests of the contract show of an adapter that says so, by a part of their names."""


def said(capabilities: Capabilities) -> list[str]:
    """What an adapter says that it can do."""
    words = {
        "once": capabilities.delivery is Delivery.EFFECTIVELY_ONCE,
        "look-up": capabilities.lookup,
        "cancel": capabilities.cancel,
        "stop": capabilities.terminate,
        "priority": capabilities.priority,
        "expiry": capabilities.expires,
        "queues": capabilities.list_queues,
        "workers": capabilities.list_workers,
        "purge": capabilities.purge,
    }
    return [word for word, true in words.items() if true]


@pytest.hookimpl(tryfirst=True)  # Before `-m` chooses.
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks the tests of the contract, and refuses features that the table does not have."""
    for item in items:
        if not item.get_closest_marker("engine"):
            continue
        kind = getattr(item, "cls", None) or object
        if issubclass(kind, AdapterContract) and hasattr(AdapterContract, item.originalname):
            item.add_marker(pytest.mark.shows(CONTRACT))
        unknown = set(_features(item)) - {CONTRACT, *FEATURES}
        if unknown:
            raise pytest.UsageError(f"{item.nodeid} shows {unknown}, which is none of {FEATURES}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Notes them before the test closes its adapter."""
    engine = item.get_closest_marker("engine")
    if engine and (features := _features(item)):
        name, broker = engine.args
        note = item.user_properties.append
        note(("engine", name))
        note(("broker", broker))
        note(("version", version(name)))
        fixtures = getattr(item, "funcargs", {})
        adapter = fixtures.get("adapter") or getattr(fixtures.get("idle"), "adapter", None)
        if CONTRACT in features and isinstance(adapter, EngineAdapter):
            says = said(adapter.capabilities())
            note(("says", ", ".join(says)))
            features += [f for part, f in IN_CONTRACT.items() if part in item.name and f in says]
        note(("shows", ", ".join(features)))
    return (yield)


def _features(item: pytest.Item) -> list[str]:
    return [feature for mark in item.iter_markers("shows") for feature in mark.args]
