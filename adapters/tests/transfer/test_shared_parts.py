"""What all importers share: ids, fields of cron, exact JSON, zones."""

from __future__ import annotations

import math
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from z4j_adapters.transfer.cron_fields import BOUNDS, cron, field_text
from z4j_adapters.transfer.ids import ID_CHARS_MAX, IdMaker, id_of
from z4j_adapters.transfer.values import Inexact, duration, json_text, redact, timestamp
from z4j_adapters.transfer.zones import fixed_zone_name, tzdata_version, zone_of, zone_rules


def test_a_name_that_is_an_id_stays() -> None:
    assert id_of("send-mail.v2:eu_1") == "send-mail.v2:eu_1"


def test_names_that_differ_only_in_what_is_not_allowed_get_different_ids() -> None:
    ids = {id_of(key) for key in ("a b", "a  b", "a/b", "a-b", "á", "é", "", " ", "-", "x" * 300)}
    assert len(ids) == 10


@settings(deadline=None)
@given(st.text(max_size=300))
def test_every_name_becomes_an_id_that_the_scheduler_takes(key: str) -> None:
    made = id_of(key)
    assert 1 <= len(made) <= ID_CHARS_MAX
    assert made[0].isascii() and made[0].isalnum()
    assert all(c.isascii() and (c.isalnum() or c in "-_.:") for c in made)
    assert made == id_of(key)


def test_members_of_one_definition_are_numbered_and_never_take_anothers_id() -> None:
    ids = IdMaker()
    assert [ids.make("x", n) for n in (1, 2, 3)] == ["x", "x-2", "x-3"]
    taken = ids.make("x-2")
    assert taken.startswith("x-2-") and taken != ids.make("x-2")


@pytest.mark.parametrize(
    ("name", "values", "text"),
    [
        ("minute", range(60), "*"),
        ("minute", None, "*"),
        ("minute", {0}, "0"),
        ("minute", {0, 15, 30, 45}, "0,15,30,45"),
        ("minute", {1, 2, 3, 7, 8, 59}, "1-3,7,8,59"),
        ("dayOfWeek", {0, 6}, "0,6"),
        ("year", range(2026, 2100), "2026-2099"),
    ],
)
def test_sets_become_lists_and_ranges(name: str, values: Any, text: str) -> None:
    assert field_text(name, values) == text


@settings(deadline=None)
@given(st.sampled_from(sorted(BOUNDS)), st.data())
def test_a_field_says_its_set_and_nothing_else(name: str, data: st.DataObject) -> None:
    low, high = BOUNDS[name]
    values = data.draw(st.sets(st.integers(low, high), min_size=1))
    text = field_text(name, values)
    read: set[int] = set()
    for part in text.replace("*", f"{low}-{high}").split(","):
        first, _, last = part.partition("-")
        read.update(range(int(first), int(last or first) + 1))
    assert read == values


@pytest.mark.parametrize("values", [set(), {60}, {-1, 5}])
def test_a_set_that_is_no_field_is_refused(values: set[int]) -> None:
    with pytest.raises(ValueError, match="minute"):
        field_text("minute", values)


def test_every_day_of_the_month_or_mondays_is_every_day_only_if_the_days_are_named() -> None:
    days = range(1, 32)
    assert cron(day_match="OR", day_of_month=days, day_of_week={1})[0]["dayOfMonth"] == "1-31"
    assert cron(day_match="AND", day_of_month=days, day_of_week={1})[0]["dayOfMonth"] == "*"
    assert cron(day_match="OR", day_of_month=None, day_of_week={1})[0]["dayOfMonth"] == "*"


def test_a_cron_is_told_field_by_field_and_in_short() -> None:
    spec, becomes = cron(
        day_match="AND", minute={0}, hour={5}, day_of_month={13}, day_of_week={5}, year={2027}
    )
    assert spec == {
        "second": "0",
        "minute": "0",
        "hour": "5",
        "dayOfMonth": "13",
        "month": "*",
        "dayOfWeek": "5",
        "dayMatch": "DAY_MATCH_AND",
        "year": "2027",
    }
    assert becomes == "cron 0 5 13 * 5 (AND of the days) year 2027"


@pytest.mark.parametrize(
    "value",
    [
        {1: 2},
        (1, 2),
        [datetime.now(timezone.utc)],
        {"a": [math.nan]},
        math.inf,
        object(),
        "\ud800",
        {"\udfff": 1},
        b"",
        {1, 2},
    ],
)
def test_what_json_does_not_hold_is_refused_and_said_where(value: Any) -> None:
    with pytest.raises(Inexact):
        json_text(value)


def test_the_place_of_what_json_does_not_hold_is_named() -> None:
    with pytest.raises(Inexact, match=r"\['when'\]\[1\] is of type datetime.datetime"):
        json_text({"when": [1, datetime.now(timezone.utc)]})


def test_large_integers_stay_exact() -> None:
    assert json_text([2**70, -1, 0.1, "ü", None, True]) == (
        '[1180591620717411303424,-1,0.1,"ü",null,true]'
    )


def test_tuples_are_arrays_where_the_source_makes_them_arrays() -> None:
    assert json_text(((1, "a"), []), tuples=True) == '[[1,"a"],[]]'


def test_spans_and_instants_are_as_protobuf_writes_them() -> None:
    assert duration(timedelta(days=1, microseconds=1500)) == "86400.0015s"
    assert duration(timedelta(seconds=-90)) == "-90s"
    at = datetime(2026, 11, 22, 1, 0, 0, 500_000, timezone(timedelta(hours=2)))
    assert timestamp(at) == "2026-11-21T23:00:00.5Z"
    assert timestamp(at.replace(microsecond=0)) == "2026-11-21T23:00:00Z"


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("redis://:se@cret@h:6379/0", "redis://:***@h:6379/0"),
        ("postgresql://me:x@h/db?password=y&a=b", "postgresql://me:***@h/db?password=***&a=b"),
        ("sqlite:////tmp/a.db", "sqlite:////tmp/a.db"),
        ("proj.celery:app", "proj.celery:app"),
    ],
)
def test_a_locator_holds_no_password(url: str, told: str) -> None:
    assert redact(url) == told


def test_zones_are_named_or_of_fixed_offset() -> None:
    assert fixed_zone_name(timedelta(hours=-3, minutes=-30)) == "UTC-03:30"
    assert fixed_zone_name(timedelta(0)) == "UTC"
    assert zone_of("UTC-03:30").utcoffset(None) == timedelta(hours=-3, minutes=-30)
    assert str(zone_of("Europe/Berlin")) == "Europe/Berlin"
    for wrong in ("Mars/Phobos", "UTC+15:00", "UTC+01:99", "../etc/passwd", ""):
        with pytest.raises(ValueError, match="no time zone"):
            zone_of(wrong)
    with pytest.raises(ValueError, match="whole number of minutes"):
        fixed_zone_name(timedelta(seconds=30))


def test_the_zone_data_has_a_version() -> None:
    assert tzdata_version() != "unknown"


def test_the_rules_of_a_zone_are_told_with_each_change_to_the_second() -> None:
    at = datetime(2026, 11, 22, 12, tzinfo=timezone.utc)
    found = zone_rules("Europe/Berlin", at)
    assert found is not None
    rules, until = found
    assert rules[:3] == [
        (at, timedelta(hours=1)),
        (datetime(2027, 3, 28, 1, tzinfo=timezone.utc), timedelta(hours=2)),
        (datetime(2027, 10, 31, 1, tzinfo=timezone.utc), timedelta(hours=1)),
    ]
    assert len(rules) == 21
    assert rules[-1][0] < until


def test_half_hours_and_zones_without_changes_are_told_too() -> None:
    at = datetime(2026, 11, 22, tzinfo=timezone.utc)
    lord_howe, tokyo = zone_rules("Australia/Lord_Howe", at), zone_rules("Asia/Tokyo", at)
    assert lord_howe is not None and tokyo is not None
    assert {offset for _, offset in lord_howe[0]} == {timedelta(hours=10.5), timedelta(hours=11)}
    assert tokyo[0] == [(at, timedelta(hours=9))]
    assert tokyo[1] - at > timedelta(days=3650)


def test_a_fixed_offset_has_no_rules_to_tell() -> None:
    at = datetime(2026, 11, 22, tzinfo=timezone.utc)
    assert zone_rules("UTC+05:30", at) is None
    assert zone_rules("Nowhere/None", at) is None
