"""Remote control of workers.  All methods block for a second: replies have no end mark."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from z4j_adapters._errors import ControlFailed
from z4j_adapters.engines.celery.app import connect_options

__all__ = ["Control"]

REPLY_TIMEOUT_S = 1.0


class Control:
    """Asks all workers at once.  One thread only."""

    def __init__(self, app: Any) -> None:
        self._app = app

    def enable_events(self) -> list[str]:
        """Turn task events on; returns the workers that say they send them.

        Raises:
            ControlFailed: The broker does not answer.
        """
        replies = self._broadcast("enable_events")
        return [name for name, reply in replies.items() if "ok" in reply]

    def revoke(self, fire_id: str, terminate: bool) -> None:
        """Make workers drop the task when they get it; with `terminate` kill it if it runs.

        Raises:
            ControlFailed: No worker answered.
        """
        arguments = {"task_id": fire_id, "terminate": terminate, "signal": "SIGTERM"}
        if not self._broadcast("revoke", arguments):
            raise ControlFailed(
                "no worker answered, so nobody knows of the revocation: a worker started later "
                "will run the task"
            )

    def registered(self) -> list[str]:
        """Name the tasks that workers know, sorted, without Celery's own.

        Raises:
            ControlFailed: No worker answered.
        """
        replies = self._broadcast("registered")
        if not replies:
            raise ControlFailed("no worker answered within a second")
        names = {
            task.partition(" [")[0]  # Rate limits follow in brackets.
            for reply in replies.values()
            if isinstance(reply, list)
            for task in reply
        }
        return sorted(name for name in names if not name.startswith("celery."))

    def ask(self, command: str) -> dict[str, Any]:
        """Send a command that only reads; returns the replies by worker.

        Raises:
            ControlFailed: The broker does not answer.
        """
        return self._broadcast(command)

    def _broadcast(
        self, command: str, arguments: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        try:
            with self._app.connection_for_write(
                transport_options=connect_options(self._app)
            ) as connection:
                connection.connect()
                replies = self._app.control.broadcast(
                    command,
                    arguments=dict(arguments or {}),
                    connection=connection,
                    reply=True,
                    timeout=REPLY_TIMEOUT_S,
                )
        except Exception as error:
            raise ControlFailed(f"{type(error).__name__}: {error}") from error
        return {name: reply for answer in replies or [] for name, reply in answer.items()}
