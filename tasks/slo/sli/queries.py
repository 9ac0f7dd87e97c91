"""The PromQL of service level indicators. Pure.

A counter's growth is summed from point to point, `resolution_s` apart, and never extrapolated as `increase()` does it:

- what a series has grown by since the point before; where it fell, its process began again and all of it is new;
- a series that appears beside others of its instance is new, and all of it counts: the first 5xx;
- an instance that was not seen for up to `GAP_S` counts from its last value on, in the minute in which it is back;
- an instance that was never seen before, or not for longer, counts from its first scrape on, which itself is no growth.

What is lost or in the wrong minute thereby:

- A minute holds what its scrapes tell: requests since the last scrape belong to the next one. A window is off by one
  scrape interval's requests at either end.
- Requests of a process before its first scrape, if nothing of its instance was there before, and after its last one;
  those of an instance's gap of more than `GAP_S`.
- Where a counter begins again: what was scraped of it after the last point before, if scrapes are closer together
  than `resolution_s`; and its old value, if the new one has already passed that when it is first seen.
- A series that comes and goes within a running process counts again in full each time it comes: exporters that forget
  series (such as of an absent backend) need a selector without these.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from math import isnan
from typing import Final

from tasks.slo.facts import Scope
from tasks.slo.prometheus_settings import PrometheusSli

GAP_S: Final = 300
LOOKBACK_S: Final = 150
"""How long a value is valid without a new scrape; by Prometheus's own 5 min minutes without any would look empty."""

FIGURE: Final = "sli"
"""The label that distinguishes the parts of an answer: valid, status (by its label), timed, within (by `le`)."""


def labels_of(scopes: Iterable[Scope], settings: PrometheusSli) -> tuple[str, ...]:
    """The labels that distinguish these scopes, no more: each costs Prometheus and the network."""
    scopes = tuple(scopes)
    module = (settings.module_label,) if any(scope.module is not None for scope in scopes) else ()
    route = (settings.route_label,) if any(scope.route is not None for scope in scopes) else ()
    return (*module, *route)


def traffic_query(settings: PrometheusSli, labels: Collection[str], les: Collection[str]) -> str:
    """Requests of each minute before a point by `labels`, and by status.

    `les` are the buckets to count, as their labels are spelt.

    One query, so that all of its parts are of the same scrapes.
    """
    requests = _selected(settings.requests, settings)
    parts = [
        _figure("valid", _per_minute(requests, requests, labels, settings)),
        # Only minutes that have any: absent beside valid ones they are none.
        _figure("status", f"{_per_minute(requests, requests, (*labels, settings.status_label), settings)} > 0"),
    ]
    if les:
        timed = _selected(f"{settings.duration}_count", settings)
        matcher = f'le=~"{_quoted("|".join(re.escape(le) for le in sorted(les)))}"'
        within = _selected(f"{settings.duration}_bucket", settings, matcher)
        if timed != requests:
            parts.append(_figure("timed", _per_minute(timed, timed, labels, settings)))
        parts.append(_figure("within", _per_minute(within, timed, (*labels, "le"), settings)))
    return " or ".join(parts)


def buckets_query(settings: PrometheusSli) -> str:
    """How many series have each bucket."""
    return f"count by (le) ({_selected(f'{settings.duration}_bucket', settings)})"


def complete_buckets(counted: Mapping[str, float], settings: PrometheusSli) -> dict[float, frozenset[str]]:
    """The bounds (ms) that every series has a bucket for, with the ways in which their labels are spelt.

    `counted` are the series by label: "0.2" and "0.20", or "1" and "1.0", are one bound.
    """
    spelt: dict[float, list[str]] = {}
    for le in counted:
        if (bound := bound_ms(le, settings)) is not None:
            spelt.setdefault(bound, []).append(le)
    series = {bound: sum(counted[le] for le in les) for bound, les in spelt.items()}
    most = max(series.values(), default=0)
    return {bound: frozenset(spelt[bound]) for bound in sorted(series) if series[bound] == most}


def bound_ms(le: str, settings: PrometheusSli) -> float | None:
    """A bucket's upper bound in ms; None for no number."""
    try:
        bound = float(le) * (1000 if settings.duration_unit == "s" else 1)
    except ValueError:
        return None
    # 0.029 s are 29 ms, whatever binary fractions make of it.
    return None if isnan(bound) else float(f"{bound:.9g}")


def _per_minute(series: str, siblings: str, labels: Collection[str], settings: PrometheusSli) -> str:
    step = settings.resolution_s
    # Half a step short of a minute: whether its beginning belongs to a range changed with Prometheus 3.
    span_ms = 60_000 - 500 * step
    grown = f"sum by ({', '.join(labels)}) ({_growth(series, siblings, settings)})"
    return f"sum_over_time(({grown})[{span_ms}ms:{step}s])"


def _growth(series: str, siblings: str, settings: PrometheusSli) -> str:
    """What each series has grown by since the point before."""
    back, of = f"offset {settings.resolution_s}s", f"({', '.join(settings.instance_labels)})"
    there = f"group by {of} ({siblings} {back})"
    lately = f"group by {of} (last_over_time({siblings}[{GAP_S}s] {back}))"
    before = f"({series} {back} or last_over_time({series}[{GAP_S}s] {back}) unless on {of} {there})"
    return f"({series} - {before}) >= 0 or {series} and on {of} {lately}"


def _selected(metric: str, settings: PrometheusSli, *further: str) -> str:
    matchers = ",".join(filter(None, (settings.selector, *further)))
    return f"{metric}{{{matchers}}}" if matchers else metric


def _figure(name: str, expression: str) -> str:
    return f'label_replace({expression}, "{FIGURE}", "{name}", "", "")'


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
