"""Outcomes stay until the scheduler has them, in order, within a bound."""

from __future__ import annotations

import asyncio
from datetime import datetime, timezone

import pytest
from z4j_adapters import Outcome, OutcomeState
from z4j_adapters._outcomes import MESSAGES_UNACKED_MAX, OUTCOMES_PER_MESSAGE_MAX, OutcomeBuffer

NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)


def some(count: int, start: int = 0) -> list[Outcome]:
    """Distinct outcomes."""
    return [Outcome(str(n), b"", OutcomeState.SUCCEEDED, NOW) for n in range(start, start + count)]


async def test_messages_are_numbered_and_bounded() -> None:
    buffer = OutcomeBuffer()
    await buffer.add(some(OUTCOMES_PER_MESSAGE_MAX + 1))
    stream = buffer.open_stream()
    first, second = await stream.next(), await stream.next()
    assert first and second
    assert (first[0], len(first[1])) == (1, OUTCOMES_PER_MESSAGE_MAX)
    assert (second[0], len(second[1])) == (2, 1)


async def test_the_next_stream_begins_with_what_is_unacknowledged() -> None:
    buffer = OutcomeBuffer()
    stream = buffer.open_stream()
    for start in range(3):
        await buffer.add(some(1, start))
        await stream.next()
    stream.ack(1)
    await buffer.add(some(1, 3))
    again = await buffer.open_stream().next()
    assert again is not None and again[0] == 1
    assert [o.fire_id for o in again[1]] == ["1", "2", "3"]
    assert await stream.next() is None


async def test_no_more_than_a_window_is_unacknowledged() -> None:
    buffer = OutcomeBuffer()
    stream = buffer.open_stream()
    for n in range(MESSAGES_UNACKED_MAX):
        await buffer.add(some(1, n))
        await stream.next()
    await buffer.add(some(1, 99))
    waiting = asyncio.ensure_future(stream.next())
    await asyncio.sleep(0)
    assert not waiting.done()
    stream.ack(1)
    item = await asyncio.wait_for(waiting, 60)
    assert item is not None and item[1][0].fire_id == "99"


async def test_adding_waits_while_the_buffer_is_full() -> None:
    buffer = OutcomeBuffer(bound=10)
    await buffer.add(some(10))
    adding = asyncio.ensure_future(buffer.add(some(1, 10)))
    await asyncio.sleep(0)
    assert not adding.done()
    stream = buffer.open_stream()
    await stream.next()
    stream.ack(1)
    await asyncio.wait_for(adding, 60)
    assert len(buffer) == 1


async def test_empty_means_acknowledged() -> None:
    buffer = OutcomeBuffer()
    await buffer.add(some(1))
    stream = buffer.open_stream()
    await stream.next()
    empty = asyncio.ensure_future(buffer.wait_empty())
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(asyncio.shield(empty), 0.01)
    stream.ack(1)
    await asyncio.wait_for(empty, 60)
