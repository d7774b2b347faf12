"""`z4j-adapter import`: what it writes, whatever the source and the user's modules do."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from z4j_adapters import cli
from z4j_adapters._options import Parser
from z4j_adapters.transfer import command, sources
from z4j_adapters.transfer.isolate import foreign
from z4j_adapters.transfer.model import Found, Importer, Note, Refused, Source, SourceError


class Shelf(Importer):
    """A source whose module is what the test says."""

    summary = "a shelf"
    help = "Read a shelf.\n\nexamples:\n  z4j-adapter import --from shelf --module x"
    packages = {"no_such_library": "no-such-library"}  # noqa: RUF012

    @classmethod
    def arguments(cls, parser: Parser) -> None:
        parser.option("module", help="the module to run")

    def source(self) -> Source:
        self.entries: dict[str, Any] = {}
        module = self.options.module or ""
        foreign("user_module", lambda: exec(module, self.entries), remedy="mend it")
        if self.entries.get("needs_library"):
            import no_such_library  # type: ignore[import-not-found]  # noqa: F401
        return Source("shelf", "1.0", "shelf:one", {"shelf": "1.0"})

    def read(self) -> Iterator[Found | Refused]:
        yield Found("plain", {"task": "t"}, "cron * * * * *", raw="\ud800")
        yield Found("both halves", {"task": "a"}, "cron 1 * * * *", "EQUAL_SET", member=1)
        yield Found("both halves", {"task": "b"}, "cron 2 * * * *", "EQUAL_SET", member=2)
        yield Refused("bad one", "R1_OPAQUE", "it is code", "write a cron", "bad one")
        yield Found("asks", {}, "x", warnings=(Note("W", "w"),), fires=self._fires)
        yield Found("fails", {}, "x", fires=lambda at, n: [][n])
        if self.entries.get("dies"):
            raise RuntimeError("the disk is gone")

    def _fires(self, after: datetime, n: int) -> list[int]:
        return [int(after.timestamp()) * 1_000_000 + i for i in range(n)]


@pytest.fixture(autouse=True)
def shelf(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sources.SOURCES, "shelf", (__name__, "Shelf"))
    monkeypatch.setitem(sys.modules, __name__, sys.modules.get(__name__) or _this_module())


def _this_module() -> Any:
    module = type(sys)(__name__)
    module.Shelf = Shelf  # type: ignore[attr-defined]
    return module


def lines_of(capfd: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capfd.readouterr().out.splitlines()]


def test_the_first_line_says_what_was_read_and_the_last_how_much(
    capfd: pytest.CaptureFixture[str],
) -> None:
    assert cli.main(["import", "--from", "shelf"]) == 0
    lines = lines_of(capfd)
    first, last = lines[0], lines[-1]
    assert first.pop("read_at").endswith("Z") and first.pop("tzdata")
    assert first == {
        "type": "source",
        "kind": "shelf",
        "version": "1.0",
        "locator": "shelf:one",
        "libraries": {"shelf": "1.0"},
    }
    assert last == {"type": "end", "schedules": 5, "refused": 1, "zones": {}}


def test_each_definition_is_a_line_with_its_origin(capfd: pytest.CaptureFixture[str]) -> None:
    cli.main(["import", "--from", "shelf"])
    plain, one, two, refused = lines_of(capfd)[1:5]
    origin = {"kind": "shelf", "version": "1.0", "locator": "shelf:one"}
    assert plain == {
        "type": "schedule",
        "id": "plain",
        "schedule": {"task": "t"},
        "source": {**origin, "key": "plain", "raw": "\ufffd"},
        "exactness": "EXACT",
        "reasons": [],
        "warnings": [],
        "becomes": "cron * * * * *",
    }
    assert one["group"] == two["group"] == one["id"] and two["id"] == f"{one['id']}-2"
    assert refused == {
        "type": "refused",
        "object": "bad one",
        "code": "R1_OPAQUE",
        "reason": "it is code",
        "remedy": "write a cron",
        "source": {**origin, "key": "bad one", "raw": ""},
    }


def test_due_times_are_the_librarys_and_come_when_asked_for(
    capfd: pytest.CaptureFixture[str],
) -> None:
    cli.main(["import", "--from", "shelf", "--fires", "2", "--at", "2026-03-01T00:00:00Z"])
    lines = {line["id"]: line for line in lines_of(capfd) if line["type"] == "schedule"}
    at = int(datetime(2026, 3, 1, tzinfo=timezone.utc).timestamp()) * 1_000_000
    assert lines["asks"]["fires"] == [at, at + 1]
    assert "fires" not in lines["plain"]
    assert lines["fails"]["warnings"][0]["code"] == "NO_ORACLE"


def test_what_a_module_prints_never_reaches_the_lines(capfd: pytest.CaptureFixture[str]) -> None:
    loud = "import os, subprocess; print('a'); os.write(1, b'b'); subprocess.run(['echo', 'c'])"
    assert cli.main(["import", "--from", "shelf", "--module", loud]) == 0
    out, err = capfd.readouterr()
    assert [json.loads(line)["type"] for line in out.splitlines()][-1] == "end"
    assert {"a", "c"} <= set(err.replace("b", "\n").split())


@pytest.mark.parametrize(
    ("module", "message"),
    [
        ("raise ValueError('no settings')", "ValueError: no settings"),
        ("import sys; sys.exit(3)", "sys.exit(3)"),
        ("raise BaseException('odd')", "BaseException: odd"),
        ("import not_a_module", "ModuleNotFoundError"),
        ("1 +", "SyntaxError"),
    ],
)
def test_a_module_that_fails_is_an_error_and_no_traceback(
    module: str, message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["import", "--from", "shelf", "--module", module]) == 2
    (line,) = lines_of(capfd)
    assert line["type"] == "error" and line["code"] == "IMPORT_FAILED"
    assert message in line["message"] and line["remedy"] == "mend it"


def test_a_missing_library_is_one_sentence_with_the_command_that_installs_it(
    capfd: pytest.CaptureFixture[str],
) -> None:
    assert cli.main(["import", "--from", "shelf", "--module", "needs_library = 1"]) == 2
    (line,) = lines_of(capfd)
    assert line["code"] == "MISSING_PACKAGE"
    assert f"{sys.executable} -m pip install no-such-library" in line["remedy"]


def test_a_source_that_breaks_half_way_ends_in_an_error(capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["import", "--from", "shelf", "--module", "dies = 1"]) == 2
    last = lines_of(capfd)[-1]
    assert last["code"] == "READ_FAILED" and "the disk is gone" in last["message"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give --from SOURCE"),
        (["--from", "crontab"], "no such source"),
        (["--from", "shelf", "--fires", "-1"], "whole number"),
        (["--from", "shelf", "--fires", "10001"], "more than 10000"),
        (["--from", "shelf", "--at", "soon"], "is no instant"),
        (["--from", "shelf", "--at", "2026-01-01T00:00:00"], "is no instant"),
        (["--from", "shelf", "--timezone", "Mars/Phobos"], "is no time zone"),
        (["--from", "shelf", "--nonsense"], "--nonsense"),
    ],
)
def test_wrong_usage_is_told_to_people_and_to_the_reader(
    arguments: list[str], message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["import", *arguments]) == 2
    out, err = capfd.readouterr()
    line = json.loads(out)
    assert line["type"] == "error" and line["code"] == "WRONG_USAGE"
    assert message in line["message"] and message in err


def test_help_lists_the_sources_and_each_has_its_own(capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["import", "--help"]) == 0
    assert "shelf  " in capfd.readouterr().out
    assert cli.main(["import", "--from", "shelf", "--help"]) == 0
    text = capfd.readouterr().out
    assert text.index("examples:") < text.index("options:")
    for option in ("--module", "--fires", "--at", "--timezone", "--engine"):
        assert option in text


def test_every_source_teaches(capfd: pytest.CaptureFixture[str]) -> None:
    for name in sources.SOURCES:
        assert cli.main(["import", "--from", name, "--help"]) == 0
        assert f"z4j-adapter import --from {name}" in capfd.readouterr().out


def test_importing_loads_no_grpc_and_no_engine() -> None:
    code = """
        import sys
        from z4j_adapters import cli
        assert cli.main(["import", "--help"]) == 0
        for name in ("grpc", "google.protobuf", "celery", "rq", "huey", "arq", "redis", "django"):
            assert name not in sys.modules, name
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True, capture_output=True)


def test_a_thread_of_the_users_module_does_not_keep_the_process(tmp_path: Path) -> None:
    (tmp_path / "entry.py").write_text(
        textwrap.dedent("""
        import sys, threading
        from z4j_adapters import cli
        threading.Thread(target=threading.Event().wait).start()
        sys.argv[1:] = ["import", "--help"]
        sys.exit(cli.main())
    """)
    )
    done = subprocess.run(
        [sys.executable, tmp_path / "entry.py"], capture_output=True, timeout=30, text=True
    )
    assert done.returncode == 0 and "sources:" in done.stdout


def test_a_reader_that_leaves_early_is_no_traceback(capfd: pytest.CaptureFixture[str]) -> None:
    read, write = os.pipe()
    os.close(read)
    saved = os.dup(1)
    os.dup2(write, 1)
    try:
        assert command.main(["--from", "shelf"]) == 2
    finally:
        os.dup2(saved, 1)
        os.close(saved)
        os.close(write)
    assert "Traceback" not in capfd.readouterr().err


def test_a_source_error_keeps_its_code() -> None:
    def fail() -> None:
        raise SourceError("NO_SUCH_FILE", "there is none", "name another")

    with pytest.raises(SourceError) as caught:
        foreign("x", fail)
    assert caught.value.code == "NO_SUCH_FILE"


def test_options_of_every_source_are_plain_values() -> None:
    assert isinstance(command._parse(["--from", "shelf"])[0], argparse.Namespace)
