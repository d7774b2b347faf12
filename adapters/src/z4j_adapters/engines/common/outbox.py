"""The publishing thread's work: envelopes, the publisher, and a broker that comes and goes."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Any

from z4j_adapters._errors import EngineUnavailable, TaskRejected
from z4j_adapters._models import Fire, Result, ResultCode
from z4j_adapters.engines.common.publisher import Parcel, Publisher
from z4j_adapters.engines.common.templates import EnvelopeCache

__all__ = ["Outbox"]

log = logging.getLogger("z4j_adapters.broker")

RETRY_MIN_S, RETRY_MAX_S = 0.02, 2.0
PING_EVERY_S = 1.0


class Outbox:
    """Blocks; `publish`, `ping` and `close` belong to one thread, the rest to any."""

    def __init__(self, publisher: Publisher, envelopes: EnvelopeCache[Any], broker: str) -> None:
        self._publisher = publisher
        self._envelopes = envelopes
        self._broker = broker
        self._down: tuple[datetime, str] | None = None
        self._next_try = 0.0
        self._pause_s = RETRY_MIN_S

    @property
    def is_down(self) -> bool:
        """Whether the broker did not answer last time."""
        return self._down is not None

    @property
    def ping_after_s(self) -> float:
        """When to call `ping` again."""
        return self._pause_s if self.is_down else PING_EVERY_S

    def health(self) -> str:
        """Say what is wrong with the broker and since when; empty: nothing."""
        if (down := self._down) is None:
            return ""
        since = down[0].strftime("%Y-%m-%d %H:%M:%S UTC")
        return f"broker {self._broker} is unreachable since {since}: {down[1]}"

    def publish(self, fires: Sequence[Fire]) -> list[Result]:
        """Publish; a result for every fire."""
        if self._down is not None and time.monotonic() < self._next_try:
            return self._unavailable(fires)
        results: list[Result] = []
        parcels: list[Parcel] = []
        for fire in fires:
            try:
                parcels.append(Parcel(fire, self._envelopes.get(fire.template)))
            except TaskRejected as refusal:
                results.append(Result(fire.id, fire.ref, ResultCode.REJECTED, str(refusal)))
        try:
            results += self._publisher.publish(parcels)
            self._is_up()
        except EngineUnavailable as error:
            self._is_down(str(error))
            results += self._unavailable([parcel.fire for parcel in parcels])
        return results

    def ping(self) -> None:
        """Notice a broker that went while idle, or that is back."""
        try:
            self._publisher.ping()
            self._is_up()
        except EngineUnavailable as error:
            self._is_down(str(error))

    def close(self) -> None:
        """Close connections."""
        self._publisher.close()

    def _unavailable(self, fires: Sequence[Fire]) -> list[Result]:
        message = self.health()
        return [Result(fire.id, fire.ref, ResultCode.UNAVAILABLE, message) for fire in fires]

    def _is_up(self) -> None:
        if self._down is not None:
            log.info("broker %s is back", self._broker)
        self._down, self._pause_s = None, RETRY_MIN_S

    def _is_down(self, error: str) -> None:
        if self._down is None:
            log.warning("broker %s: %s", self._broker, error)
        since = self._down[0] if self._down else datetime.now(timezone.utc)
        self._down = (since, error)
        self._next_try = time.monotonic() + self._pause_s * random.uniform(0.5, 1.0)
        self._pause_s = min(self._pause_s * 2, RETRY_MAX_S)
