"""What the checker must find, each in a history that is right but for that."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.chaos.checker import PENDING, SKIPPED, Fire, Run, Schedule, Write, check, due_times

SECOND = 1_000_000
SUCCEEDED = 4
SCHEDULES = [
    Schedule("id-a", "projects/default/schedules/a", 250_000, SECOND),
    Schedule("id-b", "projects/default/schedules/b", 750_000, SECOND),
]
BEGIN, END = 10 * SECOND, 20 * SECOND
FIRES = [
    Fire(f"{schedule.id}@{due}", schedule.id, due, SUCCEEDED)
    for schedule in SCHEDULES
    for due in due_times(schedule, BEGIN, END)
]
RUNS = [
    Run(fire.id, schedule.name, fire.due_us)
    for fire in FIRES
    for schedule in SCHEDULES
    if schedule.id == fire.schedule_id
]
WRITES = [
    Write("n1", "n1", 5, is_raise=True),
    Write("n1", "n1", 5),
    Write("n1", "n1", 5, is_raise=True),  # Its outcome was not known: the same again.
    Write("n1", "n1", 5),
    Write("n2", "n2", 9, is_raise=True),
    Write("n2", "n2", 9),
]


def kinds(
    fires: list[Fire] = FIRES, runs: list[Run] = RUNS, writes: list[Write] = WRITES
) -> list[str]:
    """What kinds of violations there are."""
    return [found.kind for found in check(SCHEDULES, fires, runs, writes, BEGIN, END)]


def changed(**changes: object) -> list[Fire]:
    """The fires with one of them changed."""
    return [replace(FIRES[0], **changes), *FIRES[1:]]  # type: ignore[arg-type]


def test_a_right_history_has_no_violation() -> None:
    assert len(FIRES) == 20
    assert kinds() == []


def test_a_schedule_that_begins_within_the_time_owes_nothing_before_that() -> None:
    late = Schedule("id", "late", 15 * SECOND + 1, 2 * SECOND)
    assert [*due_times(late, BEGIN, END)] == [15_000_001, 17_000_001, 19_000_001]
    assert [*due_times(late, 17 * SECOND + 1, 19 * SECOND + 1)] == [17_000_001]


@pytest.mark.parametrize("gone", [0, 5, 9, 19])
def test_a_due_time_without_a_row_is_missed(gone: int) -> None:
    fires = [fire for i, fire in enumerate(FIRES) if i != gone]
    runs = [run for i, run in enumerate(RUNS) if i != gone]
    assert kinds(fires, runs) == ["missed"]


def test_a_schedule_without_any_row_misses_all_its_due_times() -> None:
    assert kinds([fire for fire in FIRES if fire.schedule_id == "id-a"], RUNS[:10]) == (
        ["missed"] * 10
    )


def test_two_rows_of_a_due_time_are_a_double() -> None:
    assert kinds([*FIRES, replace(FIRES[3], id="another")]) == ["doubled"]


def test_two_runs_of_a_due_time_are_a_double_even_by_different_ids() -> None:
    again = replace(RUNS[3], fire_id="another")
    assert kinds(runs=[*RUNS, again]) == ["doubled", "unfounded"]


def test_a_run_without_a_row_is_unfounded() -> None:
    early = Run("nobody decided it", SCHEDULES[0].name, 12 * SECOND)
    assert kinds(runs=[*RUNS, early]) == ["unfounded"]


def test_a_run_for_another_time_than_its_row_says_is_unfounded() -> None:
    assert "unfounded" in kinds(runs=[replace(RUNS[0], due_us=RUNS[0].due_us + 1), *RUNS[1:]])


def test_a_row_that_was_handed_over_and_never_run_is_lost() -> None:
    assert kinds(runs=RUNS[1:]) == ["lost"]


def test_a_row_that_was_never_handed_over_is_unsettled() -> None:
    assert kinds(changed(state=PENDING)) == ["unsettled"]


def test_a_skipped_due_time_and_one_counted_in_another_are_found() -> None:
    assert kinds(changed(state=SKIPPED)) == ["skipped"]
    assert kinds(changed(count=2)) == ["skipped"]


def test_a_row_that_is_no_due_time_is_off_the_grid() -> None:
    extra = Fire("extra", "id-a", 12 * SECOND, SUCCEEDED)
    runs = [*RUNS, Run("extra", SCHEDULES[0].name, 12 * SECOND)]
    assert kinds([*FIRES, extra], runs) == ["off the grid"]
    stranger = Fire("stranger", "id-z", 12 * SECOND, PENDING)
    assert kinds([*FIRES, stranger]) == ["off the grid"]


def test_what_lies_outside_the_time_is_not_judged() -> None:
    before = Fire("before", "id-a", BEGIN - 1, PENDING)
    after = Run("after", SCHEDULES[0].name, END)
    assert kinds([*FIRES, before], [*RUNS, after]) == []


def test_a_write_by_one_who_does_not_hold_the_fence_is_stale() -> None:
    assert kinds(writes=[*WRITES, Write("n1", "n2", 9)]) == ["stale write"]


def test_a_write_with_an_older_token_after_a_raise_is_found() -> None:
    assert kinds(writes=[*WRITES, Write("n1", "n1", 5)]) == ["token"]


def test_a_token_that_does_not_grow_is_found() -> None:
    assert kinds(writes=[*WRITES, Write("n3", "n3", 8, is_raise=True)]) == ["token"]
    assert kinds(writes=[*WRITES, Write("n3", "n3", 9, is_raise=True)]) == ["token"]
    assert kinds(writes=[*WRITES, Write("n3", "n3", 10)]) == ["token"], "never raised"
