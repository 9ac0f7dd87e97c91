"""The form in which people decide about errors, and the commands that do the same."""

import asyncio
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from deployments.cli.app import app
from flows.error_triage import TriageOptions, error_triage
from tasks.logs.ingest import read_log
from tasks.logs.store.triage import Action, NoSuchError, read_error

if TYPE_CHECKING:
    from tests.operated import Operate, Operated

LOG = '[[logs.source]]\nname = "app"\nkind = "file"\npaths = ["app.log"]\n'


@pytest.fixture
def shop(operate: "Operate") -> "Operated":
    """A service with two errors in its log, the words of one hostile."""
    shop = operate(more=LOG)
    lines = []
    for name, message in (("Boom", "no row 17"), ("Evil", "[red]<b>\x1b[31m‮ boo")):
        error = {"name": name, "message": message, "stack": "at f (/srv/app.js:3:1)"}
        now = datetime.now(UTC).isoformat()
        lines.append({"timestamp": now, "level": "error", "module": "shopping", "message": "failed", "error": error})
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (shop.settings.path.parent / "app.log").write_text(text)
    read_log(shop.history, shop.settings, shop.settings.logs.source[0], datetime.now(UTC), 60)
    return shop


def fingerprint(shop: "Operated", name: str) -> str:
    """The error of a name."""
    return str(shop.rows("SELECT fingerprint FROM error_groups WHERE name = :name", name=name)[0][0])


def rounds(shop: "Operated", *arguments: str) -> tuple[int, str]:
    """A command's exit status and all that it printed."""
    result = CliRunner().invoke(app, ["errors", *arguments, "--service", str(shop.settings.path)])
    return result.exit_code, result.output


@pytest.mark.usefixtures("prefect")
def test_the_form_records_a_decision_and_who_made_it(shop: "Operated") -> None:
    boom = fingerprint(shop, "Boom")
    decision = TriageOptions(error=boom[:8], action=Action.RESOLVE, by="kim", release="1.4.3", note="!12")
    state: Any = asyncio.run(error_triage(shop.name, decision, return_state=True))
    assert (state.type.value, state.name) == ("COMPLETED", "Recorded")
    known = read_error(shop.history, shop.name, boom)
    assert (known.state, known.resolved_release) == ("resolved", "1.4.3")
    [decided] = known.decisions
    assert (decided.by, decided.action, decided.detail) == ("kim", "resolve", "1.4.3; !12")
    wrong = TriageOptions(error="ffffffff", action=Action.IGNORE, by="kim")
    state = asyncio.run(error_triage(shop.name, wrong, return_state=True))
    assert state.is_failed() and "no error of shop has the fingerprint ffffffff" in str(state.message)


def test_commands_list_show_and_decide(shop: "Operated") -> None:
    boom = fingerprint(shop, "Boom")[:8]
    status, listed = rounds(shop, "list")
    assert status == 0 and "2 errors since" in listed and boom in listed
    assert rounds(shop, "assign", boom, "lee", "--by", "kim")[0] == 0
    assert rounds(shop, "ignore", boom, "--by", "kim", "--note", "a client's fault")[0] == 0
    assert boom not in rounds(shop, "list")[1]
    assert boom in rounds(shop, "list", "--all")[1]
    status, shown = rounds(shop, "show", boom)
    assert status == 0
    assert [word in shown for word in ("ignored", "lee", "no row 17", "kim: ignore a client's fault")] == [True] * 4
    assert rounds(shop, "reopen", boom, "--by", "kim") == (0, f"{boom} Boom no row <*>: open, lee\n")


def test_text_from_a_log_is_neither_markup_nor_control_characters(shop: "Operated") -> None:
    evil = fingerprint(shop, "Evil")
    for _, output in (rounds(shop, "list"), rounds(shop, "show", evil)):
        assert "[red]" in output
        assert "\x1b" not in output and "‮" not in output


def test_a_decision_on_an_unknown_error_is_refused(shop: "Operated") -> None:
    assert rounds(shop, "resolve", "ffffffff")[0] == 2
    assert rounds(shop, "resolve", "%")[0] == 2
    assert rounds(shop, "assign", fingerprint(shop, "Boom"), " ") == (
        2,
        "an error is assigned to somebody: name an assignee\n",
    )
    shop.rows("UPDATE error_groups SET fingerprint = 'abcd' || id")
    assert rounds(shop, "ignore", "abcd") == (
        2,
        "several errors of shop begin with abcd: give more of the fingerprint\n",
    )
    assert shop.rows("SELECT COUNT(*) FROM error_decisions")[0][0] == 0
    with pytest.raises(NoSuchError):
        read_error(shop.history, "another", fingerprint(shop, "Boom"))


def test_names_are_no_longer_than_their_column_however_they_are_spelt_out(shop: "Operated") -> None:
    boom = fingerprint(shop, "Boom")
    assert rounds(shop, "assign", boom, "\x1b" * 79, "--by", "\x1b" * 79)[0] == 0
    known = read_error(shop.history, shop.name, boom)
    assert (len(known.assignee), len(known.decisions[-1].by)) == (80, 80)
