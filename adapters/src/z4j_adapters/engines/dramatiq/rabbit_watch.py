"""What RabbitMQ tells of ends: notes of success, and dead letters."""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Set
from typing import Any

import pika

from z4j_adapters._errors import EngineUnavailable
from z4j_adapters._models import OutcomeState
from z4j_adapters.engines.dramatiq.app import Setup
from z4j_adapters.engines.dramatiq.ends import End, decode
from z4j_adapters.engines.dramatiq.envelope import NOTE_ACTOR, NOTE_QUEUE
from z4j_adapters.engines.dramatiq.rabbit_letters import DeadLetters, Heard, ref_of
from z4j_adapters.engines.dramatiq.rabbit_publish import connection_failures

__all__ = ["RabbitWatch"]

NOTES_AT_ONCE = 500
# A note is RabbitMQ's until the scheduler most likely has it: an adapter that is killed leaves the
# last ones to its successor, and telling an end twice is harmless.
CONFIRM_AFTER_S = 2.0
UNCONFIRMED_MAX = 20_000
WAIT_S = 0.2
BROWSE_EVERY_S = 0.5


class RabbitWatch:
    """Blocks; belongs to one thread.

    Notes are consumed: one adapter gets each, with the fire_ref that the message carried.
    """

    def __init__(self, setup: Setup) -> None:
        self._broker = setup.broker
        self._letters = DeadLetters(setup)
        self._connection: Any = None
        self._channel: Any = None
        self._unconfirmed: deque[tuple[float, int]] = deque()
        self._next_browse_s = 0.0

    def listen(self, published: Set[str], others: Set[str], *, may_confirm: bool) -> list[Heard]:
        """Wait a little for ends of fires.

        Args:
            may_confirm: What was returned so far has been passed on.
            published: Queues that were published to.
            others: More queues that may have dead letters.
        Raises:
            EngineUnavailable: RabbitMQ does not answer.
        """
        heard: list[Heard] = []
        try:
            self._connect()
            if may_confirm:
                self._confirm(time.monotonic() - CONFIRM_AFTER_S)
            self._read_notes(heard)
            if time.monotonic() >= self._next_browse_s:
                for queue in sorted(published | others):
                    exists = queue in published
                    heard += self._letters.browse(self._connection, queue, exists=exists)
                self._next_browse_s = time.monotonic() + BROWSE_EVERY_S
            return heard
        except connection_failures() as error:
            self.close()
            if heard:
                return heard  # A letter is found once; the next call meets the error, too.
            raise EngineUnavailable(str(error) or type(error).__name__) from error

    def _confirm(self, until_s: float) -> None:
        last_tag = 0
        while self._unconfirmed and self._unconfirmed[0][0] <= until_s:
            last_tag = self._unconfirmed.popleft()[1]
        if last_tag:
            self._channel.basic_ack(last_tag, multiple=True)

    def leave(self) -> None:
        """Confirm all that was returned, and close."""
        with contextlib.suppress(*connection_failures()):
            self._confirm(time.monotonic())
        self.close()

    def close(self) -> None:
        """Close the connection; what was not confirmed is told again.  Idempotent."""
        connection, self._connection = self._connection, None
        self._channel = None
        self._unconfirmed.clear()
        if connection is not None:
            with contextlib.suppress(Exception):
                connection.close()

    def _connect(self) -> None:
        if self._connection is not None:
            return
        # The library declares the queue, so that it is as workers declare it.
        self._broker.queues_pending.add(NOTE_QUEUE)
        self._broker.declare_queue(NOTE_QUEUE, ensure=True)
        del self._broker.connection  # This thread's.
        self._connection = pika.BlockingConnection(self._broker.parameters)
        self._channel = self._connection.channel()
        self._channel.basic_qos(prefetch_count=UNCONFIRMED_MAX)

    def _read_notes(self, heard: list[Heard]) -> None:
        notes = self._channel.consume(f"{NOTE_QUEUE}.XQ", inactivity_timeout=WAIT_S)
        for method, _, body in notes:
            if method is None:
                break
            self._unconfirmed.append((time.monotonic(), method.delivery_tag))
            note = decode(body)
            if note is None or note.actor_name != NOTE_ACTOR or (ref := ref_of(note)) is None:
                continue
            end = End(OutcomeState.SUCCEEDED, note.message_timestamp)
            heard.append(Heard(note.message_id, ref, end, is_letter=False))
            if len(heard) >= NOTES_AT_ONCE or self._channel.get_waiting_message_count() == 0:
                break
