"""The chains of a restored history: intact, tampered with, older, newer, or of another database."""

import runpy
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from tasks.backups.drill.history_copy import ChainsOfCopy, chain_problems
from tasks.backups.formats.sqlite_copies import restore_sqlite, take_sqlite
from tasks.history.engine import open_history, writing
from tasks.history.migrate import head, upgrade
from tasks.history.runs import RunKey, record_run
from tasks.observation import ObservationError

WRITING = runpy.run_path(str(Path(__file__).parents[2] / "history" / "writing.py"))
KEYS = [RunKey(name, "daily-checklist", "2026-11-24", "hand") for name in ("kondate", "aojiru")]


@pytest.fixture
def recorded(history: Engine) -> Engine:
    """Two chains of three runs."""
    for key in KEYS * 3:
        record_run(history, key, WRITING["a_run"](key))
    return history


def words(found: ChainsOfCopy) -> list[str]:
    return [problem.text.format(**problem.params) for problem in found.problems]


def tampered(history: Engine, *statements: str) -> None:
    with writing(history) as connection:
        for table in ("runs", "check_results", "evidence"):
            if history.dialect.name == "sqlite":
                connection.execute(text(f"DROP TRIGGER IF EXISTS {table}_no_update"))
            else:
                connection.execute(text(f"DROP TRIGGER IF EXISTS {table}_append_only ON {table}"))
        for statement in statements:
            assert connection.execute(text(statement)).rowcount >= 1


def test_whole_chains(recorded: Engine, history_url: str) -> None:
    assert chain_problems(history_url) == ChainsOfCopy(2, 6, ())


def test_a_changed_report_is_found_and_its_run_named(recorded: Engine, history_url: str) -> None:
    tampered(
        recorded, "UPDATE runs SET report = replace(report, '52.25', '12.25') WHERE sequence = 2 AND service_id = 1"
    )
    found = chain_problems(history_url)
    assert (found.services, found.runs) == (2, 6)
    assert "kondate: run 2 (daily-checklist 2026-11-24 r2): the stored report was changed" in words(found)
    assert all(problem.startswith("kondate: run 2 ") for problem in words(found))


def test_many_problems_are_counted(recorded: Engine, history_url: str) -> None:
    tampered(recorded, "UPDATE runs SET report = 'gone'")
    found = chain_problems(history_url)
    assert len(found.problems) == 11
    assert words(found)[-1] == "8 more chain problems"


def test_an_unknown_schema_is_a_problem(recorded: Engine, history_url: str) -> None:
    tampered(recorded, "UPDATE alembic_version SET version_num = 'f999'")
    [problem] = words(chain_problems(history_url))
    assert "has the unknown schema f999" in problem


def test_a_lost_table_is_a_problem(recorded: Engine, history_url: str) -> None:
    with writing(recorded) as connection:
        connection.execute(text("DROP TABLE evidence"))
    [problem] = words(chain_problems(history_url))
    assert "evidence" in problem


def test_another_services_database_is_a_problem(history_url: str, tmp_path: Path) -> None:
    engine = open_history(history_url, tmp_path)
    with writing(engine) as connection:
        connection.execute(text("CREATE TABLE orders (id INTEGER)"))
    engine.dispose()
    [problem] = words(chain_problems(history_url))
    assert "holds tables that are not opsrounds'" in problem


def test_an_empty_database_is_a_problem(history_url: str, tmp_path: Path) -> None:
    engine = open_history(history_url, tmp_path)
    with engine.connect():
        pass
    engine.dispose()
    assert words(chain_problems(history_url)) == ["The restored history database has no tables"]


def test_an_older_copy_is_upgraded_first(history_url: str, tmp_path: Path) -> None:
    engine = open_history(history_url, tmp_path)
    upgrade(engine, None, "head-1")
    engine.dispose()
    assert chain_problems(history_url) == ChainsOfCopy(0, 0, ())
    with engine.connect() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one() == head()
    engine.dispose()


@pytest.mark.parametrize("history_url", ["sqlite"], indirect=True)
def test_a_restored_copy_in_a_folder_of_any_name(recorded: Engine, tmp_path: Path) -> None:
    folder = tmp_path / "a ?#%41 -- b"
    folder.mkdir()
    take_sqlite(tmp_path / "history.db", folder / "taken.db", 60)
    taken = (folder / "taken.db").read_bytes()
    restore_sqlite(folder / "taken.db", folder / "copy.db", 60)
    assert chain_problems("sqlite:///copy.db", folder) == ChainsOfCopy(2, 6, ())
    assert (folder / "taken.db").read_bytes() == taken


def test_a_copy_that_is_not_there_is_no_verdict(tmp_path: Path) -> None:
    with pytest.raises(ObservationError, match="does not exist"):
        chain_problems("sqlite:///none.db", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_is_not_there_is_no_verdict(tmp_path: Path) -> None:
    with pytest.raises(ObservationError) as raised:
        chain_problems(f"postgresql://postgres:geheim@/copy?host={tmp_path}&connect_timeout=2")
    assert "geheim" not in str(raised.value)
