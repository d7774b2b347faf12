"""What is refused, by an installation with an adapter and a worker."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.harness.scheduler_server import CliError
from tests.integration.conftest import Installation, installed


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def installation(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    """One per store, since nothing comes of what is tested here."""
    with installed(tmp_path_factory.mktemp("installation"), request.param) as made:
        yield made


@pytest.mark.parametrize(
    ("args", "field"),
    [
        (["--cron", "0 3 * * *", "-z", "Mars/Phobos"], "time_zone"),
        (["--cron", "0 0 31 2 *", "-z", "UTC"], "cron"),
        (["--interval", "500ms"], "period"),
        (["--interval", "4000d"], "period"),
        (["--solar", "sunset", "--latitude", "91", "--longitude", "0"], "latitude"),
        (["--interval", "5s", "--args", "not json"], "args_json"),
        (["--interval", "5s", "--args", '["' + "x" * 70_000 + '"]'], "args_json"),
        (["--interval", "5s", "--option", "no_such_option=1"], "no_such_option"),
    ],
)
def test_bad_input_names_the_field_and_writes_nothing(
    installation: Installation, args: list[str], field: str
) -> None:
    def written() -> Any:
        lists = (("schedule", "list"), ("audit", "list", "--limit", "1000"))
        return [installation.scheduler.cli(*words) for words in lists]

    before = written()
    with pytest.raises(CliError) as refused:
        installation.create("bad", *args)
    assert refused.value.code == 2
    assert field in refused.value.stderr
    assert written() == before


def test_a_second_schedule_of_the_same_name_and_a_stale_etag_are_refused(
    installation: Installation,
) -> None:
    etag = installation.create("ping", "--cron", "0 3 * * *", "-z", "UTC")["etag"]
    with pytest.raises(CliError) as duplicate:
        installation.create("ping", "--interval", "5s")
    assert duplicate.value.code == 5
    installation.scheduler.cli("schedule", "update", "ping", "--priority", "5")
    with pytest.raises(CliError) as stale:
        installation.scheduler.cli("schedule", "update", "ping", "--priority", "9", "--etag", etag)
    assert stale.value.code == 5
    assert installation.scheduler.cli("schedule", "get", "ping")["priority"] == 5
