"""How runs ended, as told by notes of success and by dead letters."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from dramatiq import DecodeError, Message

from z4j_adapters._models import OutcomeState
from z4j_adapters.engines.common.tracker import Sighting

__all__ = ["End", "decode", "end_of_dead_letter", "end_of_result"]

ERROR_CHARACTERS_MAX = 2000
AGE_LIMIT_MESSAGE = "Message age limit exceeded"  # Dramatiq's words for what expired.


class End(NamedTuple):
    """What is kept of a fire that has ended."""

    state: OutcomeState
    at_ms: int
    error: str = ""
    expiry_ms: int = 0
    """Dead-lettered after this instant, without a sign whether it had begun; 0: no question."""

    def dump(self) -> str:
        """Write it down."""
        return json.dumps([self.state.value, *self[1:]])

    @staticmethod
    def load(text: bytes) -> End:
        """Read what `dump` wrote."""
        state, *rest = json.loads(text)
        return End(OutcomeState(state), *rest)

    def expired(self) -> End:
        """The same, known not to have begun."""
        return End(OutcomeState.EXPIRED, self.at_ms)

    def sightings(self, fire_id: str) -> list[Sighting]:
        """Say it, after the start that may have gone unnoticed."""
        end = Sighting(fire_id, self.state, self.at_ms / 1000, self.error)
        if self.state is not OutcomeState.SUCCEEDED:
            return [end]
        return [Sighting(fire_id, OutcomeState.RUNNING, end.at_s), end]


def decode(data: bytes | None) -> Message[Any] | None:
    """Read a message with the encoder that holds; None: there is none, or it is no message."""
    try:
        return None if data is None else Message.decode(data)
    except DecodeError:
        return None


def end_of_dead_letter(message: Message[Any] | None, at_ms: int) -> End:
    """Say what a dead letter means.

    It is as it was enqueued: a first attempt says nothing of its error, a retry has the traceback
    of the attempt before it.  Dramatiq's age limit dead-letters what is too old when its turn
    comes, and only then.
    """
    if message is None:
        return End(OutcomeState.FAILED, at_ms, "its dead letter cannot be read: another encoder?")
    options = message.options
    if options.get("retries") or options.get("traceback"):
        count = options.get("retries", 0)
        error = _last_words(str(options.get("traceback") or ""))
        return End(
            OutcomeState.FAILED,
            at_ms,
            f"{error} (attempt {count}; the last of {count + 1} "
            "failed, too, and Dramatiq keeps its text only with the Results middleware)",
        )
    expiry_ms = 0
    if max_age := options.get("max_age"):
        expiry_ms = int(message.message_timestamp + max_age)
    if expiry_ms and options.get("z4j_sent_ms", 0) >= expiry_ms:
        return End(OutcomeState.EXPIRED, at_ms)
    error = (
        f"actor {message.actor_name!r} failed in its first attempt, or no worker of queue "
        f"{message.queue_name!r} knows it; Dramatiq keeps the error's text only with the Results "
        "middleware and store_results"
    )
    if not 0 < expiry_ms <= at_ms:
        return End(OutcomeState.FAILED, at_ms, error)
    return End(OutcomeState.FAILED, at_ms, f"{error}; or it expired in its worker", expiry_ms)


def end_of_result(stored: tuple[str, str] | None, at_ms: int) -> End:
    """Say what a stored result means: None, or the error's type and message."""
    if stored is None:
        return End(OutcomeState.SUCCEEDED, at_ms)
    if stored == ("SkipMessage", AGE_LIMIT_MESSAGE):
        return End(OutcomeState.EXPIRED, at_ms)
    return End(OutcomeState.FAILED, at_ms, ": ".join(stored)[:ERROR_CHARACTERS_MAX])


def _last_words(traceback: str) -> str:
    """Take the exception's type and message from a traceback: what follows the last frame."""
    lines = traceback.rstrip().splitlines()
    start = max((n + 1 for n, line in enumerate(lines) if line.startswith('  File "')), default=0)
    while start < len(lines) - 1 and lines[start].startswith("    "):
        start += 1  # The frame's source, and marks below it.
    return "\n".join(lines[start:])[:ERROR_CHARACTERS_MAX]
