"""The `rounds` command as a person or a pipeline starts it: what it prints where, and its exit status."""

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import jsonschema
import pytest
from typer.testing import CliRunner

from deployments.cli.app import app
from deployments.state import UpState, announced
from tasks.history import migrate
from tasks.history.engine import open_history
from tasks.processes import free_port
from tasks.state import STATE_VARIABLE
from tests.operated import GUIDE, HEALTH, zone_without_midnight

SCHEMA = Path(__file__).parents[2] / "docs" / "report.schema.json"
FUTURE = "2999-12-31"


@dataclass(frozen=True)
class Ended:
    """What a command left."""

    status: int
    out: str
    err: str


class Machine:
    """A folder in which commands are started, with nothing of this machine's own around it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.variables: dict[str, str] = {}
        self.zone = zone_without_midnight()
        folder.mkdir(parents=True, exist_ok=True)

    def write(self, base_url: str = "http://127.0.0.1:1", more: str = "", name: str = "service.toml") -> Path:
        """A service file."""
        file = self.folder / name
        file.parent.mkdir(exist_ok=True)
        service = name.removesuffix(".toml").rpartition("/")[2]
        mail = '[mail]\nto = [{ address = "oncall@shop.example" }]\n[reports]\noutput = "archive"\nlocales = ["en"]\n'
        file.write_text(
            f'[service]\nname = "{service}"\nbase_url = "{base_url}"\ntimezone = "{self.zone}"\n'
            f"{HEALTH}{GUIDE}{mail}{more}"
        )
        return file

    def environment(self) -> dict[str, str]:
        """This process's, without what it knows of servers and services."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "OPSROUNDS_"))}
        return {**kept, STATE_VARIABLE: str(self.folder / "state"), **self.variables}

    def rounds_here(self, *arguments: str) -> Ended:
        """Run the command in this process."""
        handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(self.folder)
            patch.setattr(os, "environ", self.environment())
            ended = CliRunner().invoke(app, arguments)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        return Ended(ended.exit_code, ended.stdout, ended.stderr)

    def rounds(self, *arguments: str) -> Ended:
        """Run the command to its end."""
        ended = subprocess.run(
            [sys.executable, "-m", "deployments.cli.app", *arguments],
            cwd=self.folder,
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        return Ended(ended.returncode, ended.stdout, ended.stderr)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "machine")


def test_help_loads_nothing_heavy() -> None:
    heavy = ("prefect", "sqlalchemy", "httpx", "matplotlib", "pydantic")
    program = (
        "import sys\nfrom deployments.cli.app import app\n"
        "try: app(['--help'])\n"
        f"except SystemExit as end: print(end.code, [name for name in {heavy} if name in sys.modules])"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ended.stdout.splitlines()[-1] == "0 []"
    for command in ("run", "up", "register", "demo", "config", "db", "report"):
        assert command in ended.stdout


REFUSED: dict[str, tuple[list[str], int, list[str]]] = {
    "unknown flow": (
        ["run", "yearly"],
        2,
        ["there is no flow 'yearly'; there are: daily-checklist, weekly-checklist, monthly-checklist"],
    ),
    "bad day": (["run", "daily-checklist", "--for", "24.11.2026"], 2, ["--for 24.11.2026: a day is YYYY-MM-DD"]),
    "a week is no day": (["run", "daily-checklist", "--for", "2026-W48"], 2, ["--for 2026-W48: a day is YYYY-MM-DD"]),
    "future day": (["run", "daily-checklist", "--for", FUTURE], 2, [f"{FUTURE} is in the future"]),
    "no such file": (["run", "daily-checklist", "--service", "gone.toml"], 2, ["gone.toml: cannot be read"]),
    "no service file": (["db", "status"], 2, ["no service file (*.toml) is there"]),
    "two services": (["report", "list"], 2, ["--service FILE is needed", "bar, shop"]),
    "no history": (["report", "list", "--service", "unreachable.toml"], 3, ["127.0.0.1:1/history", "is reachable"]),
    "run without history": (
        ["run", "daily-checklist", "--service", "unreachable.toml"],
        3,
        ["127.0.0.1:1/history", "check that it is reachable and that [history] url is right"],
    ),
    "dead server": (
        ["run", "daily-checklist"],
        3,
        ["PREFECT_API_URL names http://127.0.0.1:1/api, but no Prefect server answers there"],
    ),
    "verify what is not there": (
        ["db", "verify"],
        3,
        ["there is no history database at sqlite://", "nothing was verified"],
    ),
    "verify without a run": (["db", "verify"], 3, ["has no run of service: nothing was verified"]),
    "config errors": (
        ["config", "check", "wrong.toml"],
        2,
        [
            "service.timezone: 'Tokyo' is not an IANA time zone",
            "service.nmae: unknown key; known are name, base_url",
            "health.timeout_s: ",
            "mail.password: a secret never stands in the file itself",
        ],
    ),
    "missing secret": (
        ["config", "check", "secret.toml"],
        2,
        ["health.headers.X-Token: the environment variable SHOP_TOKEN_UNSET is not set"],
    ),
    "run with a missing secret": (
        ["run", "daily-checklist", "--service", "secret.toml"],
        2,
        ["health.headers.X-Token: the environment variable SHOP_TOKEN_UNSET is not set"],
    ),
    "up for everybody": (
        ["up", "--services", "service.toml", "--host", "0.0.0.0", "--no-auth"],
        2,
        ["--no-auth: 0.0.0.0 is reachable from other machines; leave out --no-auth or --host"],
    ),
    "up with a password of one's own and a new credential": (
        ["up", "--services", "service.toml", "--new-credential"],
        2,
        ["--new-credential: PREFECT_SERVER_API_AUTH_STRING is set and is used in its place"],
    ),
    "up with a new credential and none": (
        ["up", "--services", "service.toml", "--new-credential", "--no-auth"],
        2,
        ["--no-auth and --new-credential exclude each other"],
    ),
    "up with a password of one's own and none": (
        ["up", "--services", "service.toml", "--no-auth"],
        2,
        ["--no-auth and PREFECT_SERVER_API_AUTH_STRING exclude each other"],
    ),
    "up behind an address": (
        ["up", "--services", "service.toml", "--allowed-host", "https://ops.example"],
        2,
        ["--allowed-host https://ops.example: a host name or an address, without http://"],
    ),
    "ui without up": (["ui"], 3, ["no rounds up is running here; start it with `rounds up`"]),
    "up with a bad password": (
        ["up", "--services", "service.toml"],
        2,
        ["PREFECT_SERVER_API_AUTH_STRING must be user:password"],
    ),
    "up on nobody's address": (["up", "--services", "service.toml", "--host", "::1"], 2, ["on ::1: "]),
    "up beside a taken port": (["up", "--services", "service.toml", "--port", "PORT"], 2, ["--port PORT on 127.0.0.1"]),
    "up beside a taken archive port": (
        ["up", "--services", "service.toml", "--archive-port", "PORT"],
        2,
        ["--archive-port PORT on 127.0.0.1", "choose another port"],
    ),
    "register without a server": (["register", "--work-pool", "p"], 2, ["register needs PREFECT_API_URL"]),
    "register at a dead server": (
        ["register", "--work-pool", "p", "--services", "service.toml"],
        3,
        ["PREFECT_API_URL names http://127.0.0.1:1/api, but no Prefect server answers there"],
    ),
    "register in no pool": (
        ["register", "--work-pool", "nowhere", "--services", "service.toml"],
        2,
        ['Work pool "nowhere" not found'],
    ),
    "run on an old schema": (["run", "daily-checklist"], 3, ["has schema 0001", "run: rounds db upgrade"]),
    "up on an old schema": (["up", "--services", "service.toml"], 3, ["has schema 0001", "run: rounds db upgrade"]),
    "verify an old schema": (["db", "verify"], 3, ["has schema 0001", "run: rounds db upgrade"]),
    "unknown fault": (["demo", "--fault", "flood"], 2, ["--fault takes errors, latency", "not flood"]),
}
VARIABLES = {
    "dead server": {"PREFECT_API_URL": "http://127.0.0.1:1/api"},
    "register at a dead server": {"PREFECT_API_URL": "http://127.0.0.1:1/api"},
    "up with a bad password": {"PREFECT_SERVER_API_AUTH_STRING": "sesame"},
    "up with a password of one's own and a new credential": {"PREFECT_SERVER_API_AUTH_STRING": "ops:sesame"},
    "up with a password of one's own and none": {"PREFECT_SERVER_API_AUTH_STRING": "ops:sesame"},
}
ON_THE_SERVER = ("run without history", "run with a missing secret", "run on an old schema", "register in no pool")
BY_THEMSELVES = ("config errors",)
"""Started as a person does; the other exit statuses are those of `TestRun`. A process takes seconds to import all."""


def old_history(machine: Machine) -> None:
    """A history that an earlier version made."""
    engine = open_history("sqlite:///opsrounds.db", machine.folder)
    migrate.upgrade(engine, None, target="0001")
    engine.dispose()


def prepare(machine: Machine, name: str) -> None:
    """The files that a command finds."""
    if name == "two services":
        machine.write(name="services/shop.toml")
        machine.write(name="services/bar.toml")
    elif name != "no service file":
        machine.write()
    if name == "verify without a run":
        engine = open_history("sqlite:///opsrounds.db", machine.folder)
        migrate.upgrade(engine, None)
        engine.dispose()
    if name.endswith("an old schema"):
        old_history(machine)
    machine.write(name="unreachable.toml", more='[history]\nurl = "postgresql://ops@127.0.0.1:1/history"\n')
    machine.write(name="secret.toml", more='[health.headers]\nX-Token = { env = "SHOP_TOKEN_UNSET" }\n')
    (machine.folder / "wrong.toml").write_text(
        '[service]\nname = "shop"\nnmae = "shop"\nbase_url = "http://127.0.0.1:1"\ntimezone = "Tokyo"\n'
        '[health]\ntimeout_s = 0\n[mail]\nusername = "ops"\npassword = "hunter22"\n'
    )


@pytest.mark.usefixtures("prefect")
@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_done_is_refused_with_its_reason(machine: Machine, prefect_api: str, name: str) -> None:
    prepare(machine, name)
    machine.variables = VARIABLES.get(name, {"PREFECT_API_URL": prefect_api} if name in ON_THE_SERVER else {})
    start = machine.rounds if name in BY_THEMSELVES else machine.rounds_here
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = int(taken.getsockname()[1])
        ended = start(*(argument.replace("PORT", str(port)) for argument in REFUSED[name][0]))
    _, status, texts = REFUSED[name]
    assert ended.status == status, ended
    assert ended.out == ""
    message = " ".join(ended.err.split())
    for text in texts:
        assert text.replace("PORT", str(port)) in message
    assert "Traceback" not in ended.err and "hunter22" not in ended.err


def test_the_configuration_is_shown_without_its_secrets(machine: Machine) -> None:
    machine.variables = {"SHOP_TOKEN": "tok-3c77-config", "SHOP_HISTORY": "postgresql://ops:pw-91ab@db/history"}
    secrets = '[history]\nurl = { env = "SHOP_HISTORY" }\n[health.headers]\nX-Token = { env = "SHOP_TOKEN" }\n'
    ended = machine.rounds_here("config", "check", str(machine.write(more=secrets)))
    assert (ended.status, ended.err) == (0, "")
    shown = json.loads(ended.out)
    assert shown["service"]["timezone"] == machine.zone
    assert shown["health"]["headers"]["X-Token"]["env"] == "SHOP_TOKEN"
    assert "tok-3c77" not in ended.out and "pw-91ab" not in ended.out


class TestRun:
    """A round by hand on the server that PREFECT_API_URL names."""

    @pytest.fixture
    def here(self, machine: Machine, prefect_api: str, site: Any) -> Machine:
        machine.variables = {"PREFECT_API_URL": prefect_api}
        machine.write(site.url)
        return machine

    @staticmethod
    def report(ended: Ended) -> dict[str, Any]:
        """The one thing on stdout."""
        data: dict[str, Any] = json.loads(ended.out)
        assert ended.out.count("\n") == 1
        jsonschema.validate(data, json.loads(SCHEMA.read_text()))
        return data

    def test_json_alone_is_printed_and_the_exit_status_is_the_verdict(self, here: Machine, site: Any) -> None:
        passed = here.rounds("run", "daily-checklist", "--json")
        assert (passed.status, self.report(passed)["verdict"]) == (0, "Passed"), passed.err
        assert "Mail: 1 written as .eml" in passed.err and "Report: " in passed.err

        site.fall_ill()
        failed = here.rounds_here("run", "daily-checklist", "--json")
        assert (failed.status, self.report(failed)["verdict"]) == (1, "ChecksFailed")
        assert self.report(failed)["revision"] == 2

        yesterday = (datetime.now(ZoneInfo(here.zone)) - timedelta(days=1)).date().isoformat()
        incomplete = here.rounds_here("run", "daily-checklist", "--json", "--for", yesterday)
        assert (incomplete.status, self.report(incomplete)["verdict"]) == (3, "Incomplete")
        assert self.report(incomplete)["period"] == yesterday

        anchor = self.report(failed)["seal"]["chained"]
        listed = here.rounds_here("report", "list")
        verified = here.rounds_here("db", "verify", "--anchor", anchor)
        assert [line.split()[1:4] for line in listed.out.splitlines()] == [
            [yesterday, "r1", "Incomplete"],
            [self.report(failed)["period"], "r2", "ChecksFailed"],
            [self.report(passed)["period"], "r1", "Passed"],
        ]
        assert (verified.status, verified.out.split(",")[:2]) == (0, ["service: 3 runs", " intact"])

        with closing(sqlite3.connect(here.folder / "opsrounds.db")) as database, database:
            for trigger in ("runs_no_delete", "check_results_no_delete", "evidence_no_delete"):
                database.execute(f"DROP TRIGGER IF EXISTS {trigger}")
            database.execute("DELETE FROM runs WHERE sequence = 2")
        broken = here.rounds_here("db", "verify", "--anchor", anchor)
        assert broken.status == 1
        assert "runs 2 to 2 are missing" in broken.out and f"the hash {anchor} stands in no chain" in broken.out

    @pytest.mark.deep
    def test_mail_that_cannot_be_sent_is_not_called_nothing_to_send(self, here: Machine, site: Any) -> None:
        login = 'smtp = "smtps://127.0.0.1:1"\nusername = "ops"\npassword = { env = "SHOP_MAIL_UNSET" }\n'
        file = here.write(site.url)
        file.write_text(file.read_text().replace("[mail]\n", f"[mail]\n{login}"))
        ended = here.rounds("run", "daily-checklist", "--lang", "en")
        assert ended.status == 0 and "Checklist" in ended.out
        assert "Mail: 1 waiting, the monitoring or the next round retries" in ended.out
        assert "mail.password: the environment variable SHOP_MAIL_UNSET is not set" in ended.err

    @pytest.mark.deep
    def test_a_report_for_people_that_cannot_be_archived_and_the_archive_written_again(
        self, here: Machine, site: Any
    ) -> None:
        site.fall_ill()
        (here.folder / "archive").write_text("in the way")
        ended = here.rounds("run", "daily-checklist", "--lang", "ja")
        assert ended.status == 1
        assert "日次チェックリスト" in ended.out
        assert "rounds report rebuild" in ended.out and "report.html" not in ended.out
        missing = here.rounds_here("report", "list")
        assert "(not in the archive: run `rounds report rebuild`)" in missing.out
        (here.folder / "archive").unlink()
        rebuilt = here.rounds_here("report", "rebuild")
        assert rebuilt.status == 0 and rebuilt.out.startswith("written ")
        assert (Path(rebuilt.out.removeprefix("written ").strip()) / "report.html").is_file()


def test_an_old_schema_is_upgraded_and_a_copy_kept(machine: Machine) -> None:
    machine.write()
    old_history(machine)
    upgraded = machine.rounds_here("db", "upgrade")
    assert (upgraded.status, upgraded.err) == (0, "")
    schemas, _, copy = upgraded.out.strip().partition(", copy kept: ")
    assert schemas == f"schema 0001 -> {migrate.head()}" and Path(copy).is_file()
    with closing(sqlite3.connect(machine.folder / "opsrounds.db")) as database:
        assert database.execute("SELECT version_num FROM alembic_version").fetchall() == [(migrate.head(),)]


@pytest.mark.deep
def test_the_server_of_rounds_up_is_used(machine: Machine, prefect_api: str, site: Any) -> None:
    """Without PREFECT_API_URL; a server of its own would take ten seconds and leave its data in the state folder."""
    machine.write(site.url, name=f"shop-{uuid.uuid4().hex[:8]}.toml").rename(machine.folder / "service.toml")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(STATE_VARIABLE, str(machine.folder / "state"))
        with announced(UpState(prefect_api, "", os.getpid())):
            with ThreadPoolExecutor() as pool:
                running = pool.submit(machine.rounds, "run", "daily-checklist")
                up = pool.submit(machine.rounds, "up", "--services", "service.toml", "--port", str(free_port()))
            refused = up.result()
    assert (running.result().status, (machine.folder / "state" / "prefect").exists()) == (0, False), (
        running.result().err
    )
    assert refused.status == 2
    assert f"rounds up is already running (process {os.getpid()}, {prefect_api}); stop it first" in refused.err


@pytest.mark.deep
@pytest.mark.parametrize(
    ("number", "status", "times"), [(signal.SIGTERM, 128 + signal.SIGTERM, 2), (signal.SIGINT, 130, 1)]
)
def test_a_run_that_is_ended_by_a_signal_is_no_failed_check(
    machine: Machine, prefect_api: str, number: signal.Signals, status: int, times: int
) -> None:
    """Again and again, since a signal may come wherever the event loop stands."""
    machine.variables["PREFECT_API_URL"] = prefect_api
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(60)
        machine.write(f"http://127.0.0.1:{silent.getsockname()[1]}")
        argv = [sys.executable, "-m", "deployments.cli.app", "run", "daily-checklist"]
        for _ in range(times):
            running = subprocess.Popen(
                argv, cwd=machine.folder, env=machine.environment(), stderr=subprocess.PIPE, text=True
            )
            try:
                line, _ = silent.accept()
                running.send_signal(number)
                err = running.communicate(timeout=60)[1]
                line.close()
            finally:
                running.kill()
                running.wait()
            assert (running.returncode, "Traceback" in err) == (status, False), err
