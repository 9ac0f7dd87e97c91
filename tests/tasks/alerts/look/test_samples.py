"""Which series rules watch, and which of them are missed."""

from tasks.alerts.facts import Said
from tasks.alerts.look.samples import condition_of, sample_signals
from tasks.alerts.settings import Rule
from tasks.check_result import msg

DISK = Rule(check="resources.disk", sample="disk.used", warning=90)
READY = Rule(check="health.readiness", sample="probe.ready", subject="a", worse="under", warning=0)
WHOLE = Rule(check="health.readiness", sample="probe.ready", subject="service", worse="under", emergency=0)
GOOD = [(minute, 1.0) for minute in range(90, 101)]
BAD = [(minute, 0.0) for minute in range(90, 101)]
OLD = [(80, 1.0)]


def found(rules: list[Rule], series: dict[tuple[str, str], list[tuple[int, float]]], **more: object) -> dict[str, Said]:
    full = {(name, subject, ""): points for (name, subject), points in series.items()}
    signals = sample_signals(rules, full, 100, {"health.readiness": msg("Readiness")}, no_data_min=5, **more)  # type: ignore[arg-type]
    return {signal.condition.subject: signal.said for signal in signals}


def test_the_whole_service_fails_only_when_every_instance_does() -> None:
    one = {("probe.ready", "a"): BAD, ("probe.ready", "b"): GOOD}
    assert found([READY, WHOLE], one) == {"a": Said.BAD, "service": Said.GOOD}
    both = {("probe.ready", "a"): BAD, ("probe.ready", "b"): BAD}
    assert found([READY, WHOLE], both) == {"a": Said.BAD, "service": Said.BAD}


def test_a_figure_that_all_have_lost_is_missed_and_one_of_several_may_be_gone() -> None:
    assert found([DISK], {("disk.used", "/"): GOOD, ("disk.used", "/mnt"): OLD}) == {"/": Said.GOOD}
    assert found([DISK], {("disk.used", "/"): OLD, ("disk.used", "/mnt"): OLD}) == {
        "/": Said.NO_DATA,
        "/mnt": Said.NO_DATA,
    }


def test_what_a_rule_names_is_missed_by_itself_and_so_is_what_has_an_alert() -> None:
    assert found([READY], {("probe.ready", "a"): OLD, ("probe.ready", "b"): GOOD}) == {"a": Said.NO_DATA}
    key = condition_of(DISK, "/mnt").key
    series = {("disk.used", "/"): GOOD, ("disk.used", "/mnt"): OLD}
    assert found([DISK], series, open_keys={key})["/mnt"] is Said.NO_DATA


def test_what_nobody_monitored_is_not_missed_unless_it_has_an_alert() -> None:
    series = {("disk.used", "/"): OLD}
    assert found([DISK], series, monitored=()) == {}
    assert found([DISK], series, monitored={79, 80, 96, 97, 98, 100}) == {}
    assert found([DISK], series, monitored={96, 97, 98, 99}) == {"/": Said.NO_DATA}
    assert found([DISK], series, monitored=(), open_keys={condition_of(DISK, "/").key}) == {"/": Said.NO_DATA}
    watch = Rule(check="schedule.monitoring", sample="monitoring.missing", warning=1)
    assert found([watch], {("monitoring.missing", "service"): OLD}, monitored=()) == {"service": Said.NO_DATA}


def test_of_several_rules_for_one_thing_the_first_counts() -> None:
    own = Rule(check="resources.disk", sample="disk.used", subject="/mnt*", warning=200)
    series = {("disk.used", "/"): [(m, 95.0) for m, _ in GOOD], ("disk.used", "/mnt"): [(m, 95.0) for m, _ in GOOD]}
    assert found([own, DISK], series) == {"/": Said.BAD, "/mnt": Said.GOOD}


def test_where_one_instance_could_not_be_probed_the_others_failures_are_not_the_whole_service() -> None:
    unseen = [(minute, 1.0) for minute in range(90, 98)]
    assert found([WHOLE], {("probe.ready", "a"): BAD, ("probe.ready", "b"): unseen}) == {"service": Said.GOOD}
    apart = {("probe.ready", "a"): [(42, 0.0)], ("probe.ready", "b"): [(40, 0.0)]}
    assert found([WHOLE], apart) == {"service": Said.NO_DATA}, "no minute has both, and it is watched all the same"
    gone = [(minute, 1.0) for minute in range(50, 60)]
    assert found([WHOLE], {("probe.ready", "a"): BAD, ("probe.ready", "b"): gone}) == {"service": Said.BAD}


def test_after_a_change_of_the_unit_the_series_that_goes_on_is_judged() -> None:
    orders = Rule(check="kpi.floor", sample="kpi.orders", worse="under", emergency=10)
    series = {("kpi.orders", "orders", "1/h"): OLD, ("kpi.orders", "orders", "orders/h"): BAD}
    for order in (series, dict(reversed(series.items()))):
        [signal] = sample_signals([orders], order, 100, {}, no_data_min=5)
        assert (signal.said, signal.level) == (Said.BAD, 3)
