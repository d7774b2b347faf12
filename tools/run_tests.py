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
        ["ctest", "--test-dir", str(build), "-j2", "--output-on-failure", "--no-tests=error"],
        GTEST_OUTPUT=f"xml:{results}/",
    )
    total = sum((count_junit(file) for file in results.glob("*.xml")), Count())
    return total if ok or total.failed else total + Count(failed=1)


def pytest(folder: str, build: Path, *args: str, python: str = sys.executable) -> Count:
    """One folder of Python tests, in the environment of `python`."""
    name = f"{Path(python).parent.parent.name}-{folder.replace('/', '-')}"
    report = build / "results" / f"pytest-{name}.junit"
    report.unlink(missing_ok=True)
    ok = run(
        f"Python tests in {folder}",
        [python, "-m", "pytest", "-q", folder, *args, f"--junitxml={report}"],
        Z4J_BUILD_DIR=str(build),
    )
    total = count_junit(report) if report.exists() else Count()
    return total if ok or total.failed else total + Count(failed=1)


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
    build = Path(os.environ.get("Z4J_BUILD_DIR", ROOT / "build" / "dev")).resolve()
    (build / "results").mkdir(parents=True, exist_ok=True)
    only_style, only_cpp = "--style" in sys.argv, "--cpp" in sys.argv
    total = Count()
    if not only_cpp:
        total += style()
    if not only_style:
        total += ctest(build)
    if not only_style and not only_cpp:
        arq = str(ROOT / "build" / "venv-arq" / "bin" / "python")
        total += pytest("adapters/tests/engines", build, python=arq)
        # Workers of engines take long to start, and compute little.
        total += pytest("adapters/tests", build, "-n", "2", "--dist", "loadfile")
        for folder in ("tests/differential", "tests/integration", "tests/chaos"):
            total += pytest(folder, build)
    print(f"{total.passed} passed, {total.failed} failed")
    return 1 if total.failed or not total.passed else 0


if __name__ == "__main__":
    sys.exit(main())
