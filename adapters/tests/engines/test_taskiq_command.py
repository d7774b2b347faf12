"""`z4j-adapter taskiq` teaches, and says what is wrong; needs no TaskIQ."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from z4j_adapters import cli


def test_help_begins_with_examples(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_info:
        cli.main(["taskiq", "--help"])
    assert exit_info.value.code == 0
    text = capsys.readouterr().out
    assert text.index("examples:") < text.index("options:")
    assert "z4j-adapter taskiq --app proj.tkq:broker" in text
    assert "Z4J_ADAPTER_LOST_AFTER" in text


def test_a_missing_library_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "taskiq_redis", None)
    assert cli.main(["taskiq", "--broker", "redis://x"]) == 1
    assert "taskiq_redis is not installed: pip install 'z4j-adapters[taskiq]'" in (
        capsys.readouterr().err
    )


def test_libraries_that_do_not_fit_together_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """taskiq-redis 1.0 imports a name that taskiq 0.13 does not have."""
    (tmp_path / "taskiq_redis.py").write_text("raise ImportError('no', name='taskiq.compat')")
    monkeypatch.delitem(sys.modules, "taskiq_redis", raising=False)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert cli.main(["taskiq", "--broker", "redis://x"]) == 1
    assert "pip install -U taskiq-redis" in capsys.readouterr().err
