"""What `rounds config check` refuses of objectives, why, and what it says would do."""

from pathlib import Path

import pytest

from tasks.configuration import ConfigurationError
from tasks.settings import Settings, load_settings
from tasks.slo.look import objectives_of

BASE = '[service]\nname = "shop"\nbase_url = "http://shop.example"\nmodules = ["users", "shopping"]\n'
HEALTH = '[health]\nlive = "/live"\n'
LOG = '[[logs.source]]\nname = "app"\nkind = "file"\npaths = ["app.log"]\n[[routes]]\npattern = "/api/users"\n'
METRICS = '[metrics]\nprometheus_url = "http://prometheus.example"\n'
EVERYTHING = HEALTH + LOG + METRICS + '[[kpi]]\nname = "orders"\npromql = "x"\nfloor = 5\n'


def objective(name: str, kind: str, more: str) -> str:
    return f'[[slo.objective]]\nname = "{name}"\nkind = "{kind}"\n{more}\n'


def settings(tmp_path: Path, text: str) -> Settings:
    file = tmp_path / "service.toml"
    file.write_text(BASE + text, encoding="utf-8")
    return load_settings(file)


GOOD = (
    objective("availability", "availability", "target = 0.999")
    + objective("users", "availability", 'target = 0.999\nscope = { module = "users" }\nwindow = "28d"')
    + objective("route", "latency", 'target = 0.99\nwithin_ms = 500\nscope = { route = "/api/users" }\nwindow = "week"')
    + objective("slices", "availability", 'target = 0.99\nbudgeting = "timeslices"\nslice_target = 0.9\nalerts = false')
    + objective("metrics", "error-rate", 'max_share = 0.01\nsource = "prometheus"')
    + objective("uptime", "uptime", 'target = 0.9995\nprobe = "live"')
    + objective("orders", "kpi", 'kpi = "orders"\ntarget = 0.9\nalerts = false')
    + objective("resolution", "incident-resolution", "within_min = 30\ntarget = 0.9")
    + objective("deploys", "deploy-frequency", "per_week = 5")
)


def test_every_kind_of_objective_is_accepted(tmp_path: Path) -> None:
    assert len(settings(tmp_path, EVERYTHING + GOOD).slo.objective) == 9


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            objective("a", "availability", "target = 99.9"),
            r"slo.objective.0.target: 99.9 is not a share: write 99.9 % as 0.999",
        ),
        (objective("a", "availability", "target = 1"), "a target of 1 leaves no error budget"),
        (objective("a", "availability", "target = 0"), "0 is not a share of good events"),
        (
            objective("a", "availability", "target = 0.999\ngoal = 1"),
            "slo.objective.0.goal: unknown key; known are name",
        ),
        (
            objective("a", "availabilty", "target = 0.999"),
            "slo.objective.0.kind: unknown 'availabilty'; known are availability",
        ),
        ('[[slo.objective]]\nname = "a"\n', "slo.objective.0.kind: is required"),
        (objective("a", "availability", 'target = 0.999\nwindow = "30 days"'), "a window is month, week"),
        (objective("a", "availability", 'target = 0.999\nwindow = "400d"'), "a rolling window has 1 to 366 days"),
        (
            objective("a", "latency", "target = 0.95\nwithin_ms = 250"),
            r"objective 'a': requests within 250 ms are not counted; \[logs\] latency_bounds_ms are 200, 500, 1000",
        ),
        (
            objective("a", "availability", 'target = 0.999\nscope = { module = "user" }'),
            r"no module 'user' in service.modules or \[\[routes\]\]; known: shopping, users",
        ),
        (
            objective("a", "availability", 'target = 0.999\nscope = { route = "/x" }'),
            r"no \[\[routes\]\] pattern is '/x'; known: /api/users",
        ),
        (
            objective("a", "kpi", 'kpi = "order"\ntarget = 0.9'),
            r"no \[\[kpi\]\] with a floor is named 'order'; known: orders",
        ),
        (objective("a", "uptime", "target = 0.9995"), r"\[health\] ready is not set.*or use probe = \"live\""),
        (objective("a", "uptime", 'target = 0.9995\nsource = "prometheus"'), r"set \[slo.prometheus\] probe"),
        (
            objective("a", "availability", "target = 0.9"),
            "burns only 10 times as fast as the target 0.9 allows, and the alert on 0.02 .* needs 14.4",
        ),
        (
            "[slo.alerts]\nperiod_days = 60\n",  # of the guide's own objectives
            "objective 'latency': even a total outage burns only 20 times .* needs 28.8",
        ),
        (
            objective("a", "kpi", 'kpi = "orders"\ntarget = 0.9'),
            "objective 'a': even a total outage burns only 10 times",
        ),
        ("[slo.alerts]\nperiod_days = 28\n", "72 h of 28 days is a burn rate of 0.933"),
        (
            objective("a", "availability", "target = 0.999") + objective("b", "error-rate", "max_share = 0.01"),
            "objectives 'a' and 'b' contradict each other: .* one allows 0.001 of them to fail, the other 0.01",
        ),
        (
            objective("a", "latency", "target = 0.95\nwithin_ms = 200")
            + objective("b", "latency", "target = 0.94\nwithin_ms = 500"),
            "contradict each other: .* give the slower one the higher target",
        ),
        (
            objective("a", "availability", "target = 0.999") + objective("b", "availability", "target = 0.9999"),
            "measure the same thing: keep one of them",
        ),
        (objective("a", "availability", "target = 0.999") * 2, "a name must not be listed twice: a"),
        ("[slo.policy]\ncaution_below = 0.1\n", "postmortem_below must be below caution_below"),
        (
            objective("a", "availability", "target = 0.999\nslice_target = 0.9"),
            'slice_target belongs to budgeting = "timeslices"',
        ),
    ],
)
def test_an_impossible_objective_is_refused_with_its_reason(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        settings(tmp_path, EVERYTHING + text)


def test_a_source_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"needs a \[\[logs.source\]\] with requests"):
        settings(tmp_path, objective("a", "availability", "target = 0.999"))
    with pytest.raises(ConfigurationError, match=r"needs \[metrics\]"):
        settings(tmp_path, objective("a", "availability", 'target = 0.999\nsource = "prometheus"'))


def test_every_problem_is_reported_at_once(tmp_path: Path) -> None:
    text = objective("a", "latency", 'target = 0.95\nwithin_ms = 250\nscope = { module = "x" }')
    with pytest.raises(ConfigurationError) as refused:
        settings(tmp_path, EVERYTHING + text)
    assert len(refused.value.problems) == 2
    assert all(problem.startswith("slo: objective 'a': ") for problem in refused.value.problems)


def test_the_guides_objectives_apply_when_the_file_has_none(tmp_path: Path) -> None:
    guide = objectives_of(settings(tmp_path, LOG + HEALTH))
    assert [(o.kind, getattr(o, "source", None)) for o in guide] == [
        ("availability", "logs"),
        ("latency", "logs"),
        ("error-rate", "logs"),
        ("uptime", "probes"),
        ("incident-resolution", None),
        ("deploy-frequency", None),
    ]
    assert [getattr(o, "probe", None) for o in guide][3] == "live"
    assert objectives_of(settings(tmp_path, METRICS))[0].source == "prometheus"  # type: ignore[union-attr]
    own = settings(tmp_path, LOG + objective("mine", "availability", "target = 0.999"))
    assert [o.name for o in objectives_of(own)] == ["mine"]
