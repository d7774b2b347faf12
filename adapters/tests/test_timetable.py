"""What is due is taken, longest due first, and what is oldest is dropped first."""

from __future__ import annotations

from z4j_adapters.engines.common.oldest import oldest_over
from z4j_adapters.engines.common.timetable import SLOT_S, Timetable


def test_nothing_is_taken_before_its_time_and_all_at_most_a_slot_after() -> None:
    table = Timetable()
    table.add(5.0, ["a"])
    assert table.take(4.999, 10) == []
    assert table.take(5.0 + SLOT_S, 10) == ["a"]
    assert table.take(100.0, 10) == []


def test_what_was_due_first_is_taken_first_and_the_rest_stays() -> None:
    table = Timetable()
    table.add(7.0, ["d", "e"])
    table.add(5.0, ["a", "b", "c"])
    table.add(7.0, ["f"])
    assert table.take(10.0, 2) == ["a", "b"]
    assert table.take(10.0, 2) == ["c", "d"]
    assert table.take(10.0, 10) == ["e", "f"]


def test_an_empty_slot_can_be_filled_again() -> None:
    table = Timetable()
    table.add(5.0, ["a"])
    assert table.take(6.0, 1) == ["a"]
    table.add(5.0, ["b"])
    assert table.take(6.0, 1) == ["b"]


def test_a_small_memory_drops_what_is_over_its_bound_and_a_large_one_a_hundredth_more() -> None:
    assert oldest_over(dict.fromkeys("abc"), 3) == []
    assert oldest_over(dict.fromkeys("abc"), 2) == ["a"]
    assert oldest_over(dict.fromkeys(range(1001)), 1000) == list(range(11))
