"""The dead-letter queues of RabbitMQ, looked at and put back: the letters are the user's."""

from __future__ import annotations

import base64
import binascii
import logging
import time
from collections import OrderedDict
from collections.abc import Sequence
from datetime import timezone
from typing import Any, NamedTuple

from dramatiq import Message
from pika.exceptions import ChannelClosedByBroker

from z4j_adapters.engines.dramatiq.app import Setup
from z4j_adapters.engines.dramatiq.ends import End, decode, end_of_dead_letter, end_of_result
from z4j_adapters.engines.dramatiq.results import StoredResults

__all__ = ["DeadLetters", "Heard", "ref_of"]

log = logging.getLogger("z4j_adapters.dramatiq")

BROWSE_ANYWAY_S = 30.0  # The count alone misses a letter that came as another went.
LETTERS_MAX = 5000
FOUND_MAX = 100_000
TEXT_WITHIN_S = 2.0  # Dramatiq stores a failure's result just behind its dead letter.
NOT_FOUND = 404


class Heard(NamedTuple):
    """The end of a fire that some adapter handed over."""

    fire_id: str
    ref: bytes
    end: End
    is_letter: bool
    """A dead letter, which every adapter can see; else a note, which only one gets."""


class _Letter(NamedTuple):
    message: Message[Any]
    at_ms: int


class _Browsed:
    """When a queue was last looked through, and how many letters it had; -1: look again."""

    def __init__(self) -> None:
        self.count, self.at_s, self.is_missing = -1, 0.0, False


class DeadLetters:
    """Blocks; belongs to one thread.  Reads the oldest 5000 of a queue."""

    def __init__(self, setup: Setup) -> None:
        self._results = None if setup.results is None else StoredResults(setup.results)
        self._browsed: dict[str, _Browsed] = {}
        self._found: OrderedDict[str, None] = OrderedDict()

    def browse(self, connection: Any, queue: str, *, exists: bool) -> list[Heard]:
        """Find letters of fires that were not found before.

        Args:
            exists: The queue was certainly declared; if not, it is seldom looked for.
        Raises:
            Exception: pika's, if RabbitMQ does not answer.
        """
        known = self._browsed.setdefault(queue, _Browsed())
        if known.is_missing and not exists and time.monotonic() - known.at_s < BROWSE_ANYWAY_S:
            return []
        letters = self._fetch(connection.channel(), f"{queue}.XQ", known)
        fresh = [letter for letter in letters if letter.message.message_id not in self._found]
        heard = self._judge(fresh)
        if len(heard) < len(fresh):
            known.count = -1  # A text may follow: look again.
        for each in heard:
            self._found[each.fire_id] = None
        while len(self._found) > FOUND_MAX:
            self._found.popitem(last=False)
        return heard

    def _fetch(self, channel: Any, name: str, known: _Browsed) -> list[_Letter]:
        letters: list[_Letter] = []
        known.is_missing = False
        try:
            count = channel.queue_declare(name, passive=True).method.message_count
            if count == known.count and time.monotonic() - known.at_s < BROWSE_ANYWAY_S:
                return []
            known.count, known.at_s = count, time.monotonic()
            for _ in range(min(count, LETTERS_MAX)):
                method, properties, body = channel.basic_get(name)
                if method is None:
                    break
                message = decode(body)
                if message is not None and "z4j_ref" in message.options:
                    letters.append(_Letter(message, _died_ms(properties)))
        except ChannelClosedByBroker as error:
            if error.reply_code != NOT_FOUND:
                raise
            known.is_missing, known.at_s = True, time.monotonic()
        finally:
            if channel.is_open:
                channel.close()  # Puts back what was looked at.
        return letters

    def _judge(self, letters: Sequence[_Letter]) -> list[Heard]:
        results = self._read_results(letters)
        heard: list[Heard] = []
        for message, at_ms in letters:
            if message.message_id in results:
                end = end_of_result(results[message.message_id], at_ms)
            elif self._results is None or time.time() - at_ms / 1000 > TEXT_WITHIN_S:
                end = end_of_dead_letter(message, at_ms)
            else:
                continue
            if (ref := ref_of(message)) is not None:
                heard.append(Heard(message.message_id, ref, end, is_letter=True))
        return heard

    def _read_results(self, letters: Sequence[_Letter]) -> dict[str, tuple[str, str] | None]:
        if self._results is None or not letters:
            return {}
        messages = [letter.message for letter in letters]
        try:
            return self._results.read(
                {m.message_id: f"{m.queue_name}\n{m.actor_name}" for m in messages}
            )
        except Exception as error:
            log.warning("result backend: %s: %s", type(error).__name__, error)
            return {}


def ref_of(message: Message[Any]) -> bytes | None:
    """Read the fire_ref that the message carries; None: it is not ours."""
    try:
        return base64.b64decode(message.options["z4j_ref"], validate=True)
    except (KeyError, TypeError, binascii.Error):
        return None


def _died_ms(properties: Any) -> int:
    """Read when RabbitMQ dead-lettered it, to the second; else: now."""
    try:
        at = properties.headers["x-death"][0]["time"]
        return int(at.replace(tzinfo=timezone.utc).timestamp() * 1000)
    except (AttributeError, IndexError, KeyError, TypeError):
        return int(time.time() * 1000)
