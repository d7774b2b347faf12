"""The `serve` process itself: how it starts, refuses, stops and goes on."""

from __future__ import annotations

import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from tests.harness.processes import build_dir, wait_for
from tests.harness.scheduler_server import SchedulerServer, stub_adapter

BINARY = build_dir() / "services" / "scheduler" / "z4j-scheduler"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SchedulerServer]:
    """One node on the embedded default; its log is shown when the test fails."""
    with SchedulerServer(tmp_path) as started:
        yield started
        print(f"--- scheduler ---\n{started.log()[-3000:]}")


def refusal(tmp_path: Path, *args: str) -> subprocess.CompletedProcess[str]:
    """Runs `serve` with arguments it must refuse."""
    command = [str(BINARY), "serve", "--data-dir", str(tmp_path / "refused"), *args]
    return subprocess.run(command, capture_output=True, text=True, timeout=30)


def create(server: SchedulerServer, name: str, *args: str) -> None:
    """Creates a schedule of the engine "stub"."""
    server.cli("schedule", "create", name, "--engine", "stub", "--task", "t", *args)


def test_says_where_it_listens_and_answers_the_probes(server: SchedulerServer) -> None:
    wait_for("the log", lambda: '"message":"ready"' in server.log())  # The probes may be quicker.
    ready = [line for line in server.log().splitlines() if '"message":"ready"' in line]
    assert len(ready) == 1
    assert f'"grpc":"{server.address}"' in ready[0]
    assert f'"http":"127.0.0.1:{server.http_port}"' in ready[0]
    assert server.get("/readyz") == "ok\n"
    assert server.get("/livez") == "ok\n"


def test_ends_with_0_on_sigterm_and_goes_on_after_a_restart(
    server: SchedulerServer, tmp_path: Path
) -> None:
    with stub_adapter(tmp_path, server):
        create(server, "tick", "--interval", "1s")
        wait_for("two fires", lambda: len(server.fires("tick")) >= 2)
        begin = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - begin < 8
        before = len(sqlite_rows(tmp_path, "SELECT * FROM fires"))
        server.start()
        wait_for("more fires", lambda: len(server.fires("tick")) >= before + 2)
        dues = [datetime.fromisoformat(fire["dueTime"]) for fire in server.fires("tick")]
    # The grid has not moved, and no due time is missing or doubled.
    steps = {later - earlier for earlier, later in pairwise(dues)}
    assert steps == {timedelta(seconds=1)}


def sqlite_rows(folder: Path, sql: str) -> list[tuple[object, ...]]:
    """Reads the stopped node's database."""
    with closing(sqlite3.connect(folder / "data" / "scheduler.db")) as database:
        return database.execute(sql).fetchall()


def test_refuses_a_data_folder_that_another_process_uses(
    server: SchedulerServer, tmp_path: Path
) -> None:
    second = SchedulerServer(tmp_path, name="second")
    done = subprocess.run(second.command, capture_output=True, text=True, timeout=30)
    assert done.returncode == 6
    assert "scheduler.db.lock is locked: process" in done.stderr
    assert server.cli("status")["node"] == "scheduler"  # The first is unharmed.


def test_refuses_plaintext_where_others_could_read_it(tmp_path: Path) -> None:
    done = refusal(tmp_path, "--listen", "0.0.0.0:0")
    assert done.returncode == 2
    assert done.stderr.startswith("z4j-scheduler: --listen: others could read plaintext")
    assert "--insecure" in done.stderr
    assert not (tmp_path / "refused").exists()  # Nothing was touched.


def test_serves_plaintext_to_others_when_told_to(tmp_path: Path) -> None:
    server = SchedulerServer(tmp_path, args=("--insecure",))
    at = server.command.index("--listen") + 1
    server.command[at] = f"0.0.0.0:{server.port}"
    with server:
        assert server.cli("status")["isLeader"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("http_listn: 127.0.0.1:1\n", ":1: unknown key 'http_listn'; did you mean 'http_listen'?"),
        ("node_id: a\nnode_id: b\n", ":2: node_id is given twice"),
        ("listen: [a, b]\n", ":1: listen must be one value"),
        ("fire_retention: soon\n", "--fire-retention: 'soon' is no duration; write one such as"),
        ("listen: ''\n", "--listen: '' is no address; write one such as 127.0.0.1:7801"),
    ],
)
def test_refuses_a_bad_configuration_file_and_names_what_is_wrong(
    tmp_path: Path, text: str, message: str
) -> None:
    file = tmp_path / "z4j.yaml"
    file.write_text(text)
    done = refusal(tmp_path, "--config", str(file))
    assert done.returncode == 2
    assert message in done.stderr


def test_refuses_a_misspelt_environment_variable(tmp_path: Path) -> None:
    server = SchedulerServer(tmp_path)
    env = {**server.env, "Z4J_SCHEDULER_LISTN": "127.0.0.1:1"}
    done = subprocess.run(server.command, env=env, capture_output=True, text=True, timeout=30)
    assert done.returncode == 2
    assert "unknown variable Z4J_SCHEDULER_LISTN; did you mean Z4J_SCHEDULER_LISTEN?" in done.stderr


def test_a_flag_wins_over_the_environment_and_that_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "z4j.yaml"
    file.write_text("node_id: from-file\n")
    server = SchedulerServer(tmp_path, name="from-flag", args=("--config", str(file)))
    server.env["Z4J_SCHEDULER_NODE_ID"] = "from-environment"

    def node() -> str:
        with server:
            return str(server.cli("status")["node"])

    assert node() == "from-flag"
    at = server.command.index("--node-id")
    del server.command[at : at + 2]
    assert node() == "from-environment"
    del server.env["Z4J_SCHEDULER_NODE_ID"]
    assert node() == "from-file"


def test_refuses_a_schema_that_a_newer_program_wrote(
    server: SchedulerServer, tmp_path: Path
) -> None:
    server.stop()
    with closing(sqlite3.connect(tmp_path / "data" / "scheduler.db")) as database:
        database.execute("PRAGMA user_version = 999")
    done = subprocess.run(server.command, capture_output=True, text=True, timeout=30)
    assert done.returncode == 6
    assert "has schema version 999, but this program knows only" in done.stderr


def test_shows_lateness_and_counts_after_a_fire(server: SchedulerServer, tmp_path: Path) -> None:
    assert 'z4j_scheduler_fires_total{outcome="succeeded",reason="none"} 0' in server.get(
        "/metrics"
    )
    with stub_adapter(tmp_path, server):
        create(server, "once", "--at", "+1s")
        wanted = (
            'z4j_scheduler_fires_total{outcome="decided",reason="none"} 1',
            'z4j_scheduler_fires_total{outcome="dispatched",reason="none"} 1',
            'z4j_scheduler_fires_total{outcome="succeeded",reason="none"} 1',
            'z4j_scheduler_fire_lateness_seconds_count{engine="stub",origin="scheduled"} 1',
            'z4j_scheduler_schedules{state="finished"} 1',
            "z4j_scheduler_leader 1",
        )

        def all_there() -> bool:
            lines = server.get("/metrics").splitlines()
            return all(line in lines for line in wanted)

        wait_for("the fire in /metrics", all_there)


def test_fires_wait_with_their_reason_while_no_adapter_is_connected(
    server: SchedulerServer, tmp_path: Path
) -> None:
    create(server, "once", "--at", "+1s")

    def waiting() -> bool:
        (engine,) = server.cli("status")["engines"]
        return engine["pending"] == "1" and engine["reason"] == "no adapter for stub is connected"

    wait_for("the fire to wait", waiting)
    (fire,) = server.fires("once")
    assert fire["state"] == "STATE_PENDING"

    def shown(line: str) -> bool:
        return line in server.get("/metrics").splitlines()

    wait_for("the backlog", lambda: shown("z4j_scheduler_due_backlog 1"))
    with stub_adapter(tmp_path, server):
        wait_for("it to run", lambda: server.fires("once")[0]["state"] == "STATE_SUCCEEDED")
        # Nothing more comes due, and still the gauges come down: an alert hangs on them.
        wait_for("no backlog", lambda: shown("z4j_scheduler_due_backlog 0"))
        assert shown("z4j_scheduler_oldest_due_timestamp_seconds 0")
