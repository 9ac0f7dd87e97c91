"""Backup settings of a service file, and what is refused with its key."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tasks.backups.databases import targets_of, unverified_databases
from tasks.backups.settings import NotApplicable
from tasks.check_result import Status
from tasks.configuration import ConfigurationError
from tasks.settings import Settings, load_settings

SERVICE = '[service]\nname = "shop"\nbase_url = "http://shop.example"\n'
NOW = datetime(2026, 11, 24, tzinfo=UTC)
Read = Callable[[str], Settings]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def loaded(text: str) -> Settings:
        file = tmp_path / "service.toml"
        file.write_text(SERVICE + text, encoding="utf-8")
        return load_settings(file)

    return loaded


def database(more: str, name: str = "main") -> str:
    return f'[backups]\n[[databases]]\nname = "{name}"\n{more}\n'


REFUSED = {
    "databases without backups": (
        '[[databases]]\nname = "main"\npattern = "b/*.dump"\n',
        ["databases: they are verified only with [backups]: add that section (it may be empty)"],
    ),
    "unknown key of the history": ("[backups.history]\nrpo = 3\n", ["backups.history.rpo: unknown key; known are "]),
    "unknown key of a database": (database('pattern = "x"\nrpo = 3'), ["databases.0.rpo: unknown key; known are "]),
    "the name history": (
        database('pattern = "x"', "history"),
        ["databases.0: 'history' is the name of opsrounds' own database: set [backups.history]"],
    ),
    "twice": (
        database('pattern = "x"') + '[[databases]]\nname = "main"\npattern = "y"\n',
        ["databases: a name must not be listed twice: main"],
    ),
    "neither pattern nor command": (
        database(""),
        ["databases.0: give pattern, or copy_command for a managed database"],
    ),
    "both": (database('pattern = "x"\ncopy_command = ["restore"]'), ["give pattern, or copy_command"]),
    "drop without copy": (
        database('pattern = "x"\ndrop_command = ["drop"]'),
        ["databases.0: drop_command needs copy_command"],
    ),
    "a password": (
        database('pattern = "x"\nlive = "postgresql://me:hunter22@db/shop"'),
        ["databases.0.live: an address with a password is a secret"],
    ),
    "no address": (database('pattern = "x"\nlive = "mysql://db/shop"'), ["databases.0.live: must be postgresql://"]),
    "an RPO that cannot be met": (
        database('pattern = "x"\nevery_h = 24\nrpo_h = 12'),
        ["databases.0: rpo_h 12 is shorter than every_h 24: it could never be met"],
    ),
    "an invariant without bounds": (
        database('pattern = "x"\ninvariants = [{ name = "a", sql = "SELECT 1" }]'),
        ["databases.0.invariants.0: give min, max or both: an invariant needs a limit"],
    ),
    "bounds the wrong way round": (
        database('pattern = "x"\ninvariants = [{ name = "a", sql = "SELECT 1", min = 3, max = 2 }]'),
        ["databases.0.invariants.0: min 3 is above max 2"],
    ),
    "two off-site locations": (
        database('pattern = "x"\noffsite = { pattern = "/mnt/x", s3 = "s3://b/p" }'),
        ["databases.0.offsite: give pattern ="],
    ),
    "half a login": (
        database('pattern = "x"\noffsite = { s3 = "s3://bucket/p", access_key = { env = "A" } }'),
        ["databases.0.offsite: access_key and secret_key belong together"],
    ),
    "a folder for a pattern": (database('pattern = "backups/"'), ["databases.0.pattern: a pattern names files"]),
    "databases and none": (
        '[backups]\ndatabases.not_applicable = "none"\n[[databases]]\nname = "main"\npattern = "x"\n',
        ["databases: [backups] databases declares that there are none: remove one of the two"],
    ),
    "another history": (
        '[backups.history]\nlive = "sqlite:///other.db"\n',
        ["backups.history: live cannot be set: [history] url says where the history database is"],
    ),
    "a pattern with NUL": (database('pattern = "a\\u0000b"'), ["databases.0.pattern: a pattern names files"]),
    "size limits that contradict": (
        "[backups.limits]\nfail_size_share = 0.9\n",
        ["backups.limits: fail_size_share 0.9 is above min_size_share 0.5"],
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_mistake_is_reported_with_its_key_and_never_with_a_password(read: Read, case: str) -> None:
    text, expected = REFUSED[case]
    with pytest.raises(ConfigurationError) as refused:
        read(text)
    problems = "\n".join(refused.value.problems)
    assert [part for part in expected if part not in problems] == [], problems
    assert "hunter22" not in str(refused.value)


def test_the_history_comes_first_and_has_a_place_without_a_word(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_DSN", "postgresql://watcher:hunter22@db/shop")
    settings = read(database('pattern = "dumps/main-*.dump"\nlive = { env = "SHOP_DSN" }'))
    history, main = targets_of(settings)
    assert (history.name, history.subject, history.pattern) == ("history", "database:history", "backups/shop-history-*")
    assert history.sqlite == settings.path.parent / "opsrounds.db"
    assert (main.name, main.pattern, main.sqlite) == ("main", "dumps/main-*.dump", None)
    assert main.live == "postgresql://watcher:hunter22@db/shop" and "hunter22" not in repr(main)
    assert unverified_databases(settings, "", NOW) == ()
    assert [(r.subject, r.status) for r in unverified_databases(settings, "main", NOW)] == [
        ("database:history", Status.UNKNOWN)
    ]


def test_the_history_can_be_left_out_with_a_reason(read: Read) -> None:
    settings = read('[backups]\nhistory = { not_applicable = "kept by the platform team" }\n')
    assert settings.backups is not None and isinstance(settings.backups.history, NotApplicable)
    assert targets_of(settings) == ()
    history, service = unverified_databases(settings, "", NOW)
    assert (history.subject, history.status) == ("database:history", Status.SKIPPED)
    assert history.reason.params == {"text": "kept by the platform team"}
    assert (service.subject, service.status) == ("service", Status.UNKNOWN)


def test_unlisted_databases_are_unknown_and_not_applicable_ones_skipped(read: Read) -> None:
    [unnamed] = unverified_databases(read("[backups]\n"), "", NOW)
    assert (unnamed.subject, unnamed.status) == ("service", Status.UNKNOWN)
    assert "add [[databases]], or set databases.not_applicable" in unnamed.reason.text
    [none] = unverified_databases(read('[backups]\ndatabases.not_applicable = "it keeps nothing"\n'), "", NOW)
    assert (none.subject, none.status, none.reason.params) == ("service", Status.SKIPPED, {"text": "it keeps nothing"})


def test_without_the_section_nothing_is_a_target(read: Read) -> None:
    assert targets_of(read("")) == ()


def test_a_history_on_postgresql_is_reached_without_the_drivers_name(read: Read) -> None:
    settings = read('[backups]\n[history]\nurl = "postgresql+psycopg://rounds@db/ops"\n')
    [history] = targets_of(settings)
    assert history.live == "postgresql://rounds@db/ops" and history.sqlite is None
