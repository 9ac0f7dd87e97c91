"""Who may read what is written, and that nobody else may change it, whatever the umask."""

import asyncio
import os
import shutil
import stat
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from deployments.cli.app import app
from deployments.prefect_server import PrefectServer
from deployments.state import UpState, announced
from deployments.write_output import write_output
from flows.delivery import deliver
from tasks.history import migrate
from tasks.history.engine import HistoryError, open_history, reading, writing
from tasks.processes import Child
from tasks.state import STATE_VARIABLE, state_folder

if TYPE_CHECKING:
    from tests.operated import Operate, Site

PRIVATE = {
    "services/*.db*": 0o600,  # with -wal, -shm, and copies made before an upgrade
    "archive/shop/mail": 0o700,
    "archive/shop/mail/*.eml": 0o600,
    "archive/**/report.eml": 0o600,
    "state": 0o700,
    "state/*": 0o600,
    "state/prefect": 0o700,
    "state/prefect/server.log": 0o600,
}
"""What holds stored data, mails or addresses of the product's own."""
READABLE = {
    "archive/**/report.html": 0o644,  # the archive is there to be served, by another account's web server too
    "archive/**/report.json": 0o644,
    "archive/**/index.html": 0o644,
    "archive/shop/daily-checklist": 0o755,
    "out/service.toml": 0o644,  # names secrets, and holds none
    "out/findings.csv": 0o644,  # made for another program
}


@pytest.fixture(params=[0o022, 0o000], ids=["022", "000"])
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def wrong(folder: Path, modes: dict[str, int]) -> list[str]:
    """Files and folders with another mode than the table's; each of its patterns is of something."""
    found = [f"{pattern}: nothing" for pattern in modes if not [*folder.glob(pattern)]]
    for pattern, right in modes.items():
        found += [
            f"{path}: {mode(path):04o}"
            for path in folder.glob(pattern)
            if mode(path) != (0o700 if right == 0o600 and path.is_dir() else right)
        ]
    return found


@pytest.mark.usefixtures("prefect", "umask")
def test_what_is_written(operate: "Operate", site: "Site", tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(STATE_VARIABLE, str(tmp_path / "state"))
    shop = operate()
    place = shop.settings.path.parent
    old = open_history("sqlite:///old.db", place)
    migrate.upgrade(old, None, target="0001")
    assert migrate.upgrade(old, datetime.now(UTC)) is not None
    shop.run_daily(mail=True)
    assert asyncio.run(deliver(shop.settings, shop.history, print))["sent"] >= 1
    out = tmp_path / "out"
    out.mkdir()
    write_output(str(out / "findings.csv"), "finding\n")
    asked = ["init", site.url, "--output", str(out / "service.toml"), "--name", "new", "--no-run"]
    assert CliRunner().invoke(app, asked).exit_code == 0
    with (
        reading(old) as connection,
        announced(UpState("http://127.0.0.1:1/api", "http://127.0.0.1:1", 1)),
        PrefectServer(state_folder() / "prefect", auth=None, services=False).child,
    ):
        connection.exec_driver_sql("SELECT * FROM runs")
        assert wrong(tmp_path, PRIVATE | READABLE) == []
        assert {path.name for path in place.glob("old.db*")} >= {"old.db", "old.db-wal", "old.db-shm"}
    old.dispose()
    writable = [path for name in ("archive", "state", "out") for path in (tmp_path / name).rglob("*")]
    assert [path for path in writable if mode(path) & 0o022 and path.parent.name != "prefect"] == []


@pytest.mark.usefixtures("umask")
def test_the_log_of_a_child_is_narrowed_and_so_is_the_one_before(tmp_path: Path) -> None:
    log = tmp_path / "child.log"
    log.write_text("earlier\n" * 100)
    log.chmod(0o666)
    with Child([sys.executable, "-c", "print('secret')"], log=log) as child:
        child.wait(60)
        child.trim_log(10)
    assert (mode(log), mode(tmp_path / "child.log.1")) == (0o600, 0o600)


def test_a_history_that_others_may_read_becomes_private_and_says_so(
    empty_history: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "history.db"
    shutil.copy(empty_history, file)
    file.chmod(0o664)
    engines = [open_history("sqlite:///history.db", tmp_path) for _ in range(2)]
    with writing(engines[0]) as connection, reading(engines[1]):  # no lock of this process is lost
        connection.exec_driver_sql("CREATE TABLE notes (note)")
        busy = open_history("sqlite:///history.db?timeout=0.1", tmp_path)
        with pytest.raises(HistoryError, match="locked"), writing(busy):
            pass
        assert {mode(path) for path in tmp_path.glob("history.db*")} == {0o600}
    assert caplog.messages == [f"{file} was open to other accounts (mode 0664): it is this account's alone now"]
    for engine in engines:
        engine.dispose()


def test_it_stays_readable_to_its_owner_alone(empty_history: Path, tmp_path: Path) -> None:
    file = tmp_path / "history.db"
    shutil.copy(empty_history, file)
    file.chmod(0o444)
    with reading(open_history("sqlite:///history.db", tmp_path)) as connection:
        connection.exec_driver_sql("SELECT 1")
    assert mode(file) == 0o400
