"""The story of the demo: its service file and its action; as a whole with `make deep`, on a real service."""

import os
from contextlib import ExitStack
from pathlib import Path

import pytest

from deployments.demo.environment import Apart, demo_environment
from deployments.demo.faults import Fault, PlantedFaults, plant
from deployments.demo.story.beside import playing, write_service_file
from deployments.demo.story.facts import NAME
from deployments.prefect_server import PrefectServer, client_settings, one_time_credential
from reports.incident_archive import page_of
from tasks.alerts.addresses import addresses
from tasks.alerts.reach import unreached, warnings
from tasks.check_result import Severity
from tasks.processes import run
from tasks.secrets import given_variables
from tasks.settings import Settings, load_settings

ROOT = Path(__file__).parents[4]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """The service file of a story that is not played."""
    service = Apart("http://127.0.0.1:9", tmp_path / "faults.json")
    return load_settings(write_service_file(tmp_path, service, tmp_path / "output", ["ja", "en"]))


def test_each_level_reaches_whom_the_guide_names(settings: Settings) -> None:
    sato = next(person for person in settings.oncall.person if person.name == "sato")
    to = [[address.recipient for address in addresses(settings, level, sato)] for level in Severity]
    assert to == [["chat"], ["oncall:sato"], ["oncall:sato", "suzuki@kondate.example", "chat"]]
    assert unreached(settings) == warnings(settings) == []


def test_its_action_takes_the_fault_back(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    faults = PlantedFaults(tmp_path / "faults.json")
    plant(tmp_path / "faults.json", [Fault.COMPONENT_DOWN])
    assert faults.now()
    assert settings.alerts is not None
    [action] = settings.alerts.action
    assert action.command is not None and not action.dry_run
    ended = run(
        action.command, deadline_s=action.timeout_s, env={"PATH": os.environ["PATH"], **given_variables(action)}
    )
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert not faults.now()


@pytest.mark.deep
@pytest.mark.study  # `make demo` plays it too
def test_it_comes_out_as_planned_on_a_real_service(tmp_path: Path) -> None:
    with ExitStack() as stack:
        server = PrefectServer(tmp_path / "prefect", auth=one_time_credential(), services=False)
        stack.enter_context(server.child)
        demo = stack.enter_context(demo_environment(tmp_path, instances=1, beside=NAME))
        assert demo.beside is not None
        output = tmp_path / "output"
        output.mkdir()
        file = write_service_file(tmp_path, demo.beside, output, ["ja", "en"])
        server.wait_until_healthy()
        beside = stack.enter_context(playing(file, client_settings(server.api_url, server.auth)))
        story = beside.end()
    assert story.good, story
    assert sum(way.arrived for way in story.ways) == 10
    page = page_of(NAME, 1, output).read_text(encoding="utf-8")
    assert "キャッシュを再起動した" in page and "action restart-cache: effective" in page
