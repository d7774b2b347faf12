"""Libraries are asked for due times in several processes: with the same outcome as in one."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from datetime import datetime, timezone

import pytest
from z4j_adapters.transfer import answers as module
from z4j_adapters.transfer.answers import CALENDAR_END_US, Answer, answers
from z4j_adapters.transfer.model import Found, Refused

AT = datetime(2026, 1, 1, tzinfo=timezone.utc)
COUNT = 100


@pytest.fixture(autouse=True)
def worth_it_for_few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WORTH", 1)


def _due(i: int) -> list[int]:
    # More than a pipe holds, so that the processes wait for one another.
    return [i * 1_000_000 + k for k in range(20_000 if i % 10 == 0 else 3)]


def _entry(i: int) -> Found | Refused:
    if i % 7 == 0:
        return Refused(f"e{i}", "R1_OPAQUE", "it is code", "write a cron")

    def fires(after: datetime, n: int) -> list[int]:
        if i % 11 == 0:
            raise ValueError(f"not {i}")
        return [*_due(i), CALENDAR_END_US]

    silent = i % 13 == 0
    return Found(f"e{i}", {"spec": i}, "x", fires=None if silent else fires, finished=i % 17 == 0)


def _entries(count: int) -> Iterator[Found | Refused]:
    return (_entry(i) for i in range(count))


def _told(count: int, workers: int) -> list[tuple[str, Answer | None]]:
    return [
        (entry.object if isinstance(entry, Refused) else entry.key, answer)
        for entry, answer in answers(_entries(count), AT, 5, workers)
    ]


def test_several_processes_say_what_one_says_in_the_same_order() -> None:
    alone = _told(COUNT, 1)
    assert alone[1] == ("e1", Answer(_due(1)))
    assert alone[11] == ("e11", Answer([], "ValueError: not 11"))
    assert [alone[i][1] for i in (7, 13, 17)] == [None, None, None]
    for workers in (2, 3, 8):
        assert _told(COUNT, workers) == alone


def test_blocks_follow_one_another(monkeypatch: pytest.MonkeyPatch) -> None:
    alone = _told(COUNT, 1)
    for block in (1, 30, COUNT):
        monkeypatch.setattr(module, "BLOCK", block)
        assert _told(COUNT, 3) == alone


def test_equal_schedules_are_asked_about_in_one_process_and_others_in_several() -> None:
    def here(after: datetime, n: int) -> list[int]:
        return [os.getpid()]

    entries = [Found(f"e{i}", {"spec": i % 20}, "x", fires=here) for i in range(COUNT)]
    who: dict[int, set[int]] = {}
    for i, (_, answer) in enumerate(answers(entries, AT, 1, 2)):
        assert answer is not None
        who.setdefault(i % 20, set()).update(answer.fires)
    assert all(len(pids) == 1 for pids in who.values())
    assert len(set.union(*who.values())) == 2


def test_few_due_times_are_asked_for_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WORTH", COUNT * 5 + 1)
    entries = [
        Found(f"e{i}", {"spec": i}, "x", fires=lambda at, n: [os.getpid()]) for i in range(COUNT)
    ]
    told = [answer for _, answer in answers(entries, AT, 5, 4)]
    assert told == [Answer([os.getpid()])] * COUNT


def test_a_process_that_dies_costs_no_answer() -> None:
    parent = os.getpid()

    def fires(after: datetime, n: int) -> list[int]:
        if os.getpid() != parent:
            os._exit(9)
        return [1]

    entries = [Found(f"e{i}", {"spec": i}, "x", fires=fires) for i in range(COUNT)]
    assert [answer for _, answer in answers(entries, AT, 1, 2)] == [Answer([1])] * COUNT


def test_an_error_of_the_source_comes_after_all_that_was_read() -> None:
    def broken() -> Iterator[Found | Refused]:
        yield from _entries(COUNT)
        raise OSError("the disk is gone")

    seen = 0
    with pytest.raises(OSError, match="disk"):
        for _ in answers(broken(), AT, 5, 2):
            seen += 1
    assert seen == COUNT


def test_who_stops_listening_leaves_no_process_behind() -> None:
    told = answers(_entries(COUNT), AT, 5, 3)
    next(told)
    told.close()  # type: ignore[attr-defined]
    with pytest.raises(OSError) as error:
        os.waitpid(-1, os.WNOHANG)
    assert error.value.errno == errno.ECHILD
