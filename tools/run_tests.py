"""Runs everything that `./dev test` promises and counts it.

--style runs the style checks alone, --cpp the C++ tests alone (of the build Z4J_BUILD_DIR names).

Style checks count as one test each; gtest and pytest report their own cases.  The last line is
"N passed, N failed"; the exit code is 1 if anything failed.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYTHON_FOLDERS = ["tools", "tests", "adapters", "bench"]


@dataclass(frozen=True)
class Count:
    """Cases that passed and failed."""

    passed: int = 0
    failed: int = 0

    def __add__(self, other: Count) -> Count:
        return Count(self.passed + other.passed, self.failed + other.failed)


def run(title: str, command: list[str], **env: str) -> bool:
    """Runs one command with its output shown; says how long it took."""
    print(f"=== {title}: {' '.join(command)[:200]}", flush=True)
    start = time.monotonic()
    code = subprocess.call(command, cwd=ROOT, env={**os.environ, **env})
    print(f"=== {title}: {'ok' if code == 0 else f'FAILED ({code})'}, "
          f"{time.monotonic() - start:.0f} s", flush=True)  # fmt: skip
    return code == 0


def check(title: str, command: list[str]) -> Count:
    """A style check: one case."""
    return Count(passed=1) if run(title, command) else Count(failed=1)


def count_junit(path: Path) -> Count:
    """Counts the cases of one JUnit or gtest XML file."""
    passed = failed = 0
    for case in ET.parse(path).getroot().iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            failed += 1
        elif case.find("skipped") is None and case.get("status") != "notrun":
            passed += 1
    return Count(passed, failed)


def ctest(build: Path) -> Count:
    """All gtest binaries; a binary that dies counts as one failure."""
    results = build / "results"
    for old in results.glob("*.xml"):
        old.unlink()
    ok = run(
        "C++ tests",
        # Most of them wait more than they compute.
        ["ctest", "--test-dir", str(build), "-j3", "--output-on-failure", "--no-tests=error"],
        GTEST_OUTPUT=f"xml:{results}/",
    )
    total = sum((count_junit(file) for file in results.glob("*.xml")), Count())
    return total if ok or total.failed else total + Count(failed=1)


@dataclass(frozen=True)
class PythonTests:
    """One folder of Python tests in one environment of build/."""

    folder: str
    build: Path
    arguments: tuple[str, ...] = ()
    environment: str = "venv"

    @property
    def report(self) -> Path:
        """Where pytest writes what it found."""
        name = f"{self.environment}-{self.folder.replace('/', '-')}"
        return self.build / "results" / f"pytest-{name}.junit"

    def __call__(self, *more: str) -> Count:
        """Runs them."""
        self.report.unlink(missing_ok=True)
        python = str(ROOT / "build" / self.environment / "bin" / "python")
        ok = run(
            f"Python tests in {self.folder}",
            [python, "-m", "pytest", "-q", self.folder, *self.arguments, *more,
             f"--junitxml={self.report}"],
            Z4J_BUILD_DIR=str(self.build),
        )  # fmt: skip
        total = count_junit(self.report) if self.report.exists() else Count()
        return total if ok or total.failed else total + Count(failed=1)


def adapter_tests(build: Path) -> list[PythonTests]:
    """Those of the adapters, in the environments of all versions that are tested."""
    # Workers of engines take long to start, and compute little.
    folder, three = "adapters/tests", ("-n", "3", "--dist", "loadfile")
    # Of the oldest versions the contract, and what the table of docs/engines.md says.
    oldest = ("-n", "4", "--dist", "loadfile", "-m", "shows")
    # What the libraries of the arq environment have to do with.
    beside_arq = (
        f"{folder}/transfer/test_apscheduler4.py",
        f"{folder}/transfer/test_rq_scheduler_importing.py",
        f"{folder}/transfer/test_exports_to_apscheduler.py",
        f"{folder}/transfer/test_exports_to_rq.py",
        f"{folder}/transfer/test_exports_to_rq_scheduler.py",
        "--ignore-glob=*/test_rq.py",
        "--ignore-glob=*/test_rq_[!s]*",
    )
    return [
        PythonTests(f"{folder}/engines", build, (*beside_arq, *three), "venv-arq"),
        PythonTests(folder, build, three),
        PythonTests(folder, build, oldest, environment="venv-oldest"),
    ]


def build_dir() -> Path:
    """Where the C++ build is, and reports go: Z4J_BUILD_DIR, or build/dev."""
    return Path(os.environ.get("Z4J_BUILD_DIR", ROOT / "build" / "dev")).resolve()


def style() -> Count:
    """Import law, formatters in check mode, linters."""
    cc = subprocess.check_output(
        ["git", "ls-files", "*.cc", "*.h"], cwd=ROOT, text=True
    ).split()  # fmt: skip
    python = [folder for folder in PYTHON_FOLDERS if (ROOT / folder).exists()]
    total = check("import law", [sys.executable, "tools/tidy.py"])
    total += check("clang-format", ["clang-format-14", "--dry-run", "-Werror", *cc])
    total += check("ruff format", [sys.executable, "-m", "ruff", "format", "--check", *python])
    total += check("ruff check", [sys.executable, "-m", "ruff", "check", *python])
    total += check(
        "mypy",
        [sys.executable, "-m", "mypy", "--config-file", "adapters/pyproject.toml", "adapters/src"],
    )
    total += check("buf lint", ["build/node/node_modules/.bin/buf", "lint"])
    return total


def main() -> int:
    """Runs all, prints the count."""
    build = build_dir()
    (build / "results").mkdir(parents=True, exist_ok=True)
    only_style, only_cpp = "--style" in sys.argv, "--cpp" in sys.argv
    total = Count()
    if not only_cpp:
        total += style()
    if not only_style:
        total += ctest(build)
    if not only_style and not only_cpp:
        adapters = sum((tests() for tests in adapter_tests(build)), Count())
        if not adapters.failed:
            adapters += check(
                "table of docs/engines.md", [sys.executable, "tools/matrix.py", "--check"]
            )
        total += adapters
        # Those of integration wait more than they compute; those of chaos want both cores.
        total += PythonTests("tests/differential", build)()
        total += PythonTests("tests/integration", build, ("-n", "3", "--dist", "loadfile"))()
        total += PythonTests("tests/chaos", build)()
    print(f"{total.passed} passed, {total.failed} failed")
    return 1 if total.failed or not total.passed else 0


if __name__ == "__main__":
    sys.exit(main())
