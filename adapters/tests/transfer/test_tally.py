"""A tally sees what differs, and says where it begins to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from transfer.tally import tally


def schedule(exactness: str, *codes: str) -> dict[str, Any]:
    reasons = [{"code": code} for code in codes]
    return {"type": "schedule", "exactness": exactness, "reasons": reasons}


def test_one_due_time_that_differs_fails_the_comparison_and_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("Z4J_TALLIES", str(tmp_path))
    with pytest.raises(AssertionError, match="1 differ"), tally("made", "a library") as counted:
        assert counted.promises(schedule("EXACT"))
        counted.compare("same", [1, 2], [1, 2])
        assert counted.promises(schedule("EQUAL_SET", "SPLIT"))
        counted.compare("other", [60_000_000, 120_000_000], [60_000_000])
    found = json.loads((tmp_path / "made.json").read_text())
    assert (found["tried"], found["differing"], found["done"]) == (2, 1, True)
    assert found["different"] == [
        {
            "definition": "other",
            "fire": "2",
            "ours": "1970-01-01T00:02:00+00:00",
            "theirs": "none",
        }
    ]


def test_what_is_approximate_or_refused_is_counted_by_its_cause_and_promises_nothing() -> None:
    with tally("made", "a library") as counted:
        assert not counted.promises(schedule("APPROXIMATE", "JITTER_SKIPS", "DST_DIFFERS"))
        assert not counted.promises({"type": "refused", "code": "R6_NEVER_FIRES"})
    assert counted.verdicts == {"APPROXIMATE: DST_DIFFERS": 1, "refused: R6_NEVER_FIRES": 1}


def test_a_comparison_that_breaks_off_is_not_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("Z4J_TALLIES", str(tmp_path))
    with pytest.raises(ZeroDivisionError), tally("made", "a library"):
        raise ZeroDivisionError
    assert not json.loads((tmp_path / "made.json").read_text())["done"]
