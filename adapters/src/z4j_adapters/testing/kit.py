"""What tests of an engine need: fires, an engine's tasks, and a watcher of its outcomes."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from z4j_adapters._adapter import EngineAdapter
from z4j_adapters._models import Fire, Outcome, Result, ResultCode, TaskTemplate
from z4j_adapters._tasks import end_tasks

__all__ = ["ContractTasks", "IdleQueue", "Watcher", "codes", "make_fire"]

_SPACE = uuid.UUID("6f1a2c1e-0f6e-5a51-8f0a-2b0f3f1d7c11")
_run = uuid.uuid4().hex
_count = 0
_templates: dict[tuple[Any, ...], TaskTemplate] = {}


def make_fire(
    task: str,
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
    *,
    due_us: int | None = None,
    **template: Any,
) -> Fire:
    """Make a fire with an id of its own, due now; more keywords go to the template."""
    global _count
    _count += 1
    options = template.pop("engine_options", {})
    fields = (task, json.dumps(list(args)), json.dumps(dict(kwargs or {})))
    key = (*fields, *sorted(template.items()), json.dumps(options, sort_keys=True))
    if key not in _templates:
        _templates[key] = TaskTemplate(
            len(_templates) + 1,
            "projects/default/schedules/contract",
            *fields,
            engine_options={name: json.dumps(value) for name, value in options.items()},
            **template,
        )
    fire_id = str(uuid.uuid5(_SPACE, f"{_run}/{_count}"))
    due_us = int(time.time() * 1e6) if due_us is None else due_us
    return Fire(fire_id, b"ref-%d" % _count, _templates[key], due_us)


class ContractTasks:
    """Tasks that the engine's workers must know, and how to read what they were called with."""

    echo = "contract.echo"
    """Takes anything, records (task id, args, kwargs), returns."""
    fail = "contract.fail"
    """Raises ValueError("as it should")."""
    unknown = "contract.nobody_knows_this"
    """Known to no worker."""

    hold = "contract.hold"
    """Takes a path, records as `echo` does, and returns once there is a file of that name."""

    async def runs(self) -> list[tuple[str, list[Any], dict[str, Any]]]:
        """Return (task id, args, kwargs) of every run of `echo`, and start of `hold`, so far."""
        raise NotImplementedError


class Watcher:
    """Collects an adapter's outcomes and lets a test await them."""

    def __init__(self, adapter: EngineAdapter) -> None:
        self.outcomes: list[Outcome] = []
        self._changed = asyncio.Condition()
        self._task = asyncio.create_task(self._collect(adapter))

    async def _collect(self, adapter: EngineAdapter) -> None:
        async for batch in adapter.observe():
            async with self._changed:
                self.outcomes += batch
                self._changed.notify_all()

    async def finals(self, fires: Sequence[Fire], timeout_s: float = 30.0) -> dict[str, Outcome]:
        """Await the end of every fire; AssertionError names how many are missing."""
        wanted = {fire.id for fire in fires}

        def found() -> dict[str, Outcome]:
            return {o.fire_id: o for o in self.outcomes if o.state.is_final and o.fire_id in wanted}

        async with self._changed:
            try:
                await asyncio.wait_for(
                    self._changed.wait_for(lambda: len(found()) == len(wanted)), timeout_s
                )
            except asyncio.TimeoutError:
                missing = len(wanted) - len(found())
                raise AssertionError(f"{missing} of {len(wanted)} fires did not end") from None
        return found()

    async def close(self) -> None:
        """Stop collecting."""
        await end_tasks([self._task])


class IdleQueue(NamedTuple):
    """A queue that no worker takes from."""

    adapter: EngineAdapter
    """Whose it is; another than the contract's if that has one queue only."""
    watcher: Watcher
    """Of that adapter."""
    name: str
    queue: str
    """As templates say it: the name, or empty if the engine wants none."""


def codes(results: Sequence[Result]) -> Counter[ResultCode]:
    """Count results by what they say."""
    return Counter(result.code for result in results)
