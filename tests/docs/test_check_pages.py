"""The pages of the checks say what the code does: titles, severities, keys of the service file and their defaults."""

import re
from collections.abc import Iterator, Sequence
from functools import cache
from importlib import import_module
from math import isclose
from pathlib import Path
from typing import NamedTuple

import pytest
from pydantic import BaseModel

from deployments.docs_tables.sections import Key, grouped, sections
from reports import names
from reports.words import LOCALES, Words
from tasks.check_result import Check
from tasks.guide.known import every_check

ROOT = Path(__file__).parents[2]
HEADS = {
    "en": "Check id `{id}`. Severity: {severity} (level {level}).",
    "ja": "チェック ID `{id}`。重要度: {severity}（レベル {level}）。",
}
CODE = re.compile(r"`([^`\n]+)`")
BLOCK = re.compile(r"^ *```.*?```$", re.MULTILINE | re.DOTALL)
IN_SECTION = re.compile(r"(\[\[?[a-z_.]+\]?\])(?: ([a-z_0-9.]+)(?: = .+)?)?")
ALONE = re.compile(r"([a-z][a-z0-9]*(?:_[a-z0-9]+)+)(?: = .+)?|([a-z]+) = .+")
STATED = re.compile(
    r"`(?P<code>(?:\[\[?[a-z_.]+\]?\] )?[a-z_0-9]+)`"
    r"(?P<between>[^`（(。.;；:|\n]{0,24}[（(]| of |[,、] | )"
    r"(?P<default>default |既定 ?)?(?:周期の )?"
    r"(?P<figure>\d[\d,]*(?:\.\d+)?)(?P<unit> ?(?:%|[^\W\d_]+))?(?P<rest>[^)）`\n]*)"
)
"""A figure right behind a key: `key` (default 80 %), `key` (80 %), `key` days (default 14), `key` 80 %."""

OTHER_PROGRAMS = re.compile(
    r"(?:pg|autovacuum)_\w+|max_connections|(?:superuser_)?reserved_connections|shared_buffers|max_wal_size|xfs_growfs"
    r"|(?:deadlock|lock)_timeout|idle_in_transaction_session_timeout|wal_status|backup_manifest|track_counts|lc_messages"
    r"|search_path|listen_addresses|log_connections|node_modules"
)
AREAS = {"backups": ("backups", "databases"), "resources": ("resources", "database", "queues")}
SECONDS = {"ms": 0.001, "s": 1, "min": 60, "h": 3600, "days": 86400}
UNITS = {"秒": "s", "seconds": "s", "分": "min", "minutes": "min", "時間": "h", "hours": "h", "日": "days"}
PAGES = [pytest.param(check, locale, id=f"{locale}-{check.id}") for locale in LOCALES for check in every_check()]


class Setting(NamedTuple):
    """A key of the service file, and the head of the section that it stands in."""

    head: str
    key: Key


SETTINGS = tuple(
    Setting(place.head.strip("`"), key)
    for section in sections()
    for group in grouped(section).values()
    for place in section.places
    for key in group
)
HEADS_OF_SECTIONS = {setting.head for setting in SETTINGS}
PATHS = {head.strip("[]") for head in HEADS_OF_SECTIONS} | {f"{s.head.strip('[]')}.{s.key.name}" for s in SETTINGS}
"""Sections, and keys with theirs; `health.headers` is a table without keys of its own."""


@cache
def text_of(check: str, locale: str) -> str:
    page = (ROOT / "docs" / locale / "checks" / f"{check}.md").read_text(encoding="utf-8")
    return BLOCK.sub("", page)


def named(code: str, area: str = "") -> list[Setting]:
    """The keys that a page names by `key` or `[section] key`: those of its own area, if there are any."""
    section, _, name = code.rpartition("] ")
    found = [setting for setting in SETTINGS if setting.key.name == name]
    if section:
        return [setting for setting in found if setting.head == f"{section}]"]
    own = [s for s in found if s.head.strip("[]").split(".")[0] in AREAS.get(area, (area,))]
    return own or found


def is_known(code: str) -> bool:
    """False for a section or a key that no service file has."""
    if match := IN_SECTION.fullmatch(code):
        head, name = match.groups()
        path = ".".join(part for part in (head.strip("[]"), name) if part)
        return path in PATHS and (head in HEADS_OF_SECTIONS or (name is None and head == f"[{path}]"))
    if match := ALONE.fullmatch(code):
        name = match[1] or match[2]
        return bool(named(name)) or OTHER_PROGRAMS.fullmatch(name) is not None
    return True


def is_default(stated: re.Match[str], key: Key) -> bool:
    """Whether the figures behind a key are its default, in whatever unit they are written."""
    if isinstance(key.default, tuple):
        return [float(n) for n in re.findall(r"\d+", stated["figure"] + stated["rest"])] == list(key.default)
    if isinstance(key.default, str):  # a version, such as 1.2
        return bool(stated["figure"] == key.default)
    if not isinstance(key.default, int | float):
        return False
    unit = (stated["unit"] or "").strip()
    shares = re.findall(r"(\d[\d.]*) %", stated["rest"]) if stated["between"][-1] in "(（" else []
    return is_same(float(stated["figure"].replace(",", "")), UNITS.get(unit, unit), key) and all(
        is_same(float(share), "%", key) for share in shares
    )


def is_same(figure: float, unit: str, key: Key) -> bool:
    own = key.name.rpartition("_")[2]
    if unit == "%" and own != "percent":
        return isclose(figure, key.default * 100)
    if unit in SECONDS and own in SECONDS:
        return isclose(figure * SECONDS[unit], key.default * SECONDS[own])
    return isclose(figure, key.default)


def statements(check: str, locale: str) -> Iterator[tuple[re.Match[str], Sequence[Setting]]]:
    """The figures behind keys, but for those behind a key without a default that do not claim to be one."""
    for stated in STATED.finditer(text_of(check, locale)):
        settings = named(stated["code"], check.partition(".")[0])
        if settings and (stated["default"] or any(setting.key.default is not None for setting in settings)):
            yield stated, settings


def limits_models() -> Iterator[type[BaseModel]]:
    for file in sorted((ROOT / "tasks").glob("*/limits.py")):
        module = import_module(f"tasks.{file.parent.name}.limits")
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, BaseModel) and value.__module__ == module.__name__:
                yield value


@pytest.mark.parametrize(("check", "locale"), PAGES)
def test_the_head_is_that_of_the_check(check: Check, locale: str) -> None:
    title, empty, head, *_ = text_of(check.id, locale).split("\n")
    words = Words(locale, "UTC")
    severity = words.say(names.SEVERITIES[check.severity]).lower()
    assert title == f"# {words.say(check.title)}"
    assert (empty, head) == ("", HEADS[locale].format(id=check.id, severity=severity, level=int(check.severity)))


@pytest.mark.parametrize(("check", "locale"), PAGES)
def test_every_key_that_is_named_exists(check: Check, locale: str) -> None:
    assert [code for code in CODE.findall(text_of(check.id, locale)) if not is_known(code)] == []


@pytest.mark.parametrize(("check", "locale"), PAGES)
def test_every_default_that_is_stated_is_the_codes(check: Check, locale: str) -> None:
    wrong = [
        (stated.group(), [(setting.head, setting.key.default) for setting in settings])
        for stated, settings in statements(check.id, locale)
        if not any(is_default(stated, setting.key) for setting in settings)
    ]
    assert wrong == []


@pytest.mark.parametrize("locale", LOCALES)
def test_the_defaults_are_found_at_all(locale: str) -> None:
    assert sum(len([*statements(check.id, locale)]) for check in every_check()) > 90


@pytest.mark.parametrize("locale", LOCALES)
def test_every_limit_is_named_on_a_page(locale: str) -> None:
    pages = "\n".join(text_of(check.id, locale) for check in every_check())
    codes = {word for code in CODE.findall(pages) for word in re.split(r"[\s=.\[\]]+", code)}
    fields = [(model.__name__, name) for model in limits_models() for name in model.model_fields]
    assert len(fields) > 60
    assert [(model, name) for model, name in fields if name not in codes] == []


@pytest.mark.parametrize("locale", LOCALES)
def test_every_check_has_a_page_and_every_page_a_check(locale: str) -> None:
    pages = {path.stem for path in (ROOT / "docs" / locale / "checks").glob("*.md")}
    assert pages == {check.id for check in every_check()}
