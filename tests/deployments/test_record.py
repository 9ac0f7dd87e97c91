"""`rounds record`: what a person or a pipeline records, straight into the history."""

import getpass
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from deployments.cli.app import app
from tasks.records.facts import Deploy, DeployOutcome, Origin, Outage
from tasks.records.store.records import note_version, read_deploys, read_maintenance, read_outages
from tasks.slo.store.months import freeze_month

if TYPE_CHECKING:
    from tests.operated import Operate, Operated, Site

NOW = datetime.now(UTC).replace(microsecond=0)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
EVER = NOW - 400 * DAY, NOW + 400 * DAY
HOSTILE = "[red]<b>\x1b[31m‮ boo\nof"


@pytest.fixture
def shop(operate: "Operate") -> "Operated":
    """A service with one module."""
    return operate(guide='[[routes]]\npattern = "/items"\nmodule = "shopping"\n')


def record(shop: "Operated", *arguments: str) -> tuple[int, str]:
    """A command's exit status and all that it printed."""
    by = [] if arguments[0] == "list" or "--by" in arguments else ["--by", "kim"]
    result = CliRunner().invoke(app, ["record", *arguments, "--service", str(shop.settings.path), *by])
    return result.exit_code, result.output


def local(shop: "Operated", at: datetime) -> str:
    """A time as people of the service write it."""
    return f"{at.astimezone(shop.settings.zone):%Y-%m-%dT%H:%M:%S}"


def test_a_pipeline_records_a_deploy_that_just_ended(shop: "Operated") -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    status, output = record(shop, "deploy", "1.4.3")
    [deploy] = read_deploys(shop.history, shop.name, *EVER)
    assert (status, output) == (
        0,
        "recorded: deploy of 1.4.3 to production, succeeded, from "
        f"{local(shop, deploy.started_at).replace('T', ' ')} {shop.settings.zone.key}\n",
    )
    assert before <= deploy.started_at <= datetime.now(UTC) and deploy.ended_at == deploy.started_at
    assert (deploy.version, deploy.origin, deploy.commit_at) == ("1.4.3", Origin.RECORDED, None)
    assert shop.rows("SELECT recorded_by FROM deploys")[0][0] == "kim"


def test_a_variable_that_a_pipeline_did_not_set_says_nothing(shop: "Operated") -> None:
    unset = [word for name in ("environment", "started", "ended") for word in (f"--{name}", "")]
    assert record(shop, "deploy", "1.4.3", *unset, "--commit-time", " ")[0] == 0
    [deploy] = read_deploys(shop.history, shop.name, *EVER)
    assert (deploy.environment, deploy.commit_at) == ("production", None) and deploy.started_at >= NOW


def test_a_deploy_with_all_options_again_and_corrected(shop: "Operated") -> None:
    start = NOW - 2 * HOUR
    git = f"{NOW - DAY:%Y-%m-%d %H:%M:%S} +0000"  # as git's %ci writes it
    arguments = ["deploy", "1.4.3", "--environment", "staging", "--started", f"{start:%Y-%m-%dT%H:%M:%SZ}"]
    arguments += ["--ended", local(shop, NOW - HOUR), "--commit-time", git, "--outcome"]
    assert [
        record(shop, *arguments, outcome)[1].partition(":")[0] for outcome in ("failed", "failed", "rolled-back")
    ] == [
        "recorded",
        "already recorded",
        "corrected",
    ]
    deploy = Deploy("1.4.3", "staging", start, NOW - HOUR, DeployOutcome.ROLLED_BACK, Origin.RECORDED, NOW - DAY)
    assert read_deploys(shop.history, shop.name, *EVER) == (deploy,)


def test_a_recorded_deploy_takes_the_place_of_what_monitoring_saw(shop: "Operated") -> None:
    note_version(shop.history, shop.name, "production", "1.4.2", NOW - DAY)
    note_version(shop.history, shop.name, "production", "1.4.3", NOW - HOUR / 2)
    assert record(shop, "deploy", "1.4.3", "--started", local(shop, NOW - HOUR))[0] == 0
    seen, recorded = read_deploys(shop.history, shop.name, *EVER)
    assert (seen.origin, recorded.origin, recorded.started_at) == (Origin.FIRST_SEEN, Origin.RECORDED, NOW - HOUR)


def test_an_outage_is_recorded_while_it_goes_on_and_then_ended(shop: "Operated") -> None:
    arguments = ["outage", "--started", local(shop, NOW - HOUR), "--cause", "no disk", "--module", "shopping"]
    status, output = record(shop, *arguments)
    assert status == 0 and output.startswith("recorded: outage of shopping, ongoing, from ")
    assert read_outages(shop.history, shop.name, *EVER) == (Outage(NOW - HOUR, None, "shopping", "no disk"),)
    status, output = record(shop, *arguments, "--ended", local(shop, NOW - HOUR / 2))
    assert status == 0 and output.startswith("corrected: outage of shopping, from ")
    assert read_outages(shop.history, shop.name, *EVER) == (Outage(NOW - HOUR, NOW - HOUR / 2, "shopping", "no disk"),)


def test_maintenance_is_declared_before_it_begins_or_says_why_not(shop: "Operated") -> None:
    span = ["--starts", local(shop, NOW + HOUR), "--ends", local(shop, NOW + 2 * HOUR), "--reason", "new disks"]
    assert record(shop, "maintenance", *span)[0] == 0
    late = ["--starts", local(shop, NOW - HOUR), "--ends", local(shop, NOW + HOUR), "--reason", "more disks"]
    status, output = record(shop, "maintenance", *late)
    assert status == 2 and "the window has already started" in output
    assert record(shop, "maintenance", *late, "--late-reason", "an emergency", "--module", "shopping")[0] == 0
    second, first = read_maintenance(shop.history, shop.name, *EVER)
    assert (first.starts_at, first.ends_at, first.module, first.reason) == (
        NOW + HOUR,
        NOW + 2 * HOUR,
        None,
        "new disks",
    )
    assert (first.declared_by, first.late) == ("kim", False)
    assert (second.module, second.late, second.late_reason) == ("shopping", True, "an emergency")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("deploy 1.4.3 --started tomorrow", "--started: 'tomorrow' is not a time: a time is 2026-11-24T14:05"),
        ("deploy 1.4.3 --ended 2099-01-01T00:00", "the end 2098-12-31"),
        ("deploy 1.4.3 --outcome lost", "'lost' is not an outcome; allowed: succeeded, failed, rolled-back"),
        ("deploy 1.4.3 --by ''", "the name of the recorder is missing: give a name"),
        ("outage --started 2026-11-24T14:05 --cause disk --module shoping", "known modules: shopping"),
        ("outage --started 1999-11-24T14:05 --cause disk", "--started: the year 1999 is out of range"),
        ("outage --started '' --cause disk", "--started: '' is not a time"),
        (
            "maintenance --starts 2026-11-24T14:05 --ends 2026-11-24T14:05 --reason disks",
            "a maintenance window must end after it starts",
        ),
        ("import deploy deploys.csv", "allowed: deploys, outages, maintenance"),
        ("import deploys no-such-file.csv", "no-such-file.csv: cannot be read: No such file or directory"),
    ],
)
def test_what_cannot_be_recorded_is_refused_and_says_what_to_do(
    shop: "Operated", arguments: str, expected: str
) -> None:
    status, output = record(shop, *(argument.strip("'") for argument in arguments.split()))
    assert status == 2 and expected in output
    tables = ("deploys", "outages", "maintenance_windows")
    assert [shop.rows(f"SELECT COUNT(*) FROM {table}")[0][0] for table in tables] == [0, 0, 0]


def test_a_file_is_imported_and_again_changes_nothing(shop: "Operated", tmp_path: Path) -> None:
    file = tmp_path / "outages.csv"
    file.write_text(
        "started_at,ended_at,module,cause,incident_id\n"
        "2026-10-01T10:00,2026-10-01T10:30,shopping,power,7\n2026-10-02T10:00,2026-10-02T10:30,,power,\n"
    )
    assert record(shop, "import", "outages", str(file)) == (0, f"{file}: 2 recorded\n")
    assert record(shop, "import", "outages", str(file)) == (0, f"{file}: 2 already recorded\n")
    first, second = read_outages(shop.history, shop.name, *EVER)
    assert (first.module, first.incident_id, second.module, second.incident_id) == ("shopping", 7, None, None)
    file.write_text(file.read_text() + "2026-10-03T10:00,2026-10-03T09:00,,power,\n")
    status, output = record(shop, "import", "outages", str(file))
    assert status == 2 and f"{file}:4: ended_at: " in output and "nothing was imported" in output
    assert len(read_outages(shop.history, shop.name, *EVER)) == 2


def test_the_list_shows_every_kind_and_only_the_days_asked_for(
    shop: "Operated", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    for version, ago in (("1.4.2", 40 * DAY), ("1.4.3", 10 * DAY)):
        start = local(shop, NOW - ago)
        assert record(shop, "deploy", version, "--started", start, "--ended", start, "--outcome", "failed")[0] == 0
    record(shop, "outage", "--started", local(shop, NOW - 35 * DAY), "--cause", "no disk")
    planned = ["--starts", local(shop, NOW + 50 * DAY), "--ends", local(shop, NOW + 51 * DAY), "--reason", "new disks"]
    record(shop, "maintenance", *planned, "--module", "shopping")
    status, listed = record(shop, "list")
    assert status == 0
    assert "1 deploys since" in listed and "1 outages since" in listed and "1 maintenance windows since" in listed
    rows = [" ".join(line.split()) for line in listed.splitlines()]
    when = {ago: local(shop, NOW - ago * DAY).replace("T", " ") for ago in (10, 35, -50, -51)}
    assert f"{when[10]} {when[10]} 1.4.3 production failed recorded" in rows
    assert f"{when[35]} - - - no disk" in rows  # it goes on, however old it is
    [window] = [row for row in rows if row.startswith(f"{when[-50]} {when[-51]} shopping ")]
    assert window.endswith(" kim new disks")
    assert "1.4.2" not in listed and "1.4.2" in record(shop, "list", "--days", "41")[1]
    assert "0 deploys since" in record(shop, "list", "--days", "9")[1]
    assert record(shop, "list", "--days", "0")[0] == 2


def test_what_people_wrote_is_no_markup_and_no_control(shop: "Operated", monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    record(shop, "outage", "--started", local(shop, NOW - HOUR), "--cause", HOSTILE)
    span = ["--starts", local(shop, NOW - HOUR), "--ends", local(shop, NOW + HOUR)]
    record(shop, "maintenance", *span, "--reason", HOSTILE, "--late-reason", HOSTILE)
    shop.rows("UPDATE outages SET cause = :text", text=HOSTILE)  # a row that another hand wrote
    _, listed = record(shop, "list")
    assert listed.count("[red]<b>\\u001b[31m\\u202e boo") == 3
    assert "\x1b" not in listed and "‮" not in listed
    status, output = record(shop, "deploy", HOSTILE)
    assert status == 2 and "\x1b" not in output and "invisible characters" in output


@pytest.mark.usefixtures("prefect")
def test_verify_tells_of_a_frozen_month_that_was_changed(shop: "Operated") -> None:
    def verify() -> tuple[int, str]:
        result = CliRunner().invoke(app, ["db", "verify", "--service", str(shop.settings.path)])
        return result.exit_code, result.output

    shop.run_daily()
    freeze_month(shop.history, shop.name, "2026-09", {"objectives": {"up": {"good": 9}}}, NOW)
    freeze_month(shop.history, shop.name, "2026-10", {"objectives": {}}, NOW)
    status, output = verify()
    assert status == 0 and output.startswith("shop: 1 runs, intact, ")
    shop.rows("UPDATE slo_months SET figures = REPLACE(figures, '9', '8') WHERE period = '2026-09'")
    shop.rows("UPDATE slo_months SET revision = 2 WHERE period = '2026-10'")
    status, output = verify()
    assert status == 1 and output.startswith("shop: 1 runs, broken, ")
    assert output.splitlines()[1:] == [
        "  frozen month 2026-09 r1: its figures were changed",
        "  frozen month 2026-10 r2: revision 1 is missing",
    ]


def test_it_needs_no_server_and_asks_the_service_nothing(shop: "Operated", site: "Site", tmp_path: Path) -> None:
    dead = {"PREFECT_API_URL": "http://127.0.0.1:1/api", "PREFECT_HOME": str(tmp_path / "home")}
    command = [sys.executable, "-m", "deployments.cli.app", "record", "deploy", "1.4.3"]
    ended = subprocess.run(
        [*command, "--service", str(shop.settings.path)],
        env={**os.environ, **dead},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    [deploy] = read_deploys(shop.history, shop.name, *EVER)
    assert deploy.version == "1.4.3"
    assert shop.rows("SELECT recorded_by FROM deploys")[0][0] == getpass.getuser()
    assert site.asked == []


@pytest.mark.deep
def test_a_container_whose_user_has_no_name_can_record(shop: "Operated", tmp_path: Path) -> None:
    nobody = os.getuid() + 77_777
    program = f"import os; os.getuid = lambda: {nobody}; from deployments.cli.app import app; app()"
    ended = subprocess.run(
        [sys.executable, "-c", program, "record", "deploy", "1.4.3", "--service", str(shop.settings.path)],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},  # no LOGNAME, no USER
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert shop.rows("SELECT recorded_by FROM deploys")[0][0] == f"uid {nobody}"
