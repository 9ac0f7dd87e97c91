"""What the reference of the service file says of a key."""

from pathlib import Path

import pytest
from pydantic import BaseModel

from deployments.docs_tables.docstrings import about
from deployments.docs_tables.keys import keys, toml
from deployments.docs_tables.sections import grouped, keys_of, section_of, sections
from deployments.docs_tables.words import DocWords
from tasks.backups.settings import BackedUp, Database
from tasks.configuration import SecretRef
from tasks.settings import Settings
from tasks.slo.settings import Availability, Uptime


class Example(BaseModel):
    """A section with one key that is described and one that is not."""

    described: int = 1
    """How many
    there are. Source: a book, page 3."""
    bare: int = 2


def test_a_docstring_is_a_meaning_and_a_source() -> None:
    assert about(Example, "described") == ("How many there are.", "a book, page 3")


def test_a_key_without_a_docstring_is_refused() -> None:
    with pytest.raises(ValueError, match=r"Example\.bare has no docstring"):
        about(Example, "bare")


def test_every_key_of_the_file_stands_in_a_section() -> None:
    described = {kind for section in sections() for kind in section.kinds}
    models = {model for model in _models(Settings) if model is not SecretRef}
    assert models - described == {Settings, BackedUp}
    assert section_of(BackedUp) is section_of(Database)
    for section in sections():
        listed = {(kind, key.name) for kinds, group in grouped(section).items() for kind in kinds for key in group}
        assert listed == {(kind, name) for kind in section.kinds for name in kind.model_fields}


def _models(schema: object) -> set[type[BaseModel]]:
    """Every model that a core schema validates, found without the generator's own walk."""
    found: set[type[BaseModel]] = set()
    waiting = [getattr(schema, "__pydantic_core_schema__", None)]
    while waiting:
        match waiting.pop():
            case dict(part):
                if part.get("type") == "model":
                    found.add(part["cls"])
                waiting.extend(part.values())
            case list() | tuple() as parts:
                waiting.extend(parts)
    return found


def test_sections_are_in_the_order_of_the_file() -> None:
    heads = [place.head for section in sections() for place in section.places]
    assert heads[:4] == ["`[service]`", "`[[instances]]`", "`[health]`", "`[health.limits]`"]
    assert {"`[[logs.source]]`", "`[databases.offsite]`", "`[[databases.invariants]]`"} <= {*heads}


def test_a_key_of_several_kinds_stands_once() -> None:
    named = {kinds: [key.name for key in group] for kinds, group in grouped(section_of(Uptime)).items()}
    assert [name for names in named.values() for name in names].count("min_coverage") == 1
    assert named[(Availability,)] == ["target", "from_balancer"]
    assert next(iter(named.values())) == ["name", "kind", "window"]


def test_a_name_comes_first() -> None:
    assert next(keys_of(Database)).name == "name"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (2.0, "2.0"),
        ('a "b"', '"a \\"b\\""'),
        (Path("reports/output"), '"reports/output"'),
        (("a", 1), '["a", 1]'),
        (Example(), "{ described = 1, bare = 2 }"),
    ],
)
def test_defaults_are_toml(value: object, text: str) -> None:
    assert toml(value) == text


@pytest.mark.parametrize(
    "row",
    [
        "| `timeout_s` | number, over 0 to 60 | `2.0` | Longest time of one request, body included. |  |",
        "| `url` | address or secret | **required** |",
        "| `latency_bounds_ms` | list of 1 to 4 numbers | `[200.0, 500.0, 1000.0]` |",
        "| `source` | list of [tables](#logssource) | `[]` |",
        "| `history` | [table as `[[databases]]`](#databases) or [table](#backupshistory-backupsdatabases-",
        '| `kind` | `"availability"`, `"error-rate"`, `"latency"`, `"uptime"`, `"kpi"`, `"incident-resolution"`, ',
        '| `container` | `true`, `false`, `"auto"` | `"auto"` |',
        '| `environment` | text, at most 40 characters | `"production"` |',
        '| `burn` | list of 1 to 8 [tables](#sloalertsburn) | `[{ budget_share = 0.02, long_h = 1.0, level = "page" },',
        "| `warn_disk_percent` | number, over 0 to 100 | `80.0` | Used disk space, as `df` shows it. | Zabbix's ",
        "| `daily` | table of lists of texts or [tables](#guidedailyitem-",
    ],
)
def test_rows_of_the_reference(row: str) -> None:
    assert f"\n{row}" in keys(DocWords("en", {}))
