"""The one list of deployments, as a whole: a change of any line of it has to be meant."""

import shutil
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from prefect import Flow
from prefect.deployments.runner import RunnerDeployment

from deployments.schedules import deployments_of, note_schedules, schedules_of
from flows.catalogue import CHECKLISTS, FLOWS, Entry, checklist_of
from flows.options import BackupOptions
from tasks.history.opened import history_of
from tasks.schedule.facts import FlowSchedule
from tasks.schedule.store import read_scheduled
from tasks.settings import Settings, load_settings

ONE_AT_A_TIME = (1, "ConcurrencyLimitStrategy.CANCEL_NEW")
LOAD = (
    '[load]\nbase_url = "http://127.0.0.1:2"\nhosts = ["127.0.0.1"]\nscenarios = ["shop.py"]\nprobe = { path = "/" }\n'
)
FORM = (None, "")
"""Two decisions at once both count."""


def two_services(folder: Path) -> dict[str, Settings]:
    """Two in two zones."""
    for name, zone in (("shop", "Asia/Tokyo"), ("bar", "Europe/Berlin")):
        service = f'[service]\nname = "{name}"\nbase_url = "http://127.0.0.1:1"\ntimezone = "{zone}"\n'
        (folder / f"{name}.toml").write_text(f"{service}[health]\nlive = '/live'\n[backups]\n[security]\n{LOAD}")
    return {name: load_settings(folder / f"{name}.toml") for name in ("shop", "bar")}


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Settings]:
    """Services of which nothing is stored."""
    return two_services(tmp_path_factory.mktemp("services"))


@pytest.fixture(scope="module")
def deployed(services: dict[str, Settings]) -> list[RunnerDeployment]:
    """All their deployments."""
    return deployments_of(services)


def shown(deployment: RunnerDeployment) -> dict[str, Any]:
    """What a server receives of a deployment."""
    schedules: Any = deployment.schedules or []
    return {
        "name": f"{deployment.flow_name}/{deployment.name}",
        "when": [(_when(s.schedule), s.schedule.timezone, s.slug, s.active) for s in schedules],
        "parameters": deployment.parameters,
        "tags": deployment.tags,
        "entrypoint": deployment.entrypoint,
        "limit": (deployment.concurrency_limit, str(getattr(deployment.concurrency_options, "collision_strategy", ""))),
    }


@pytest.mark.parametrize("entry", [entry for entry in FLOWS if entry.per_service], ids=lambda entry: entry.flow.name)
def test_a_flow_of_every_service(deployed: list[RunnerDeployment], entry: Entry) -> None:
    schedule = entry.schedule
    mine = [shown(deployment) for deployment in deployed if deployment.flow_name == entry.flow.name]
    assert mine == [
        {
            "name": f"{entry.flow.name}/{service}",
            "when": [] if schedule is None else [(schedule.cron, zone, schedule.slug, True)],
            "parameters": {"service": service},
            "tags": ["opsrounds", *(["checklist"] if entry.checklist else []), f"service:{service}"],
            "entrypoint": f"{entry.flow.fn.__module__}.{entry.flow.fn.__name__}",
            "limit": FORM if schedule is None else ONE_AT_A_TIME,
        }
        for service, zone in (("shop", "Asia/Tokyo"), ("bar", "Europe/Berlin"))
    ]


@pytest.mark.parametrize(
    ("checklist", "cron", "slug"),
    [
        ("daily-checklist", "0 9 * * *", "daily-0900"),
        ("weekly-checklist", "0 9 * * 1", "weekly-monday-0900"),
        ("monthly-checklist", "0 9 1 * *", "monthly-first-0900"),
    ],
)
def test_the_guides_checklists_come_at_nine(checklist: str, cron: str, slug: str) -> None:
    schedule = checklist_of(checklist).schedule
    assert (schedule.cron, schedule.slug) == (cron, slug)  # another slug would leave the old schedule active beside it


def test_every_schedule_of_a_flow_has_a_name_of_its_own() -> None:
    assert all(entry.schedule.slug for entry in FLOWS if entry.schedule is not None)
    assert [name for name, checklist in CHECKLISTS.items() if name != checklist.name] == []


def _when(schedule: Any) -> Any:
    return getattr(schedule, "cron", None) or (schedule.interval, schedule.anchor_date)


def test_a_flow_of_the_machine(deployed: list[RunnerDeployment]) -> None:
    found = [shown(deployment) for deployment in deployed]
    assert len(found) == sum(2 if entry.per_service else 1 for entry in FLOWS)
    assert [one for one in found if one["name"] == "monitoring/every-service"] == [
        {
            "name": "monitoring/every-service",
            "when": [
                (
                    (timedelta(minutes=15), datetime(2025, 12, 31, 23, 59, 30, tzinfo=UTC)),
                    "UTC",
                    "monitoring-every-quarter",
                    True,
                )
            ],
            "parameters": {},
            "tags": ["opsrounds"],
            "entrypoint": "flows.monitoring.monitoring",
            "limit": FORM,  # a lease decides
        }
    ]
    assert [one["when"] for one in found if one["name"] == "housekeeping/every-service"] == [
        [("40 18 * * *", "UTC", "housekeeping-daily", True)]
    ]
    assert found[-1] == {
        "name": "outbox/every-service",
        "when": [("40 * * * *", "UTC", "outbox-every-hour", True)],
        "parameters": {},
        "tags": ["opsrounds"],
        "entrypoint": "flows.outbox.outbox",
        "limit": ONE_AT_A_TIME,
    }


def test_a_schedule_looks_at_files_and_a_person_gets_a_drill(deployed: list[RunnerDeployment]) -> None:
    found = [d for d in deployed if d.flow_name == "backup-verification"]
    assert [s.parameters for d in found for s in d.schedules or []] == 2 * [{"options": {"depth": "files"}}]
    assert BackupOptions().depth == "full"


def test_what_is_not_configured_is_started_by_people_alone(tmp_path: Path) -> None:
    (tmp_path / "shop.toml").write_text('[service]\nname = "shop"\nbase_url = "http://127.0.0.1:1"\n')
    services = {"shop": load_settings(tmp_path / "shop.toml")}
    [found] = [d for d in deployments_of(services) if d.flow_name == "backup-verification"]
    assert not found.schedules and "a form, started manually" in str(found.description)
    scheduled = {entry.flow.name for entry in FLOWS if entry.schedule is not None}
    assert {d.flow_name for d in deployments_of(services) if d.schedules} == scheduled - {
        "backup-verification",
        "load-test",
        "security-scan",
    }


def test_the_description_says_when_in_which_zone_and_how_late(deployed: list[RunnerDeployment]) -> None:
    descriptions = {f"{d.flow_name}/{d.name}": str(d.description) for d in deployed}
    daily = descriptions["daily-checklist/shop"]
    assert "scheduled `0 9 * * *` Asia/Tokyo, at most 720 min late, at most 30 min long" in daily
    assert "予定 `0 9 * * *` Europe/Berlin、遅れは 720 分まで、実行は 30 分まで" in descriptions["daily-checklist/bar"]
    assert "scheduled `40 * * * *` UTC, at most 10 min long" in descriptions["outbox/every-service"]
    assert "every 15 min, at most 15 min late, at most 17 min long" in descriptions["monitoring/every-service"]
    for form in (entry.flow.name for entry in FLOWS if entry.schedule is None):
        assert "手動で開始するフォーム / a form, started manually" in descriptions[f"{form}/shop"]


def test_every_entrypoint_can_be_imported_and_is_the_flow(deployed: list[RunnerDeployment]) -> None:
    for deployment in deployed:
        module, _, name = str(deployment.entrypoint).rpartition(".")
        found = getattr(import_module(module), name)
        assert isinstance(found, Flow) and found.name == deployment.flow_name


def test_the_flows_are_asynchronous_bounded_and_never_retried() -> None:
    for entry in FLOWS:
        assert (entry.flow.isasync, entry.flow.retries) == (True, 0)
        assert entry.flow.timeout_seconds == entry.timing.deadline.total_seconds() > 0


def test_the_form_of_the_daily_round(deployed: list[RunnerDeployment]) -> None:
    form: Any = deployed[0]._parameter_openapi_schema
    properties = form.properties
    assert form.required == ["service"]
    assert [(name, properties[name]["position"]) for name in properties] == [("service", 0), ("options", 1)]
    assert "対象サービスの名前 / name of the service" in properties["service"]["description"]
    options = form.definitions["DailyOptions"]
    assert options["additionalProperties"] is False
    assert {
        name: (field["title"], field["position"], field["default"]) for name, field in options["properties"].items()
    } == {
        "for_date": ("対象日 / Date", 1, None),
        "mail": ("変化がなくてもメールする / Send mail even if nothing changed", 9, False),
    }


def test_the_form_of_a_triage(deployed: list[RunnerDeployment]) -> None:
    form: Any = next(d for d in deployed if d.flow_name == "error-triage")._parameter_openapi_schema
    assert form.required == ["service", "decision"]
    fields = form.definitions["TriageOptions"]
    assert fields["required"] == ["error", "action", "by"]
    assert [(name, field["position"]) for name, field in fields["properties"].items()] == [
        ("error", 1),
        ("action", 2),
        ("by", 3),
        ("release", 4),
        ("assignee", 5),
        ("note", 6),
    ]
    assert form.definitions["Action"]["enum"] == ["resolve", "ignore", "assign", "reopen"]


@pytest.mark.parametrize(
    ("flow", "options", "required", "fields"),
    [
        (
            "record-deploy",
            ("deploy", "DeployOptions"),
            ["version", "by"],
            ["version", "by", "outcome", "started_at", "ended_at", "commit_at", "environment"],
        ),
        (
            "record-outage",
            ("outage", "OutageOptions"),
            ["started_at", "cause", "by"],
            ["started_at", "ended_at", "cause", "by", "module"],
        ),
        (
            "record-maintenance",
            ("maintenance", "MaintenanceOptions"),
            ["starts_at", "ends_at", "reason", "by"],
            ["starts_at", "ends_at", "reason", "by", "module", "late_reason"],
        ),
        (
            "override-oncall",
            ("override", "OverrideOptions"),
            ["person", "starts_at", "ends_at", "reason", "by"],
            ["person", "starts_at", "ends_at", "reason", "by"],
        ),
        (
            "silence-alerts",
            ("silence", "SilenceOptions"),
            ["ends_at", "reason", "by"],
            ["ends_at", "reason", "by", "check", "subject", "starts_at"],
        ),
        ("end-silence", ("silence", "EndOptions"), ["number"], ["number"]),
        ("acknowledge-incident", ("answer", "Acknowledgement"), ["incident", "by"], ["incident", "by", "text"]),
        (
            "mitigate-incident",
            ("mitigation", "Mitigation"),
            ["incident", "text", "by", "fix"],
            ["incident", "text", "by", "fix", "owner", "due", "at"],
        ),
        (
            "waive-finding",
            ("waiver", "WaiverOptions"),
            ["finding", "reason", "owner", "expires"],
            ["finding", "reason", "owner", "expires", "scope", "note"],
        ),
    ],
)
def test_the_form_of_a_record(
    deployed: list[RunnerDeployment], flow: str, options: tuple[str, str], required: list[str], fields: list[str]
) -> None:
    form: Any = next(d for d in deployed if d.flow_name == flow)._parameter_openapi_schema
    assert form.required == ["service", options[0]]
    found = form.definitions[options[1]]
    assert (found["required"], found["additionalProperties"]) == (required, False)
    assert [(name, field["position"]) for name, field in found["properties"].items()] == [
        (name, place) for place, name in enumerate(fields, 1)
    ]
    for name, field in found["properties"].items():
        japanese, _, english = field["title"].partition(" / ")
        assert japanese and english, name
        if name.endswith("_at"):
            assert field.get("anyOf", [field])[0]["format"] == "date-time"


def test_what_the_history_is_told_is_what_the_server_starts(services: dict[str, Settings]) -> None:
    shop = services["shop"]
    started = {d.flow_name for d in deployments_of({"shop": shop}) if d.schedules}
    told = {schedule.flow: schedule for schedule in schedules_of(shop)}
    assert set(told) == started and "record-deploy" not in told
    hour = timedelta(hours=1)
    assert told["weekly-checklist"] == FlowSchedule(
        "weekly-checklist", "0 9 * * 1", None, "Asia/Tokyo", "week", 54 * hour
    )
    assert told["outbox"] == FlowSchedule("outbox", "40 * * * *", None, "UTC", None, timedelta(minutes=10))
    assert (told["monitoring"].every, told["monitoring"].timezone) == (timedelta(minutes=15), "UTC")
    kinds = {flow: schedule.period for flow, schedule in told.items() if schedule.period is not None}
    assert set(kinds) == {name for name in CHECKLISTS if name in started}
    assert kinds["monthly-checklist"] == "month" and kinds["slo-report"] == "week" and kinds["load-test"] == "day"


def test_a_history_that_cannot_be_told_is_named_and_stops_no_other(tmp_path: Path, empty_history: Path) -> None:
    services = two_services(tmp_path)
    shutil.copy(empty_history, tmp_path / "opsrounds.db")
    away = tmp_path / "bar.toml"
    away.write_text(f'{away.read_text()}[history]\nurl = "postgresql://ops@127.0.0.1:1/x"\n')
    now = datetime.now(UTC)
    [problem] = note_schedules({"bar": load_settings(away), "shop": services["shop"]}, now)
    assert problem.startswith("bar: the daily checklist cannot tell what should have run: ")
    history = history_of(services["shop"])
    assert {flow.since for flow in read_scheduled(history, "shop", now)} == {now}
    history.dispose()
