"""The one list of deployments, as a whole: a change of any line of it has to be meant."""

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from prefect import Flow
from prefect.deployments.runner import RunnerDeployment
from pydantic import ValidationError

from deployments.schedules import SCHEDULES, Scheduled, deployments_of
from tasks.settings import Settings, load_settings


@pytest.fixture
def services(tmp_path: Path) -> dict[str, Settings]:
    """Two services in two zones."""
    for name, zone in (("shop", "Asia/Tokyo"), ("bar", "Europe/Berlin")):
        text = f'[service]\nname = "{name}"\nbase_url = "http://127.0.0.1:1"\ntimezone = "{zone}"\n'
        (tmp_path / f"{name}.toml").write_text(text)
    return {name: load_settings(tmp_path / f"{name}.toml") for name in ("shop", "bar")}


def shown(deployment: RunnerDeployment) -> dict[str, Any]:
    """What a server is told of a deployment."""
    [schedule] = deployment.schedules or []
    cron: Any = schedule.schedule
    return {
        "name": f"{deployment.flow_name}/{deployment.name}",
        "cron": (cron.cron, cron.timezone, schedule.slug, schedule.active),
        "parameters": deployment.parameters,
        "tags": deployment.tags,
        "entrypoint": deployment.entrypoint,
        "limit": (deployment.concurrency_limit, str(getattr(deployment.concurrency_options, "collision_strategy", ""))),
    }


def test_every_deployment(services: dict[str, Settings]) -> None:
    one_at_a_time = (1, "ConcurrencyLimitStrategy.CANCEL_NEW")
    assert [shown(deployment) for deployment in deployments_of(services)] == [
        {
            "name": "daily-checklist/shop",
            "cron": ("0 9 * * *", "Asia/Tokyo", "daily-0900", True),
            "parameters": {"service": "shop"},
            "tags": ["opsrounds", "service:shop"],
            "entrypoint": "flows.daily_checklist.daily_checklist",
            "limit": one_at_a_time,
        },
        {
            "name": "daily-checklist/bar",
            "cron": ("0 9 * * *", "Europe/Berlin", "daily-0900", True),
            "parameters": {"service": "bar"},
            "tags": ["opsrounds", "service:bar"],
            "entrypoint": "flows.daily_checklist.daily_checklist",
            "limit": one_at_a_time,
        },
        {
            "name": "outbox/every-service",
            "cron": ("* * * * *", "UTC", "outbox-every-minute", True),
            "parameters": {},
            "tags": ["opsrounds"],
            "entrypoint": "flows.outbox.outbox",
            "limit": one_at_a_time,
        },
    ]


def test_the_description_says_when_in_which_zone_and_how_late(services: dict[str, Settings]) -> None:
    shop, bar, outbox = (str(deployment.description) for deployment in deployments_of(services))
    assert "scheduled `0 9 * * *` Asia/Tokyo, at most 720 min late, at most 30 min long" in shop
    assert "予定 `0 9 * * *` Europe/Berlin、遅れは 720 分まで、実行は 30 分まで" in bar
    assert "scheduled `* * * * *` UTC, at most 2 min late, at most 10 min long" in outbox


def test_every_entrypoint_can_be_imported_and_is_the_flow(services: dict[str, Settings]) -> None:
    for deployment in deployments_of(services):
        module, _, name = str(deployment.entrypoint).rpartition(".")
        found = getattr(import_module(module), name)
        assert isinstance(found, Flow) and found.name == deployment.flow_name


def test_the_flows_are_asynchronous_bounded_and_never_retried() -> None:
    for scheduled in SCHEDULES:
        flow = scheduled.flow
        assert (flow.isasync, flow.retries) == (True, 0)
        assert flow.timeout_seconds == scheduled.timing.deadline.total_seconds() > 0


def test_the_form_of_the_daily_round(services: dict[str, Settings]) -> None:
    form: Any = deployments_of(services)[0]._parameter_openapi_schema
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
        "mail": ("変化がなくてもメールする / Mail even if nothing changed", 2, False),
    }


def test_a_misspelt_key_is_refused() -> None:
    values = {name: getattr(SCHEDULES[0], name) for name in Scheduled.model_fields}
    assert Scheduled(**values) == SCHEDULES[0]
    with pytest.raises(ValidationError, match=r"timezon\n.*Extra inputs are not permitted"):
        Scheduled(**values, timezon="Asia/Tokyo")  # type: ignore[call-arg]
