"""What all tests share, and the word of CI that nothing is skipped there."""

import gc
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

pytest_plugins = [
    "tests.fixtures.chat",
    "tests.fixtures.databases",
    "tests.fixtures.sandbox",
    "tests.fixtures.servers",
    "tests.operated",
]

# What commands print must not follow the locale of whoever runs the tests.
os.environ["LC_ALL"] = "C.UTF-8"

# Started in the background of a shell this process ignores Ctrl-C, and so would every command that a test interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Hundreds of databases are made and dropped: their files, and those of what is started, are in memory if it has room.
_MEMORY = Path("/dev/shm")
_ROOM_BYTES = 8 << 30
if "TMPDIR" not in os.environ and _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free >= _ROOM_BYTES:
    os.environ["TMPDIR"] = tempfile.tempdir = str(_MEMORY)

# What is imported and collected stays, and is not to be looked through again and again for what could go.
gc.set_threshold(100_000)

# A busy machine's hiccup is no finding of a test. The examples are the same in each run, so that a change is judged by
# what it changes; `make deep` tries more of them, and `make study` looks for others.
for _name, _examples, _others in (("opsrounds", 20, False), ("deep", 100, False), ("study", 500, True)):
    hypothesis.settings.register_profile(
        _name,
        deadline=None,
        max_examples=_examples,
        derandomize=not _others,
        suppress_health_check=[hypothesis.HealthCheck.too_slow],
    )
hypothesis.settings.load_profile("opsrounds")


@pytest.hookimpl(tryfirst=True)  # before the marks are selected
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What needs an installed program is deep: it skips on a bare machine, and CI runs it. What runs alone is rare."""
    for item in items:
        if item.get_closest_marker("alone"):
            item.add_marker(pytest.mark.study)
        if any(item.get_closest_marker(name) for name in ("alone", "chromium", "postgresql", "prometheus")):
            item.add_marker(pytest.mark.deep)


def pytest_collection_finish() -> None:
    """What there is now stays to the end."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def no_collection() -> Iterator[None]:
    """For what goes as deep as Python lets it: what is collected there cannot be ended, and that would be a failure."""
    gc.disable()
    yield
    gc.enable()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name what was skipped where nothing may be."""
    if _skipped_against_the_rules(terminalreporter):
        terminalreporter.write_line("OPSROUNDS_SKIP_NOTHING is set, and tests were skipped", red=True)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """A skipped test fails the run where OPSROUNDS_SKIP_NOTHING is set."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None:  # a worker of pytest-xdist; what it skipped is known where all results arrive
        return
    if exitstatus == pytest.ExitCode.OK and _skipped_against_the_rules(reporter):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _skipped_against_the_rules(reporter: pytest.TerminalReporter) -> bool:
    return bool(os.environ.get("OPSROUNDS_SKIP_NOTHING")) and bool(reporter.stats.get("skipped"))
