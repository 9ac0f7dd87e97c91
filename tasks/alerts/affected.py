"""Which figures the alerts of an incident are about. Pure."""

from collections.abc import Iterable
from glob import escape
from typing import Final, Literal

from tasks.alerts.facts import Episode
from tasks.alerts.judge.group import WHOLE
from tasks.alerts.rules import PROBES
from tasks.incidents.facts import Affected

_GOOD_PROBE: Final = 1.0
"""Below it, a probe failed."""


def affected_by(episodes: Iterable[Episode]) -> tuple[Affected, ...]:
    """The samples that alerts watch, each once, with the limit that was broken."""
    found: dict[tuple[str, str], Affected] = {}
    for episode in episodes:
        labels, subject = dict(episode.condition.labels), episode.condition.subject
        limit = None if episode.limit is None else episode.limit.value
        if "sample" in labels:
            worse: Literal["over", "under"] = "under" if labels.get("worse") == "under" else "over"
            value = float(limit) if isinstance(limit, int | float) else None
            if labels["sample"] in PROBES:
                value = _GOOD_PROBE
            pattern = "*" if subject == WHOLE else escape(subject)
            found.setdefault((labels["sample"], pattern), Affected(labels["sample"], pattern, value, worse))
    return tuple(found.values())
