"""The command line: it teaches, and says what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
import tomllib
from z4j_adapters import __version__, cli
from z4j_adapters._convert import outcomes_message, uuid_text


def test_help_begins_with_examples_and_names_the_environment(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as exit_info:
        cli.main(["celery", "--help"])
    assert exit_info.value.code == 0
    text = capsys.readouterr().out
    assert text.index("examples:") < text.index("options:")
    assert "z4j-adapter celery --broker redis://localhost:6379/0" in text
    for name in ("BROKER", "APP", "SCHEDULER", "TLS_CA", "DEDUPE_TTL", "LOG_FORMAT"):
        assert f"Z4J_ADAPTER_{name}" in text


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["celery"], 1, "give --broker URL, or --app MODULE"),
        (["celery", "--app", "no.such.module"], 1, "no.such.module"),
        (["celery", "--broker", "nonsense://x"], 1, "nonsense"),
        (["celery", "--broker", "redis://x", "--set", "a"], 1, "is not NAME=JSON"),
        (["stub", "--scheduler", "example.com:7801"], 1, "--insecure"),
        (["stub", "--tls-ca", "/no/such.pem"], 1, "no such file"),
        (["stub", "--tls-cert", "a.pem"], 1, "go together"),
        (["stub", "--max-in-flight", "0"], 1, "1..10000"),
        (["stub", "--label", "region"], 1, "--label 'region' is not KEY=VALUE"),
        (["stub", "--label", "=eu"], 1, "begins with a letter or digit"),
        (["stub", "--label", "a=1", "--label", "a=2"], 1, "--label a is given twice"),
        (["stub", "--label", "a=" + "x" * 201], 1, "has 201 characters; at most 200"),
        (["stub", "--label", "a=\n"], 1, "control character"),
        (["stub", *(f"--label=k{n}=v" for n in range(33))], 1, "33 labels; at most 32"),
        (["stub", "--scheduler", "nohost"], 2, "is not host:port"),
        (["stub", "--drain-timeout", "soon"], 2, "is no duration"),
        (["stub", "--no-such-option"], 2, "--no-such-option"),
    ],
)
def test_wrong_usage_is_one_clear_sentence(
    arguments: list[str], code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        got = cli.main(arguments)
    except SystemExit as exit_info:
        got = int(exit_info.code or 0)
    assert got == code
    assert message in capsys.readouterr().err


def test_the_environment_stands_in_and_the_command_line_wins(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("Z4J_ADAPTER_SCHEDULER", "a:1, b:2")
    monkeypatch.setenv("Z4J_ADAPTER_BROKER", "redis://env")
    monkeypatch.setenv("Z4J_ADAPTER_DEDUPE_TTL", "2d")
    parsed = cli._parser(cli._commands()).parse_args(["celery"])
    assert (parsed.scheduler, parsed.broker, parsed.dedupe_ttl) == (
        ["a:1", "b:2"],
        "redis://env",
        172_800.0,
    )
    parsed = cli._parser(cli._commands()).parse_args(
        ["celery", "--scheduler", "c:3", "--broker", "redis://arg"]
    )
    assert (parsed.scheduler, parsed.broker) == (["c:3"], "redis://arg")


def test_labels_come_from_the_command_line_or_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def labels(*arguments: str) -> dict[str, str]:
        parsed = cli._parser(cli._commands()).parse_args(["stub", *arguments])
        return dict(cli._runtime_options(parsed).labels)

    assert labels() == {}
    assert labels("--label", "region=eu", "--label", "note=a=b") == {"region": "eu", "note": "a=b"}
    monkeypatch.setenv("Z4J_ADAPTER_LABEL", "region=us, tier=gold")
    assert labels() == {"region": "us", "tier": "gold"}


def test_the_version_is_the_packages() -> None:
    text = (Path(__file__).resolve().parent.parent / "pyproject.toml").read_text()
    assert tomllib.loads(text)["project"]["version"] == __version__


def test_uuid_text_is_as_the_standard_writes_it() -> None:
    assert uuid_text(bytes(range(16))) == "00010203-0405-0607-0809-0a0b0c0d0e0f"


def test_long_errors_are_cut_between_characters() -> None:
    from datetime import datetime, timezone

    from z4j_adapters import Outcome, OutcomeState

    at = datetime(2026, 1, 1, 0, 0, 0, 1, tzinfo=timezone.utc)
    fire_id = uuid_text(bytes(16))
    outcome = Outcome(fire_id, b"", OutcomeState.FAILED, at, "x" + "値" * 3000)
    item = outcomes_message(1, [outcome]).outcomes.outcomes[0]
    assert len(item.error.encode()) <= 4096 and item.error.startswith("x値")
    assert (item.time.seconds, item.time.nanos) == (1_767_225_600, 1000)
