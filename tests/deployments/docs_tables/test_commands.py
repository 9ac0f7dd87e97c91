"""What the reference of the command line says of a command."""

import pytest

from deployments.docs_tables.commands import commands
from deployments.docs_tables.words import DocWords
from flows.catalogue import CHECKLISTS


@pytest.fixture(scope="module")
def english() -> str:
    return commands(DocWords("en", {}))


@pytest.mark.parametrize(
    "name", ["run", "up", "config check", "db verify", "errors resolve", "record import", "oncall", "oncall show"]
)
def test_every_command_has_its_usage(english: str, name: str) -> None:
    assert f"### `rounds {name}`\n\n```\nrounds {name} " in english


@pytest.mark.parametrize("flow", CHECKLISTS)
def test_every_checklist_has_its_options(english: str, flow: str) -> None:
    form = CHECKLISTS[flow].form
    options = english.split(f"#### `rounds run {flow}`")[1].split("\n###")[0]
    wanted = [*(["for"] if form.PERIOD else []), *form.own()]
    assert [line.split("`")[1] for line in options.splitlines() if line.startswith("| `")] == [f"--{n}" for n in wanted]


@pytest.mark.parametrize(
    "row",
    [
        "| `FLOW` | text | **required** |",
        "| `--lang` | `ja`, `en` |  |",
        "| `--host` | text | `127.0.0.1` |",
        '| `--depth` | `"full"`, `"files"` | `full` |',
    ],
)
def test_rows_of_the_reference(english: str, row: str) -> None:
    assert f"\n{row}" in english


def test_forms_are_shown_in_the_readers_language() -> None:
    assert "対象週" in commands(DocWords("ja", {}))
    assert "対象週" not in commands(DocWords("en", {}))
