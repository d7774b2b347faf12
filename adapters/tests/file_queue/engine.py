"""A queue that is a folder: a file a task, and a file for what became of it.

FOLDER/tasks/ID.json     what is to be run: written once, never changed
FOLDER/running/ID        a worker has it
FOLDER/done/ID.json      how it ended: {"error": "" or a message}
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from z4j_adapters import (
    Capabilities,
    ControlFailed,
    Delivery,
    EngineUnavailable,
    OutcomeState,
    QueueState,
    Result,
    ResultCode,
    TaskTemplate,
)
from z4j_adapters.engines.common.inspector import Inspector
from z4j_adapters.engines.common.options import read_options
from z4j_adapters.engines.common.polled import Book, PolledEngine
from z4j_adapters.engines.common.publisher import Parcel, Publisher
from z4j_adapters.engines.common.templates import EnvelopeCache, call_of
from z4j_adapters.engines.common.tracker import Sighting

__all__ = ["FileQueueEngine"]

FOLDERS = ("tasks", "running", "done")


@dataclass(frozen=True, slots=True)
class Envelope:
    """One template's task, complete but for the id, which is the file's name."""

    text: bytes
    route: str = ""
    """All fires are found in one folder."""

    @property
    def size_bytes(self) -> int:
        """Memory it takes, roughly."""
        return 200 + len(self.text)


def build(template: TaskTemplate) -> Envelope:
    """Make the envelope, or raise TaskRejected with what the user should change."""
    args, kwargs = call_of(template)
    read_options("file_queue", (), template.engine_options)
    return Envelope(json.dumps({"task": template.task, "args": args, "kwargs": kwargs}).encode())


class FilePublisher(Publisher):
    """Hands a fire over by one atomic step: a link that fails if the name is there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def publish(self, parcels: Sequence[Parcel]) -> list[Result]:
        """See Publisher."""
        try:
            return [self._publish(parcel) for parcel in parcels]
        except OSError as error:
            raise EngineUnavailable(str(error)) from error

    def _publish(self, parcel: Parcel) -> Result:
        fire, envelope = parcel
        task = self._folder / "tasks" / f"{fire.id}.json"
        draft = task.with_suffix(f".{os.getpid()}")
        draft.write_bytes(envelope.text)
        try:
            os.link(draft, task)
            code = ResultCode.ACCEPTED
        except FileExistsError:
            code = ResultCode.DUPLICATE
        finally:
            draft.unlink()
        return Result(fire.id, fire.ref, code)

    def ping(self) -> None:
        """See Publisher."""
        try:
            for name in FOLDERS:
                (self._folder / name).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise EngineUnavailable(str(error)) from error

    def refs(self, fire_ids: Sequence[str]) -> dict[str, bytes]:
        """See Publisher; who asks brings them along."""
        return {}

    def close(self) -> None:
        """See Publisher."""


class FileBook(Book):
    """Looks whether a fire is running or done."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder

    def read(self, routes: Mapping[str, str]) -> list[Sighting]:
        """See Book."""
        seen = []
        for fire_id in routes:
            if not (self._folder / "tasks" / f"{fire_id}.json").exists():
                self.forget(fire_id)  # Handing it over failed, or somebody tidied up.
                continue
            # In the order in which a worker writes them, so that no run is seen to begin twice.
            for folder in ("running", "done"):
                suffix = ".json" if folder == "done" else ""
                with contextlib.suppress(FileNotFoundError):
                    path = self._folder / folder / (fire_id + suffix)
                    seen.append(_sighting(fire_id, path.read_bytes(), path.stat().st_mtime))
        return seen

    def routes(self, fire_ids: Sequence[str]) -> dict[str, str]:
        """See Book."""
        tasks = self._folder / "tasks"
        return {fire_id: "" for fire_id in fire_ids if (tasks / f"{fire_id}.json").exists()}

    def close(self) -> None:
        """See Book."""


class FileInspector(Inspector):
    """Counts files.  A worker may read a file at any time, so none can be taken back: no purge."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def queues(self) -> list[QueueState]:
        """See Inspector; a task that is begun meanwhile counts as begun."""
        try:
            tasks, running, done = (
                {entry.name.partition(".")[0] for entry in os.scandir(self._folder / name)}
                for name in FOLDERS
            )
        except OSError as error:
            raise EngineUnavailable(str(error)) from error
        return [QueueState("tasks", len(tasks - running - done), len(running - done))]


def _sighting(fire_id: str, text: bytes, at_s: float) -> Sighting:
    if not text:
        return Sighting(fire_id, OutcomeState.RUNNING, at_s)
    error = str(json.loads(text)["error"])
    state = OutcomeState.FAILED if error else OutcomeState.SUCCEEDED
    return Sighting(fire_id, state, at_s, error)


class FileQueueEngine(PolledEngine):
    """See EngineAdapter."""

    name = "file_queue"

    def __init__(self, folder: Path) -> None:
        super().__init__(
            FilePublisher(folder),
            FileBook(folder),
            EnvelopeCache(build),
            str(folder),
            FileInspector(folder),
        )

    @property
    def engine_version(self) -> str:
        return "1"

    async def cancel(self, fire_id: str, *, terminate: bool) -> None:
        raise ControlFailed("a file queue cannot be asked to forget a task")

    async def list_tasks(self) -> list[str]:
        raise ControlFailed("a file queue does not know what its workers can run")

    def capabilities(self) -> Capabilities:
        return Capabilities(
            delivery=Delivery.EFFECTIVELY_ONCE, outcomes=True, lookup=True, list_queues=True
        )
