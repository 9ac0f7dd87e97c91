"""Gates that name what there is not are refused with the service file."""

from pathlib import Path

import pytest

from tasks.configuration import ConfigurationError
from tasks.settings import Settings, load_settings

FILE = """
[service]
name = "shop"
base_url = "http://127.0.0.1:1"
{modules}
[load]
base_url = "http://127.0.0.1:2"
hosts = ["127.0.0.1:2"]
scenarios = ["shop.py"]
probe = {{ path = "/lists" }}
[[load.gate]]
metric = "latency"
statistic = "p95"
max = 200
{gate}
[[routes]]
pattern = "/recipes/:id"
{routes}
"""


def load(
    folder: Path, gate: str, *, modules: str = 'modules = ["shopping"]', routes: str = 'module = "recipes"'
) -> Settings:
    file = folder / "shop.toml"
    file.write_text(FILE.format(gate=gate, modules=modules, routes=routes))
    return load_settings(file)


@pytest.mark.parametrize(
    "gate", ['module = "shopping"', 'module = "recipes"', 'route = "/whatever"', "", "users = 160"]
)
def test_a_gate_on_what_is_known(tmp_path: Path, gate: str) -> None:
    settings = load(tmp_path, gate)
    assert settings.load is not None and len(settings.load.gate) == 1


@pytest.mark.parametrize(
    ("gate", "problem"),
    [
        (
            'module = "paymnts"',
            "load.gate: no module 'paymnts' in service.modules or [[routes]]; known: shopping, recipes",
        ),
        (
            "users = 7",
            "load: gate: no profile has a step of 7 users; there are steps of 5, 10, 20, 40, 80, 100, 120, 160",
        ),
    ],
)
def test_a_gate_on_what_there_is_not(tmp_path: Path, gate: str, problem: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        load(tmp_path, gate)
    assert list(error.value.problems) == [problem]


def test_without_known_modules_a_gate_is_believed_until_the_test_ran(tmp_path: Path) -> None:
    assert load(tmp_path, 'module = "payments"', modules="", routes="").load is not None
