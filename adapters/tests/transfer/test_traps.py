"""docs/migrating/traps.md names tests that exist, for every trap."""

from __future__ import annotations

import re
from pathlib import Path

from transfer.instants import ROOT

ROW = re.compile(r"^\| (R?\d+) \|.*$", re.M)
TRAPS = {str(number) for number in range(1, 64)}
RULES = {f"R{number}" for number in range(1, 12)} - {"R9"}  # Of exports.


def names_in(folder: Path) -> set[str]:
    text = "".join(path.read_text() for path in folder.rglob("*.py"))
    return set(re.findall(r"^ *(?:async )?def (test_\w+)", text, re.M))


def test_every_trap_and_every_refusal_names_its_tests() -> None:
    page = (ROOT / "docs" / "migrating" / "traps.md").read_text()
    rows = {row[1]: set(re.findall(r"`(test_\w+)`", row[0])) for row in ROW.finditer(page)}
    assert set(rows) == TRAPS | RULES
    there = names_in(ROOT / "adapters" / "tests") | names_in(ROOT / "adapters" / "src")
    missing = {number: names - there for number, names in rows.items() if names - there}
    assert not missing and all(rows.values())


def test_a_test_that_bears_a_number_stands_in_its_row() -> None:
    page = (ROOT / "docs" / "migrating" / "traps.md").read_text()
    rows = {row[1]: row[0] for row in ROW.finditer(page)}
    for name in names_in(ROOT / "adapters" / "tests"):
        numbers = re.match(r"test_trap_(\d+)(?:_and_(\d+))?_", name)
        for number in filter(None, numbers.groups() if numbers else ()):
            assert f"`{name}`" in rows[number], (number, name)
