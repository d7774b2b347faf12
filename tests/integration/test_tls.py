"""TLS and mutual TLS, for the command line and for adapters, with certificates made here."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.harness.processes import VENV_BIN, Program, wait_for
from tests.harness.scheduler_server import CliError, SchedulerServer


def openssl(*args: str) -> None:
    """Runs openssl quietly."""
    subprocess.run(["openssl", *args], check=True, capture_output=True)


def make_authority(folder: Path, name: str) -> Path:
    """A CA certificate with its key beside it."""
    certificate = folder / f"{name}.pem"
    openssl(
        "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
        "-days", "2", "-subj", f"/CN={name}", "-keyout", str(folder / f"{name}.key"),
        "-out", str(certificate),
    )  # fmt: skip
    return certificate


def make_certificate(folder: Path, name: str, authority: Path) -> tuple[str, str]:
    """Certificate and key for 127.0.0.1, signed by `authority`."""
    paths = {suffix: str(folder / f"{name}.{suffix}") for suffix in ("key", "csr", "pem", "ext")}
    openssl(
        "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
        "-subj", f"/CN={name}", "-keyout", paths["key"], "-out", paths["csr"],
    )  # fmt: skip
    Path(paths["ext"]).write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
    openssl(
        "x509", "-req", "-in", paths["csr"], "-CA", str(authority), "-CAkey",
        str(authority.with_suffix(".key")), "-CAcreateserial", "-days", "2",
        "-extfile", paths["ext"], "-out", paths["pem"],
    )  # fmt: skip
    return paths["pem"], paths["key"]


def test_mutual_tls_lets_in_only_those_with_a_certificate(tmp_path: Path) -> None:
    authority = make_authority(tmp_path, "ca")
    stranger = make_authority(tmp_path, "stranger")
    cert, key = make_certificate(tmp_path, "server", authority)
    own, own_key = make_certificate(tmp_path, "client", authority)
    other, other_key = make_certificate(tmp_path, "other", stranger)
    tls = ("--tls-cert", cert, "--tls-key", key, "--tls-client-ca", str(authority))
    trust = ("--tls-ca", str(authority))
    with SchedulerServer(tmp_path, args=tls) as server:
        client = (*trust, "--tls-cert", own, "--tls-key", own_key)
        assert server.cli("status", *client)["isLeader"]
        for refused in (
            (),  # Plaintext.
            trust,  # No certificate.
            (*trust, "--tls-cert", other, "--tls-key", other_key),
            ("--tls-ca", str(stranger), "--tls-cert", own, "--tls-key", own_key),
        ):
            with pytest.raises(CliError) as error:
                server.cli("status", "--timeout", "5", *refused)
            assert error.value.code == 7

        adapter = [str(VENV_BIN / "z4j-adapter"), "stub", "--scheduler", server.address, *client]
        with Program("adapter", adapter, tmp_path):
            wait_for("the adapter", lambda: server.cli("adapter", "list", *client))


def test_a_certificate_needs_its_key(tmp_path: Path) -> None:
    server = SchedulerServer(tmp_path, args=("--tls-cert", "server.pem"))
    done = subprocess.run(server.command, capture_output=True, text=True, timeout=30)
    assert done.returncode == 2
    assert "--tls-key: certificate and key belong together" in done.stderr


def test_a_certificate_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    server = SchedulerServer(tmp_path, args=("--tls-cert", "/no.pem", "--tls-key", "/no.key"))
    done = subprocess.run(server.command, capture_output=True, text=True, timeout=30)
    assert done.returncode == 2
    assert "--tls-cert: cannot read /no.pem" in done.stderr
