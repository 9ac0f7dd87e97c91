"""The daily checklist as it runs: healthy, degraded, late, twice, for the past, and broken."""

import asyncio
import hashlib
import json
import os
import uuid
from collections import Counter
from collections.abc import Awaitable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from email import message_from_bytes, policy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from prefect import State, flow
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterId
from prefect.client.schemas.objects import FlowRun
from prefect.flow_engine import run_flow
from prefect.schedules import Cron
from prefect.states import AwaitingRetry
from prefect.types.entrypoint import EntrypointType
from typer.testing import CliRunner

from deployments.cli.app import app
from deployments.run import RunResult
from deployments.show_result import show_result
from flows.checklist import run_checklist, run_section, run_sections
from flows.daily_checklist import CHECKLIST, daily_checklist
from flows.delivery import deliver
from flows.options import DailyOptions, RoundRefused
from flows.rounds import parse_report
from tasks.check_result import Status, Table, msg, verbatim
from tasks.guide.judge import Verdict
from tasks.health.checks import CHECKS as HEALTH_CHECKS
from tasks.health.checks import LINE as HEALTH_LINE
from tasks.health.checks import READINESS
from tasks.health.section import HEALTH, health_check
from tasks.history.chain import verify_chains
from tasks.history.engine import reading
from tasks.history.runs import RunKey
from tasks.processes import free_port
from tasks.resources import section as resources
from tasks.round import Round, System
from tasks.section import Section
from tests.deep import rows
from tests.operated import GUIDE
from tests.operated import HEALTH as HEALTH_TABLE

if TYPE_CHECKING:
    from tests.operated import Operate, Operated, ServerView, Site

pytestmark = pytest.mark.usefixtures("prefect")
ILL = "3 of 8 checks failed; attention: 0, unknown: 0."


def ended(state: State[Any]) -> tuple[str, str | None]:
    return state.type.value, state.name


def statuses(operated: "Operated") -> Counter[tuple[str, Status]]:
    return Counter((r.check.removeprefix("health."), r.status) for r in operated.report().results)


class TestOutcome:
    """The state of the flow run says what was found."""

    def test_a_healthy_service_passes(self, operate: "Operate", site: "Site") -> None:
        shop = operate()
        state = shop.run_daily()
        assert ended(state) == ("COMPLETED", "Passed")
        assert state.message == "No check failed; 7 of 8 passed."
        [run] = shop.runs()
        assert (run.verdict, run.revision, shop.report().trigger) == ("Passed", 1, "hand")
        assert Counter(path for path, _ in site.asked) == {"/live": 5, "/ready": 5, "/health": 1, "/items": 11}

    def test_an_item_without_a_result_makes_it_incomplete(self, operate: "Operate") -> None:
        state = operate(guide='[guide.daily]\nschedule = { not_applicable = "by hand" }\n').run_daily()
        assert ended(state) == ("FAILED", "Incomplete")
        assert state.message == "No check failed, but the round is incomplete: 2 of 4 items not confirmed."

    def test_a_file_with_the_service_alone_is_incomplete_and_asks_nothing(
        self, operate: "Operate", site: "Site"
    ) -> None:
        shop = operate(health="", guide="")
        state = shop.run_daily()
        assert ended(state) == ("FAILED", "Incomplete")
        assert {r.status for r in shop.report().results} == {Status.SKIPPED}
        assert site.asked == []

    def test_what_failed_is_counted_and_a_failed_state_carries_no_data(
        self, operate: "Operate", site: "Site", server_view: "ServerView"
    ) -> None:
        site.fall_ill()
        shop = operate()
        state = shop.run_daily()
        stored = server_view.run(state).state
        assert stored is not None and (ended(stored), stored.data) == (("FAILED", "ChecksFailed"), None)
        assert state.message == ILL
        assert {r.check for r in shop.report().with_status(Status.FAIL)} == {
            "health.readiness",
            "health.status",
            "health.component",
        }

    def test_a_slow_component_alone_needs_attention(self, operate: "Operate", site: "Site") -> None:
        site.components = [{"name": "database", "status": "healthy", "responseTime": 1500}]
        shop = operate()
        state = shop.run_daily()
        assert ended(state) == ("COMPLETED", "Attention")
        assert state.message == "No check failed; attention needed by 1 of 8."
        assert [r.subject for r in shop.report().with_status(Status.WARN)] == ["service/component:database"]

    def test_slow_requests_fail_the_latency_alone(self, operate: "Operate", site: "Site") -> None:
        site.answers["/items"].delay_s = 0.06
        shop = operate(health=HEALTH_TABLE.replace("max_latency_ms = 30000", "max_latency_ms = 50"))
        assert ended(shop.run_daily()) == ("FAILED", "ChecksFailed")
        assert [r.check for r in shop.report().with_status(Status.FAIL)] == ["health.latency"]

    def test_a_service_that_is_down_fails(self, operate: "Operate") -> None:
        shop = operate(base_url=f"http://127.0.0.1:{free_port()}")
        assert ended(shop.run_daily()) == ("FAILED", "ChecksFailed")
        found = statuses(shop)
        failed = {check for check, status in found if status is Status.FAIL}
        assert failed == {"liveness", "readiness", "status", "errors", "latency"}
        assert not [check for check, status in found if status is Status.PASS]
        assert "Connection refused" in str(shop.report().with_status(Status.FAIL)[0].reason)

    def test_an_expected_component_that_is_missing_in_the_report_is_unknown(self, operate: "Operate") -> None:
        shop = operate(health=f'{HEALTH_TABLE}components = ["database", "queue"]\n')
        assert ended(shop.run_daily()) == ("FAILED", "Incomplete")
        assert [r.subject for r in shop.report().with_status(Status.UNKNOWN)] == ["service/component:queue"]

    def test_every_instance_is_checked(self, operate: "Operate", site: "Site") -> None:
        away = f"http://127.0.0.1:{free_port()}"
        instances = (
            f'[[instances]]\nname = "a"\nbase_url = "{site.url}"\n[[instances]]\nname = "b"\nbase_url = "{away}"\n'
        )
        shop = operate(more=instances)
        assert ended(shop.run_daily()) == ("FAILED", "ChecksFailed")
        liveness = [r for r in shop.report().results if r.check == "health.liveness"]
        assert [(r.subject, r.status) for r in liveness] == [("a", Status.PASS), ("b", Status.FAIL)]
        assert msg("Instances: {addresses}", addresses=f"a {site.url}, b {away}") in shop.report().notes
        [version] = [r for r in shop.report().results if r.check == "health.version"]
        addresses = version.evidence[-1]
        assert isinstance(addresses, Table) and addresses.rows == (("a", site.url), ("b", away))


class TestHandedOver:
    """What a round leaves behind: artifacts, the archive, messages."""

    def test_one_table_and_one_markdown_artifact(
        self, operate: "Operate", site: "Site", server_view: "ServerView"
    ) -> None:
        site.fall_ill()
        shop = operate()
        found = server_view.artifacts(shop.run_daily())
        assert set(found) == {"table", "markdown"}
        rows = json.loads(found["table"])
        assert len(rows) == 8 and [row["Status"] for row in rows].count("✕ Failed") == 3
        assert shop.runs()[0].chained in found["markdown"] and "disk full" in found["markdown"]

    def test_the_report_is_archived_in_every_format(self, operate: "Operate") -> None:
        shop = operate()
        shop.run_daily()
        [run] = shop.runs()
        folder = shop.folder(run)
        names = {"report.json", "report.txt", "report.eml", "report.html", "report.ja.html"}
        assert {file.name for file in folder.iterdir()} == names
        data = json.loads((folder / "report.json").read_text())
        assert data.pop("seal") == {"sequence": 1, "digest": run.digest, "chained": run.chained}
        canonical = json.dumps(data, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        assert (canonical, hashlib.sha256(canonical.encode()).hexdigest()) == (run.report, run.digest)
        mail = message_from_bytes((folder / "report.eml").read_bytes(), policy=policy.default)
        html = mail.get_body(("html",))
        assert html is not None
        for content in (folder / "report.txt").read_text(), (folder / "report.html").read_text(), html.get_content():
            assert run.chained in content
        assert (shop.settings.output / "index.html").is_file()

    def test_a_rerun_is_the_next_revision_and_mailed_only_when_it_says_something_new(
        self, operate: "Operate", site: "Site"
    ) -> None:
        shop = operate()
        mailed = []
        for step in ("first", "unchanged", "ill", "still ill", "asked for", "well"):
            if step == "ill":
                site.fall_ill()
            if step == "well":
                site.components = [{"name": "database", "status": "healthy"}]
                site.get_well()
            before = len(shop.messages())
            shop.run_daily(mail=step == "asked for")
            mailed.append((step, len(shop.messages()) - before))
        assert mailed == [("first", 2), ("unchanged", 0), ("ill", 2), ("still ill", 0), ("asked for", 2), ("well", 2)]
        assert [run.revision for run in shop.runs()] == [1, 2, 3, 4, 5, 6]
        assert {(to, state) for _, to, state in shop.messages()} == {
            ("oncall@shop.example", "waiting"),
            ("lead@shop.example", "waiting"),
        }
        previous = shop.report().previous
        assert previous is not None and (previous.revision, previous.verdict) == (5, Verdict.FAILED)
        with reading(shop.history) as connection:
            assert [verdict.problems for verdict in verify_chains(connection)] == [()]

    @pytest.mark.deep
    def test_other_failures_under_the_same_verdict_are_news(self, operate: "Operate", site: "Site") -> None:
        shop = operate()
        site.answers["/ready"].status = 503
        shop.run_daily()
        site.answers["/ready"].status, site.answers["/live"].status = 200, 503
        shop.run_daily()
        assert [run.verdict for run in shop.runs()] == ["ChecksFailed", "ChecksFailed"]
        assert len(shop.messages()) == 4

    def test_a_report_that_cannot_be_archived_is_stored_and_rebuilt(
        self, operate: "Operate", capsys: pytest.CaptureFixture[str]
    ) -> None:
        shop = operate()
        shop.settings.output.write_text("a file in the way")
        state = shop.run_daily()
        assert ended(state) == ("FAILED", "NotArchived")
        assert str(shop.settings.output) in str(state.message) and "`rounds report rebuild`" in str(state.message)
        [run] = shop.runs()
        assert run.verdict == "Passed" and not shop.folder(run).exists()
        result = RunResult(str(state.name), str(state.message), *parse_report(run), Counter())
        show_result(result, shop.settings, "en")
        first, second, *_ = capsys.readouterr().out.splitlines()
        assert (result.exit_status, first) == (3, f"✕ NotArchived: {state.message}") and "Passed" in second
        shop.settings.output.unlink()
        rebuilt = CliRunner().invoke(app, ["report", "rebuild", "--service", str(shop.settings.path)])
        assert (rebuilt.exit_code, rebuilt.stdout) == (0, f"written {shop.folder(run)}\n"), rebuilt.output
        assert json.loads((shop.folder(run) / "report.json").read_text())["seal"]["chained"] == run.chained

    @pytest.mark.deep
    def test_a_report_that_is_missing_is_written_by_the_next_round_too(self, operate: "Operate") -> None:
        shop = operate()
        shop.settings.output.write_text("a file in the way")
        shop.run_daily()
        shop.settings.output.unlink()
        shop.run_daily()
        for run in shop.runs():
            assert len(list(shop.folder(run).iterdir())) == 5

    def test_what_failed_is_reported_before_what_could_not_be_archived(
        self, operate: "Operate", site: "Site", server_view: "ServerView"
    ) -> None:
        site.fall_ill()
        shop = operate()
        shop.settings.output.write_text("a file in the way")
        state = shop.run_daily()
        assert ended(state) == ("FAILED", "ChecksFailed")
        assert str(state.message).startswith(f"{ILL} Cannot write to {shop.settings.output}/shop")
        assert "`rounds report rebuild`" in str(state.message)
        assert set(server_view.artifacts(state)) == {"table", "markdown"}


class TestWhen:
    """Never twice by schedule, never too late, and never a green look at another day."""

    @pytest.fixture
    def planned(self, prefect: SyncPrefectClient) -> Any:
        """Runs that a deployment's schedule planned: the server makes them, as its scheduler would."""

        def plan(operated: "Operated", ago: timedelta, runs: int = 1) -> list[FlowRun]:
            deployment: Any = daily_checklist.to_deployment(
                name=uuid.uuid4().hex,
                parameters={"service": operated.name},
                schedule=Cron("* * * * *", timezone="UTC", slug="every-minute"),
                entrypoint_type=EntrypointType.MODULE_PATH,
            )
            place = deployment.apply()
            start = datetime.now(UTC) - ago
            wanted = {"start_time": start.isoformat(), "end_time": (start + timedelta(hours=1)).isoformat()}
            body = {**wanted, "min_runs": runs, "max_runs": runs}
            prefect.request("POST", "/deployments/{id}/schedule", path_params={"id": str(place)}, json=body)
            mine = DeploymentFilter(id=DeploymentFilterId(any_=[place]))
            made = prefect.read_flow_runs(deployment_filter=mine)
            assert len(made) == runs and all(run.auto_scheduled for run in made)
            return sorted(made, key=lambda run: run.expected_start_time or start)

        return plan

    @staticmethod
    def carry_out(run: FlowRun) -> State[Any]:
        """What the process does that a runner starts for a run."""
        started: Any = run_flow(daily_checklist, flow_run=run, return_type="state")
        state: State[Any] = asyncio.run(started)
        return state

    def test_a_second_scheduled_run_of_a_period_is_skipped_and_a_retry_is_by_hand(
        self, operate: "Operate", site: "Site", planned: Any, prefect: SyncPrefectClient
    ) -> None:
        shop = operate()
        today = datetime.now(shop.settings.zone)
        ago = timedelta(minutes=3) if today - timedelta(minutes=3) >= today.replace(hour=0, minute=0) else timedelta(0)
        first, second = planned(shop, ago, runs=2)
        assert ended(self.carry_out(first)) == ("COMPLETED", "Passed")
        asked = len(site.asked)
        again = self.carry_out(second)
        assert ended(again) == ("COMPLETED", "Skipped") and "is already recorded by its schedule" in str(again.message)
        assert len(site.asked) == asked
        assert [(run.revision, json.loads(run.report)["trigger"]) for run in shop.runs()] == [(1, "schedule")]

        prefect.set_flow_run_state(first.id, AwaitingRetry(), force=True)
        assert ended(self.carry_out(prefect.read_flow_run(first.id))) == ("COMPLETED", "Passed")
        assert [(r.revision, json.loads(r.report)["trigger"]) for r in shop.runs()] == [(1, "schedule"), (2, "hand")]

    def test_a_run_that_comes_too_late_is_missed_and_not_green(
        self, operate: "Operate", site: "Site", planned: Any
    ) -> None:
        shop = operate()
        [late] = planned(shop, CHECKLIST.timing.max_lateness + timedelta(minutes=2))
        state = self.carry_out(late)
        assert ended(state) == ("FAILED", "Missed") and "more than 12:00:00 ago" in str(state.message)
        assert (shop.runs(), site.asked) == ((), [])

    def test_a_run_that_is_late_but_not_too_late_is_for_the_day_it_was_planned_for(
        self, operate: "Operate", planned: Any
    ) -> None:
        shop = operate()
        [late] = planned(shop, CHECKLIST.timing.max_lateness - timedelta(minutes=10))
        self.carry_out(late)
        assert late.expected_start_time is not None
        assert shop.report().period == late.expected_start_time.astimezone(shop.settings.zone).date().isoformat()
        assert shop.report().trigger == "schedule"

    def test_a_round_for_the_past_asks_nothing_and_is_incomplete(self, operate: "Operate", site: "Site") -> None:
        shop = operate()
        day = datetime.now(shop.settings.zone).date() - timedelta(days=1)
        state = shop.run_daily(for_date=day)
        assert ended(state) == ("FAILED", "Incomplete")
        assert shop.report().period == day.isoformat()
        statuses = {r.status for r in shop.report().results if r.check != "health.tls"}  # its address is http
        assert statuses == {Status.UNKNOWN}
        assert "Only the present can be checked" in shop.report().results[0].reason.text
        assert site.asked == []

    def test_a_round_for_the_future_is_refused(self, operate: "Operate", site: "Site") -> None:
        shop = operate()
        zone = shop.settings.service.timezone
        tomorrow = datetime.now(shop.settings.zone).date() + timedelta(days=1)
        state = shop.run_daily(for_date=tomorrow)
        assert ended(state) == ("FAILED", "Failed")
        with pytest.raises(RoundRefused, match=f"{tomorrow} is in the future: today is .* in {zone}"):
            asyncio.run(state.aresult())
        assert (shop.runs(), site.asked) == ((), [])

    def test_today_is_a_day_in_the_zone_of_the_service(self, operate: "Operate") -> None:
        shop = operate()
        before = datetime.now(shop.settings.zone).date()
        shop.run_daily()
        assert date.fromisoformat(shop.report().period) in (before, datetime.now(shop.settings.zone).date())


class TestLook:
    """Which sections run, and for how long."""

    NOW = datetime(2026, 11, 24, tzinfo=UTC)

    def look(self, shop: "Operated", section: Any, checks: Any, left: timedelta = timedelta(hours=1)) -> Section:
        key = RunKey(shop.name, "daily-checklist", "2026-11-24", "hand")
        run = Round(key, shop.settings, shop.history, self.NOW, self.NOW + left, None, False, lambda: self.NOW)
        return asyncio.run(run_section(run, System(HEALTH_LINE, tuple(checks), section)))

    def along(self, shop: "Operated", section: Any) -> list[Section]:
        key = RunKey(shop.name, "daily-checklist", "2026-11-24", "hand")
        ends = self.NOW + timedelta(hours=1)
        run = Round(key, shop.settings, shop.history, self.NOW, ends, None, False, lambda: self.NOW)
        system = replace(resources.RESOURCE_USAGE, look=section)

        @flow(name="along", retries=0)
        async def along() -> list[Section]:
            return await run_sections(run, CHECKLIST.lines(shop.settings), (system,))

        return asyncio.run(along())

    @staticmethod
    async def found(run: Round) -> Section:
        return Section((READINESS.judged(Status.UNKNOWN, "a", msg("yes"), at=run.now()),))

    def test_an_item_that_is_left_out_is_not_checked(self, operate: "Operate") -> None:
        assert self.along(operate(), self.found) == []

    def test_an_item_left_out_whose_checks_another_item_asks_for_is_checked_all_the_same(
        self, operate: "Operate"
    ) -> None:
        shop = operate(guide=f'{GUIDE}"Look at the database" = ["resources.database-*"]\n')
        [section] = self.along(shop, self.found)
        assert len(section.results) == 1

    def test_one_that_does_not_end_in_time_is_not_measured(self, operate: "Operate") -> None:
        async def hangs(_round: Round) -> Section:
            await asyncio.sleep(60)
            raise AssertionError

        section = self.look(operate(), hangs, HEALTH_CHECKS, timedelta(seconds=0.1))
        assert {r.check for r in section.results} == {check.id for check in HEALTH_CHECKS}
        assert {r.status for r in section.results} == {Status.UNKNOWN}
        assert section.results[0].reason.text.startswith("Time limit of the round reached")

    def test_a_bug_that_reads_like_a_timeout_is_none(self, operate: "Operate") -> None:
        async def broken(_round: Round) -> Section:
            raise TimeoutError("a bug")

        with pytest.raises(TimeoutError, match="a bug"):
            self.look(operate(), broken, HEALTH_CHECKS)


class TestDamagedPast:
    """A stored report that cannot be read any more is no reason to hold no round."""

    def test_the_next_round_says_so_and_is_mailed_and_archived(self, operate: "Operate") -> None:
        shop = operate()
        shop.run_daily()
        shop.rows("DROP TRIGGER runs_no_update")
        shop.rows("UPDATE runs SET report = 'gone'")
        assert ended(shop.run_daily()) == ("COMPLETED", "Passed")
        assert any("cannot be read" in note.text for note in shop.report().notes)
        assert len(shop.messages()) == 4
        assert shop.folder(shop.runs()[1]).is_dir()
        with reading(shop.history) as connection:
            assert [len(verdict.problems) for verdict in verify_chains(connection)] != [0]


@flow(name="daily-checklist", retries=0)
async def daily_with_a_bug(service: str) -> State[Any]:
    """The daily round with a clock that a programmer got wrong: judges refuse a time without a zone."""

    def wrong(run: Round) -> Awaitable[Section]:
        return health_check(replace(run, now=lambda: datetime(2026, 11, 24, 9, 0)))

    return await run_checklist(CHECKLIST, service, DailyOptions(), (replace(HEALTH, look=wrong),))


@flow(name="daily-checklist", retries=0)
async def daily_with_a_leak(service: str) -> State[Any]:
    """The daily round with a system that passes a secret on, in a reason and in a note."""

    async def leaks(run: Round) -> Section:
        section, leak = await health_check(run), verbatim(f"token {os.environ['SHOP_TOKEN']}")
        first, *others = section.results
        return replace(section, results=(replace(first, reason=leak), *others), notes=(leak,))

    return await run_checklist(CHECKLIST, service, DailyOptions(), (replace(HEALTH, look=leaks),))


def test_a_bug_in_a_judge_breaks_the_round_and_stores_nothing(operate: "Operate", site: "Site") -> None:
    shop = operate()
    state: State[Any] = asyncio.run(daily_with_a_bug(shop.name, return_state=True))  # type: ignore[arg-type]
    assert ended(state) == ("FAILED", "Failed") and "has no time zone" in str(state.message)
    assert site.asked
    assert (shop.runs(), shop.messages()) == ((), [])
    assert not shop.settings.output.exists()


class TestSecrets:
    """A secret that the service sends back goes nowhere."""

    SECRET = "tok-5f1e9a77-echoed"

    @pytest.fixture
    def shop(self, operate: "Operate", site: "Site", monkeypatch: pytest.MonkeyPatch) -> "Operated":
        """A service that tells its caller's secret in every field it has."""
        monkeypatch.setenv("SHOP_TOKEN", self.SECRET)
        site.version = f"1.4.2+{self.SECRET}"
        site.components = [
            {"name": f"auth {self.SECRET}", "status": f"denied {self.SECRET}", "message": f"bad token {self.SECRET}"}
        ]
        site.answers["/health"].body = lambda: site.health(f"unhealthy {self.SECRET}")
        headers = '[health.headers]\nX-Token = { env = "SHOP_TOKEN" }\n'
        return operate(health=HEALTH_TABLE + headers)

    def test_it_is_sent_and_masked_everywhere(
        self,
        shop: "Operated",
        site: "Site",
        server_view: "ServerView",
        tmp_path: Path,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        state = shop.run_daily()
        assert {headers.get("x-token") for _, headers in site.asked} == {self.SECRET}
        assert ended(state) == ("FAILED", "ChecksFailed")
        assert [r.subject for r in shop.report().with_status(Status.FAIL)][1] == "service/component:auth ••••••"
        asyncio.run(deliver(shop.settings, shop.history, print))
        archived = [file for file in shop.settings.output.rglob("*") if file.is_file()]
        assert {file.suffix for file in archived} >= {".json", ".txt", ".html", ".eml"}
        for file in archived:
            assert self.SECRET not in readable(file), file
        assert self.SECRET not in str(state.message)
        assert "••••••" in (artifacts := str(server_view.artifacts(state))) and self.SECRET not in artifacts
        assert self.SECRET not in server_view.log(state) + caplog.text
        assert self.SECRET not in str(server_view.run(state).model_dump())
        for table in ("services", "runs", "check_results", "evidence", "outbox"):
            rows = str(shop.rows(f"SELECT * FROM {table}"))
            assert len(rows) > 10 and self.SECRET not in rows
        for database in tmp_path.rglob("*.db*"):
            assert self.SECRET.encode() not in database.read_bytes()

    def test_what_a_system_passes_on_is_masked_before_it_is_stored(self, shop: "Operated") -> None:
        asyncio.run(daily_with_a_leak(shop.name, return_state=True))  # type: ignore[arg-type]
        assert shop.report().notes[-1].params == shop.report().results[0].reason.params == {"text": "token ••••••"}
        for table in ("runs", "check_results", "evidence"):
            assert self.SECRET not in str(shop.rows(f"SELECT * FROM {table}"))

    @pytest.mark.parametrize(
        "word", rows({w: w for w in ("shop", "Passed", "hand", "daily-checklist", "PASS")}, ("shop", "PASS"))
    )
    def test_one_that_is_a_word_of_the_program_breaks_nothing(
        self, operate: "Operate", site: "Site", monkeypatch: pytest.MonkeyPatch, word: str
    ) -> None:
        monkeypatch.setenv("SHOP_WORD", word)
        shop = operate(health=f'{HEALTH_TABLE}[health.headers]\nX-Token = {{ env = "SHOP_WORD" }}\n')
        assert ended(shop.run_daily()) == ("COMPLETED", "Passed")
        assert {headers.get("x-token") for _, headers in site.asked} == {word}
        with reading(shop.history) as connection:
            assert [verdict.problems for verdict in verify_chains(connection)] == [()]
        assert len(list(shop.folder(shop.runs()[0]).iterdir())) == 5

    @pytest.mark.deep
    def test_a_rerun_that_says_the_same_is_no_news_though_it_was_masked(self, shop: "Operated") -> None:
        shop.run_daily()
        shop.run_daily()
        assert [run.revision for run in shop.runs()] == [1, 2]
        assert len(shop.messages()) == 2


def readable(file: Path) -> str:
    """A file's text; of a mail the decoded parts and headers."""
    if file.suffix != ".eml":
        return file.read_text(encoding="utf-8")
    mail = message_from_bytes(file.read_bytes(), policy=policy.default)
    parts = [part.get_content() for part in mail.walk() if part.get_content_maintype() == "text"]
    return "\n".join([*map(str, mail.values()), *parts])
