"""--from rq: an expression of RQ's crons has the instants that the installed croniter has."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime
from importlib.metadata import version

import pytest

pytest.importorskip("rq")
pytest.importorskip("croniter")
if tuple(map(int, version("rq").split(".")[:2])) < (2, 4):
    pytest.skip("this RQ has no cron jobs", allow_module_level=True)

from croniter import CroniterBadDateError, croniter
from transfer.clocks import ZONES, draw_start
from transfer.instants import COUNT, FIRES, SEED, Evaluator, distinct
from transfer.tally import tally
from z4j_adapters.engines.rq.importing.croniters import cron_fires, cron_spec
from z4j_adapters.engines.rq.importing.stored import Unfit

BOUNDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7), (0, 59), (2025, 2035))
NAMES = {3: ("jan", "jun", "dec"), 4: ("sun", "mon", "fri", "sat")}


def piece(draw: random.Random, which: int) -> str:
    low, high = BOUNDS[which]
    first, last = draw.randint(low, high), draw.randint(low, high)
    kind = draw.randrange(12)
    if which in NAMES and kind == 0:
        return draw.choice(NAMES[which])
    if which == 4 and kind == 1:
        return f"{draw.randrange(7)}#{draw.randint(1, 5)}"
    if which == 4 and kind == 2:
        return f"L{draw.randrange(7)}"
    if which == 2 and kind == 1:
        return "L"
    if which == 2 and kind == 2:
        return f"{draw.randint(1, 31)}W"
    if kind == 3:
        return f"*/{draw.randint(1, max(1, high - low))}"
    if kind == 4:
        return f"{first}-{last}/{draw.randint(1, 9)}"
    if kind == 5:
        return f"{first}/{draw.randint(1, 9)}"
    return f"{first}-{last}" if kind == 6 else str(first)


def random_expression(draw: random.Random) -> str:
    fields = []
    for which, often in enumerate((0.8, 0.7, 0.35, 0.2, 0.4)):
        pieces = [piece(draw, which) for _ in range(draw.choice((1, 1, 1, 2, 3)))]
        fields.append(",".join(pieces) if draw.random() < often else "*")
    if draw.random() < 0.2:
        fields.append(piece(draw, 5))
        if draw.random() < 0.4:
            fields.append(piece(draw, 6))
    return " ".join(fields)


def test_random_expressions_have_croniters_instants(ours: Evaluator) -> None:
    draw = random.Random(SEED)
    with tally("rq", f"RQ {version('rq')}, croniter {version('croniter')}") as counted:
        while counted.tried < COUNT:
            expression, at = random_expression(draw), draw_start(draw, draw.choice(ZONES))
            try:
                croniter(expression, at).get_next(datetime)
            except Exception:  # RQ would not take it either.
                counted.invalid += 1
                continue
            try:
                spec, _ = cron_spec(expression)
            except Unfit as error:
                counted.promises({"type": "refused", "code": error.code})
                continue
            assert counted.promises({"type": "schedule", "exactness": "EXACT"})
            schedule = {"spec": {"cron": spec}, "timeZone": "UTC", "gap": "SKIP", "fold": "FIRST"}
            theirs = distinct(one_after_the_other(expression, at), FIRES)
            what, new_each_time = f"{expression!r} from {at}", cron_fires(expression)(at, 20)
            counted.compare(what, new_each_time, theirs[:20])
            counted.compare(what, ours.next([schedule], at, FIRES), theirs)
    assert counted.verdicts["EXACT"] > 0.75 * COUNT


def one_after_the_other(expression: str, after: datetime) -> Callable[[], datetime | None]:
    """Asks one croniter for due time after due time."""
    iterator = croniter(expression, after)

    def following() -> datetime | None:
        try:
            found: datetime = iterator.get_next(datetime)
        except CroniterBadDateError:
            return None
        return found

    return following


def fields_of(expression: str) -> dict[str, str]:
    spec, _ = cron_spec(expression)
    return {name: value for name, value in spec.items() if value not in ("*", "0")}


def test_trap_11_and_12_two_day_fields_are_an_or_unless_one_is_every_day() -> None:
    assert fields_of("0 0 13 * 5") == {
        "dayOfMonth": "13",
        "dayOfWeek": "5",
        "dayMatch": "DAY_MATCH_OR",
    }
    odd = fields_of("0 0 */2 * 1")
    assert odd["dayOfMonth"].startswith("1,3,5") and odd["dayOfWeek"] == "1"


def test_trap_17_the_second_is_last() -> None:
    assert cron_spec("*/15 * * * * *")[0]["second"] == "*"
    assert cron_spec("*/15 * * * * *")[0]["minute"] == "0,15,30,45"
    assert fields_of("5 4 * * * 30 2027")["year"] == "2027"


def test_trap_36_and_37_the_installed_croniter_says_what_its_steps_and_names_mean() -> None:
    sixty = croniter("59/15 * * * *").expanded[0]
    assert cron_spec("59/15 * * * *")[0]["minute"] == ",".join(map(str, sixty))
    every_day = croniter("0 0 * * mon-mon").expanded[4] == ["*"]
    assert (cron_spec("0 0 * * mon-mon")[0]["dayOfWeek"] == "*") is every_day


@pytest.mark.parametrize(
    ("expression", "code"),
    [
        ("R * * * *", "R3_RANDOM"),
        ("R(0-10) * * * *", "R3_RANDOM"),
        ("H * * * *", "R3_RANDOM"),
        ("0 0 31 2 *", "R6_NEVER_FIRES"),
        ("0 0 * *", "R5_BAD_CRON"),
        ("0 0 13 * 5#2", "R5_MIXED_DAYS"),
        ("0 0 13 * */1,5#2", "R5_MIXED_DAYS"),
        ("0 0 31W * *", "R5_MIXED_DAYS"),
    ],
)
def test_what_cannot_be_said_exactly_is_refused(expression: str, code: str) -> None:
    with pytest.raises(Unfit) as refusal:
        cron_spec(expression)
    assert refusal.value.code == code and refusal.value.remedy
