"""The command line against a running node: help, formats, exit codes, the audit chain."""

from __future__ import annotations

import json
import shlex
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import yaml

from tests.harness.processes import build_dir, wait_for
from tests.harness.scheduler_server import CliError, SchedulerServer

BINARY = build_dir() / "services" / "scheduler" / "z4j-scheduler"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SchedulerServer]:
    """One node with one schedule and one fire that waits."""
    with SchedulerServer(tmp_path_factory.mktemp("cli")) as started:
        create = ("schedule", "create", "nightly", "-e", "stub", "-t", "demo.add", "--kwargs")
        started.cli(*create, '{"n": "no"}', "--cron", "0 3 * * *", "-z", "Europe/Berlin")
        started.cli("schedule", "trigger", "nightly")
        wait_for("the fire", lambda: started.fires("nightly"))
        yield started


def run(*args: str) -> subprocess.CompletedProcess[str]:
    """Runs the program without a server's address."""
    return subprocess.run([str(BINARY), *args], capture_output=True, text=True, timeout=30)


def verbs_below(path: tuple[str, ...]) -> list[tuple[str, ...]]:
    """`path` and all verbs below it, as its help names them."""
    done = run(*path, "--help")
    assert done.returncode == 0, path
    assert "Usage: z4j-scheduler" in done.stdout, path
    found = [path]
    _, _, rest = done.stdout.partition("\nSubcommands:\n")
    for line in rest.split("\n\n")[0].splitlines():
        if line.startswith("  ") and not line.startswith("   "):
            found += verbs_below((*path, line.split()[0]))
    return found


def test_every_verb_explains_itself() -> None:
    verbs = verbs_below(())
    assert ("schedule", "create") in verbs
    assert ("audit", "verify") in verbs
    assert len(verbs) > 25


def test_bash_completes_verbs_and_flags(tmp_path: Path) -> None:
    script = tmp_path / "completion.bash"
    script.write_text(run("completion", "bash").stdout)

    def complete(*words: str) -> list[str]:
        line = " ".join(shlex.quote(word) for word in words)
        commands = f"source {script}; COMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; "
        commands += '_z4j_scheduler; printf "%s\\n" "${COMPREPLY[@]}"'
        done = subprocess.run(["bash", "-c", commands], capture_output=True, text=True)
        assert done.stderr == ""
        return done.stdout.split()

    assert complete("z4j-scheduler", "sch") == ["schedule"]
    assert complete("z4j-scheduler", "schedule", "cr") == ["create"]
    assert complete("z4j-scheduler", "schedule", "create", "--catch-up-w") == ["--catch-up-window"]
    assert "--server" in complete("z4j-scheduler", "audit", "verify", "--")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_are_valid(shell: str, tmp_path: Path) -> None:
    done = run("completion", shell)
    assert done.returncode == 0
    script = tmp_path / shell
    script.write_text(done.stdout)
    if shell == "fish":
        for line in done.stdout.splitlines():
            assert shlex.split(line)[:3] == ["complete", "-c", "z4j-scheduler"]
    else:  # zsh runs bash's completions.
        subprocess.run(["bash", "-n", str(script)], check=True)
    if shutil.which(shell):
        subprocess.run([shell, "-n", str(script)], check=True)


@pytest.mark.parametrize(
    "verb",
    [
        "schedule get nightly",
        "schedule list",
        "schedule preview nightly --count 3 --after 2027-03-26T00:00:00Z",
        "fire list --schedule nightly",
        "adapter list",
        "audit list",
        "audit verify",
    ],
)
def test_json_and_yaml_say_the_same(server: SchedulerServer, verb: str) -> None:
    words = [*verb.split(), "--server", server.address]
    as_json = run(*words, "-o", "json")
    as_yaml = run(*words, "-o", "yaml")
    assert (as_json.returncode, as_yaml.returncode) == (0, 0)
    assert yaml.safe_load(as_yaml.stdout) == json.loads(as_json.stdout)


@pytest.mark.parametrize(
    ("verb", "code", "message"),
    [
        ("schedule get nope", 3, "no schedule default/nope"),
        ("schedule create nightly -e stub -t t --at +1h", 5, "exists already"),
        ("schedule create x -e stub -t t --interval 500ms", 2, "spec.interval.period: 500ms"),
        ("schedule create x -e stub -t t --cron '0 0 31 2 *' -z UTC", 2, "never comes due"),
        ("schedule create x -e stub -t t --at +1h --cron @daily", 2, "--cron: give one of"),
        ("schedule update nightly --queue q --etag '\"0\"'", 5, 'etag "0" is stale'),
        ("schedule create x -e stub -t t --args '{}' --at +1h", 2, "args_json"),
        ("fire get 00000000-0000-4000-8000-000000000000", 3, "no fire"),
        ("schedule frobnicate", 2, ""),
        ("audit verify --file /nowhere --key-file /nowhere", 3, "/nowhere"),
    ],
)
def test_exit_codes_and_one_clear_line(
    server: SchedulerServer, verb: str, code: int, message: str
) -> None:
    with pytest.raises(CliError) as error:
        server.cli(*shlex.split(verb))
    assert (error.value.code, message in error.value.stderr) == (code, True), error.value.stderr


def test_a_server_that_is_not_there_is_exit_code_7() -> None:
    done = run("status", "--server", "127.0.0.1:1")
    assert done.returncode == 7
    assert "no scheduler answers at 127.0.0.1:1" in done.stderr


def test_an_export_verifies_without_a_server_and_shows_a_changed_byte(
    server: SchedulerServer, tmp_path: Path
) -> None:
    export = tmp_path / "chain.jsonl"
    server.cli("audit", "export", "--file", str(export))
    verify = ("audit", "verify", "--file", str(export), "--key-file")
    keys = str(server.folder / "data" / "audit.key")
    assert server.cli(*verify, keys) == {"valid": True, "verifiedEntries": "2"}

    lines = export.read_text().splitlines()
    export.write_text("\n".join([*lines[:2], lines[2].replace("trigger", "tripped")]) + "\n")
    with pytest.raises(CliError) as error:
        server.cli(*verify, keys)
    assert error.value.code == 1
    assert "entry 2" in error.value.stderr

    other = tmp_path / "other.keys"
    other.write_text("k1:" + "ab" * 32 + "\n")
    other.chmod(0o600)
    with pytest.raises(CliError) as error:
        server.cli(*verify, str(other))
    assert error.value.code != 0


def test_verify_names_the_entry_whose_bytes_were_changed_in_the_database(tmp_path: Path) -> None:
    with SchedulerServer(tmp_path) as server:
        for name in ("a", "b", "c"):
            server.cli("schedule", "create", name, "-e", "stub", "-t", "t", "--at", "+1h")
        assert server.cli("audit", "verify")["verifiedEntries"] == "3"
        server.stop()
        with closing(sqlite3.connect(tmp_path / "data" / "scheduler.db")) as database:
            database.execute("DROP TRIGGER audit_entries_fix")
            database.execute("UPDATE audit_entries SET actor = actor || 'x' WHERE seq = 2")
            database.commit()
        server.start()
        with pytest.raises(CliError) as error:
            server.cli("audit", "verify")
        assert error.value.code == 1
        assert "entry 2" in error.value.stderr
