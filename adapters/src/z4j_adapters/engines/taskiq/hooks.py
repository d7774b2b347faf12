"""Middlewares of the user's broker that have something to do when a task is sent."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from taskiq.abc.middleware import TaskiqMiddleware
from taskiq.message import TaskiqMessage
from taskiq.utils import maybe_awaitable

from z4j_adapters.engines.taskiq.loop import LoopThread

__all__ = ["Hooks"]

log = logging.getLogger("z4j_adapters.taskiq")

HOOK_TIMEOUT_S = 5.0


class Hooks:
    """Calls them as TaskIQ's kicker does.  Blocks; belongs to one thread."""

    def __init__(self, broker: Any) -> None:
        middlewares = broker.middlewares
        self._pre = [m for m in middlewares if _does(m, "pre_send")]
        self._post = [m for m in reversed(middlewares) if _does(m, "post_send")]
        self._startup = [m for m in middlewares if m in self._pre + self._post]
        self._loop = LoopThread("taskiq-hooks")
        self._started = False

    @property
    def watch_sending(self) -> bool:
        """Whether there are any: every fire's message must then be made on its own."""
        return bool(self._pre or self._post)

    def pre_send(self, message: TaskiqMessage) -> TaskiqMessage:
        """Let the middlewares change the message; raises whatever one raises."""
        return self._loop.run(self._pre_send(message), HOOK_TIMEOUT_S)

    def post_send(self, messages: Sequence[TaskiqMessage]) -> None:
        """Tell the middlewares that they were sent; what one raises is logged."""
        if not messages:
            return
        try:
            self._loop.run(self._post_send(messages), HOOK_TIMEOUT_S)
        except Exception as error:
            log.warning("post_send of %d: %s: %s", len(messages), type(error).__name__, error)

    def close(self) -> None:
        """Shut the middlewares down.  Idempotent."""
        if self._started:
            self._started = False
            try:
                self._loop.run(self._shut_down(), HOOK_TIMEOUT_S)
            except Exception as error:
                log.warning("shutdown of middlewares: %s: %s", type(error).__name__, error)
        self._loop.stop()

    async def _pre_send(self, message: TaskiqMessage) -> TaskiqMessage:
        if not self._started:
            self._started = True
            for middleware in self._startup:
                await maybe_awaitable(middleware.startup())
        for middleware in self._pre:
            message = await maybe_awaitable(middleware.pre_send(message))
        return message

    async def _post_send(self, messages: Sequence[TaskiqMessage]) -> None:
        for message in messages:
            for middleware in self._post:
                await maybe_awaitable(middleware.post_send(message))

    async def _shut_down(self) -> None:
        for middleware in self._startup:
            await maybe_awaitable(middleware.shutdown())


def _does(middleware: TaskiqMiddleware, hook: str) -> bool:
    return getattr(type(middleware), hook) is not getattr(TaskiqMiddleware, hook)
