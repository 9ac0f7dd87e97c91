"""The PromQL of service level indicators, and which buckets there are."""

import pytest
from pydantic import ValidationError

from tasks.slo.facts import Scope
from tasks.slo.prometheus_settings import PrometheusSli
from tasks.slo.sli.queries import bound_ms, buckets_query, complete_buckets, labels_of, traffic_query

SETTINGS = PrometheusSli(requests="hits", selector='job="shop"', duration="took", resolution_s=30)


def test_requests_and_failures_in_one_query() -> None:
    def part(series: str, figure: str, by: str = "", beyond: str = "") -> str:
        there = 'group by (job, instance) (hits{job="shop"} offset 30s)'
        lately = 'group by (job, instance) (last_over_time(hits{job="shop"}[300s] offset 30s))'
        before = f"{series} offset 30s or last_over_time({series}[300s] offset 30s) unless on (job, instance) {there}"
        growth = f"({series} - ({before})) >= 0 or {series} and on (job, instance) {lately}"
        summed = f"sum_over_time((sum by ({by}) ({growth}))[45000ms:30s]){beyond}"
        return f'label_replace({summed}, "sli", "{figure}", "", "")'

    valid, status = part('hits{job="shop"}', "valid"), part('hits{job="shop"}', "status", "status", " > 0")
    assert traffic_query(SETTINGS, (), ()) == f"{valid} or {status}"


def test_durations_are_asked_for_with_the_requests() -> None:
    query = traffic_query(SETTINGS, ("module", "route"), ("0.2", "+Inf"))
    assert query.count("sum_over_time") == 4
    assert query.count("sum by (module, route) (") == 2 and query.count("sum by (module, route, le) (") == 1
    assert r'took_bucket{job="shop",le=~"\\+Inf|0\\.2"}' in query and 'took_count{job="shop"}' in query


def test_a_histogram_that_is_the_counter_is_not_counted_twice() -> None:
    query = traffic_query(PrometheusSli(), (), ("0.2",))
    assert query.count("sum_over_time") == 3 and '"timed"' not in query
    assert "http_request_duration_seconds_count offset 15s" in query


@pytest.mark.parametrize("resolution_s", [1, 15, 60])
def test_a_minute_holds_each_of_its_points_once(resolution_s: int) -> None:
    query = traffic_query(PrometheusSli(resolution_s=resolution_s), (), ())  # type: ignore[arg-type]
    span_ms = int(query.partition("ms:")[0].rpartition("[")[2])
    points = range(0, 60_001, 1000 * resolution_s)
    assert [at for at in points if at >= 60_000 - span_ms] == [*points][1:]


def test_only_the_labels_that_the_scopes_need() -> None:
    settings = PrometheusSli(module_label="service_module", route_label="path")
    assert labels_of([Scope()], settings) == ()
    assert labels_of([Scope(), Scope("shop")], settings) == ("service_module",)
    assert labels_of([Scope(route="/a")], settings) == ("path",)
    assert labels_of([Scope("shop", "/a")], settings) == ("service_module", "path")


class TestBuckets:
    """Bounds in ms, however they are spelt."""

    def test_the_query(self) -> None:
        assert buckets_query(SETTINGS) == 'count by (le) (took_bucket{job="shop"})'

    @pytest.mark.parametrize(
        ("le", "unit", "bound"),
        [
            ("0.2", "s", 200.0),
            ("0.20", "s", 200.0),
            ("2e-01", "s", 200.0),
            ("0.029", "s", 29.0),
            ("0.30000000000000004", "s", 300.0),
            ("200", "ms", 200.0),
            ("200.0", "ms", 200.0),
            ("+Inf", "s", float("inf")),
            ("", "s", None),
            ("NaN", "s", None),
            ("fast", "ms", None),
        ],
    )
    def test_a_bound(self, le: str, unit: str, bound: float | None) -> None:
        assert bound_ms(le, PrometheusSli.model_validate({"duration_unit": unit})) == bound

    def test_only_bounds_that_every_series_has(self) -> None:
        counted = {"0.5": 6.0, "1": 4.0, "1.0": 2.0, "0.2": 5.0, "+Inf": 6.0}
        found = complete_buckets(counted, SETTINGS)
        assert found == {500.0: {"0.5"}, 1000.0: {"1", "1.0"}, float("inf"): {"+Inf"}}
        assert list(found) == [500.0, 1000.0, float("inf")]
        assert complete_buckets({}, SETTINGS) == {}


class TestSettings:
    """What [slo.prometheus] may say."""

    def test_matchers(self) -> None:
        assert PrometheusSli(selector=' job="a", env=~"b|c" ').selector == 'job="a", env=~"b|c"'

    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({"selector": '{job="a"}'}, "without braces"),
            ({"selector": 'job="a}"'}, "without braces"),
            ({"selector": 'job="a"} or up{'}, "without braces"),
            ({"selector": '__name__="up"'}, "the metric's name"),
            ({"requests": "sum(x)"}, "is not a metric name"),
            ({"duration": "took_bucket"}, "without _bucket: took"),
            ({"duration": "took-s"}, "is not a metric name"),
            ({"bad_status": "5(.."}, "is not a regular expression"),
            ({"bad_status": ""}, "at least 1 character"),
            ({"module_label": "my-module"}, "is not a label name"),
            ({"route_label": "le"}, "cannot be used"),
            ({"route_label": "module"}, "must not be listed twice: module"),
            ({"instance_labels": ["pod", "pod"]}, "must not be listed twice: pod"),
            ({"instance_labels": []}, "at least 1 item"),
            ({"resolution_s": 7}, "resolution_s"),
            ({"probe": " "}, "at least 1 character"),
            ({"duration_unit": "us"}, "duration_unit"),
            ({"metric": "x"}, "Extra inputs"),
        ],
        ids=lambda value: str(value)[:40],
    )
    def test_impossible_settings_are_refused(self, settings: dict[str, object], message: str) -> None:
        with pytest.raises(ValidationError, match=r"(?s).*") as error:
            PrometheusSli.model_validate(settings)
        assert message in str(error.value)
