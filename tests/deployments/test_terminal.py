"""What commands print of stored and outside texts: all that they say, and nothing that they do to a terminal."""

import io
import json
import os
import pty
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from rich.table import Table
from rich.text import Text
from sqlalchemy import text
from typer.testing import CliRunner

from deployments.cli.app import app
from deployments.screen import Screen
from deployments.terminal import say, say_json, say_text, write_data
from tasks.check_result import msg
from tasks.history.engine import writing
from tasks.logs.ingest import read_log
from tasks.security.facts.scans import Completeness, Coverage, Kind, Scan, Target
from tasks.security.store.scans import store_scans
from tests.known_findings import known_finding

if TYPE_CHECKING:
    from tests.operated import Operate, Operated

FORGED = "shop: 9 runs, intact"
HOSTILE = (
    "\x1b[2J\x1b[1A\x1b[2K"  # clears the screen, and the line above
    "\x1b]8;;http://evil.example\x1b\\link\x1b]8;;\x1b\\"  # OSC 8
    "\x9b31m\x85\x9d0;title\x9c"  # C1
    "\u202eright to left\u202c\u2066\u200f\u200b\ufeff"  # directions, and what has no width
    "\r\x07\x08\x7f\x00\t\U000e0041"
    f"\n{FORGED}\u2028{FORGED}\x0b\x0c"
    "[red]markup[/red] [link=http://evil.example]here[/link] :skull:"
)
OF_ALL = ("\\u001b[2J", "\\u001b]8;;http://evil.example", "\\u009b31m", "\\u202eright", "[red]markup[/red]", ":skull:")
PRINTED = re.compile(r"\s+")


def harmless(printed: str) -> str:
    """What was printed without its line breaks; no character of it does anything to a terminal."""
    assert [hex(ord(c)) for c in printed if not c.isprintable() and c not in "\n\u3000"] == []
    assert [line for line in printed.splitlines() if line.startswith(FORGED)] == []
    return PRINTED.sub("", printed)


@pytest.fixture
def shop(operate: "Operate", monkeypatch: pytest.MonkeyPatch) -> "Operated":
    """A service whose history somebody changed who had all rights on its database."""
    monkeypatch.setenv("COLUMNS", "4000")
    shop = operate(more='[[logs.source]]\nname = "app"\nkind = "file"\npaths = ["app.log"]\n[source]\npath = "."\n')
    now = datetime.now(UTC)
    line = {"timestamp": now.isoformat(), "level": "error", "module": "shopping", "message": "no stock"}
    (shop.settings.path.parent / "app.log").write_text(json.dumps(line) + "\n")
    read_log(shop.history, shop.settings, shop.settings.logs.source[0], now, 40.0)
    finding = known_finding(1, Kind.CODE).finding
    target, coverage = Target("bandit", "shop", Kind.CODE), Coverage(1, 1)
    scan = Scan(target, "1", now, 1.0, Completeness.COMPLETE, msg("All was scanned"), coverage, "0" * 64, (finding,))
    store_scans(shop.history, shop.name, [scan], now)
    hour_ago = f"{now - timedelta(hours=1):%Y-%m-%dT%H:%MZ}"
    for words in (
        ["record", "deploy", "1.4.3"],
        ["record", "outage", "--started", hour_ago, "--cause", "disk"],
        ["record", "maintenance", "--starts", hour_ago, "--ends", f"{now:%Y-%m-%dT%H:%MZ}", "--reason", "disk",
         "--late-reason", "urgent"],
        ["errors", "assign", fingerprint(shop, "error_groups"), "kim", "--by", "lee"],
    ):  # fmt: skip
        assert rounds(shop, *words)[0] == 0, words
    return shop


def fingerprint(shop: "Operated", table: str) -> str:
    return str(shop.rows(f"SELECT fingerprint FROM {table}")[0][0])[:8]


def tamper(shop: "Operated") -> None:
    """Hostile texts wherever a text is stored that a command lists."""
    with writing(shop.history) as connection:
        for (trigger,) in connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).all():
            connection.execute(text(f"DROP TRIGGER {trigger}"))
        for table, columns in {
            "runs": ("flow", "period", "verdict"),
            "error_groups": ("module", "name", "message", "frame", "assignee", "first_release", "last_release"),
            "error_decisions": ("decided_by", "detail"),
            "deploys": ("version",),
            "outages": ("module", "cause"),
            "maintenance_windows": ("module", "reason", "late_reason", "recorded_by"),
            "security_events": ("detail",),
            "security_scans": ("target",),
        }.items():
            for column in columns:
                changed = connection.execute(
                    text(f"UPDATE {table} SET {column} = {column} || :hostile"), {"hostile": HOSTILE}
                )
                assert changed.rowcount >= 1, (table, column)
        hostile = {"hostile": HOSTILE, "facts": HOSTILE}
        for key in ("title", "rule", "path"):
            connection.execute(
                text(f"UPDATE security_findings SET facts = json_set(facts, '$.{key}', :hostile)"), hostile
            )
        connection.execute(
            text("UPDATE error_groups SET exemplar = json_set(exemplar, '$.message', :hostile)"), hostile
        )
        connection.execute(
            text("INSERT INTO services (name, sequence, chained) VALUES (:hostile, 3, :hostile)"), hostile
        )


def rounds(shop: "Operated", *arguments: str) -> tuple[int, str]:
    """A command's exit status, and all that it printed."""
    result = CliRunner().invoke(app, [*arguments, "--service", str(shop.settings.path)])
    assert not isinstance(result.exception, Exception), result
    return result.exit_code, result.output


@pytest.mark.usefixtures("prefect")
def test_no_stored_text_reaches_the_terminal_as_a_command_to_it(shop: "Operated") -> None:
    error, finding = (fingerprint(shop, table) for table in ("error_groups", "security_findings"))
    shop.run_daily()
    tamper(shop)
    status, verified = rounds(shop, "db", "verify")
    [verdict] = [line for line in verified.splitlines() if line.startswith("shop: ")]
    assert status == 1 and re.fullmatch("shop: 1 runs, broken, [0-9a-f]{64}", verdict)
    harmless(verified)
    for words in (
        ["db", "verify"],
        ["report", "list"],
        ["record", "list"],
        ["errors", "list"],
        ["errors", "show", error],
        ["errors", "resolve", error, "--by", "kim"],
        ["findings", "list"],
        ["findings", "show", finding],
    ):
        printed = harmless(rounds(shop, *words)[1])
        missing = [part for part in OF_ALL if PRINTED.sub("", part) not in printed]
        assert missing == [], (words, printed)
    for words in (["db", "status"], ["findings", "fix"], ["report", "rebuild"]):
        harmless(rounds(shop, *words)[1])


def test_a_schema_somebody_wrote_into_the_database_is_refused_in_words(shop: "Operated") -> None:
    shop.rows("UPDATE alembic_version SET version_num = :hostile", hostile=HOSTILE)
    for words in (["db", "verify"], ["db", "status"], ["db", "upgrade"], ["errors", "list"]):
        status, printed = rounds(shop, *words)
        assert status == 3
        assert "\\u001b[2J" in harmless(printed)


def test_what_commands_print_line_by_line(capsys: pytest.CaptureFixture[str]) -> None:
    say(f"a{HOSTILE}", "b", err=True)
    say_text(f"c{HOSTILE}", err=True)
    printed = capsys.readouterr().err
    assert len(printed.splitlines()) == 4
    assert all(PRINTED.sub("", part) in harmless(printed) for part in OF_ALL)


def test_json_means_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    data = {"text": HOSTILE, "japanese": "全角\u3000空白"}
    say_json(json.dumps(data, ensure_ascii=False, indent=1))
    printed = capsys.readouterr().out
    harmless(printed)
    assert json.loads(printed) == data and "全角\u3000空白" in printed


def test_data_are_written_as_they_are_but_to_a_person(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_data(HOSTILE)
    assert capsys.readouterr().out == HOSTILE
    person, program = pty.openpty()
    with os.fdopen(program, "w") as stdout:
        monkeypatch.setattr("sys.stdout", stdout)
        write_data(f"a\tb{HOSTILE}\n")
        stdout.flush()
    printed = os.read(person, 100_000).decode().replace("\r\n", "\n")
    os.close(person)
    assert all(PRINTED.sub("", part) in PRINTED.sub("", printed) for part in OF_ALL)
    assert not [c for c in printed if not c.isprintable() and c not in "\n\u3000"]


@pytest.mark.parametrize("as_it_is", [str, Text], ids=["string", "text"])
def test_a_coloured_table_has_the_colours_of_its_own_alone(as_it_is: Any) -> None:
    plain, coloured = io.StringIO(), io.StringIO()
    for file, options in ((plain, {}), (coloured, {"force_terminal": True, "color_system": "truecolor"})):
        screen = Screen(file=file, width=1000, **options)
        table = Table(title=HOSTILE)
        table.add_column(HOSTILE)
        table.add_row(as_it_is(HOSTILE), style="bold")
        screen.print(table)
        screen.print(as_it_is(HOSTILE), style="bold red", soft_wrap=True)
        screen.print(Text(HOSTILE, style="bold"))
    assert all(PRINTED.sub("", part) in PRINTED.sub("", plain.getvalue()) for part in OF_ALL)
    own = re.sub(r"\x1b\[[0-9;]*m", "", coloured.getvalue())
    assert not [c for c in own if not c.isprintable() and c not in "\n\u3000"]
    assert "\x1b[1;31m" in coloured.getvalue() and "\x1b[31m" not in coloured.getvalue()
