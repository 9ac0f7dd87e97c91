"""From Prometheus's answers to the minutes of probes. Pure."""

from collections.abc import Iterable

import numpy as np

from tasks.check_result import msg
from tasks.observation import ObservationError
from tasks.prometheus.facts import Track
from tasks.slo.facts import Probes
from tasks.slo.sli.minutes import Span
from tasks.slo.sli.tracks import time_at


def probes_of(tracks: Iterable[Track], span: Span) -> Probes:
    """Probes of each minute: each value is one, of which 0 failed. Raises ObservationError for anything but 1 and 0."""
    size = max(0, span[1] - span[0])
    probes = Probes(span[0], np.zeros(size, dtype=np.int64), np.zeros(size, dtype=np.int64))
    series = set()
    for track in tracks:
        series.add(tuple(sorted(track.labels.items())))
        _refuse_no_flags(track)
        minutes = np.ceil(track.times_s / 60).astype(np.int64) - 1 - span[0]
        np.add.at(probes.asked, minutes, 1)
        np.add.at(probes.failed, minutes[track.values == 0], 1)
    if size and not series:
        raise ObservationError(
            msg("The query of [slo.prometheus] probe returned no series: check that the metric still exists")
        )
    if len(series) > 1:
        n = len(series)
        raise ObservationError(msg("The query of [slo.prometheus] probe returned {n} series: put min() around it", n=n))
    return probes


def _refuse_no_flags(track: Track) -> None:
    for place in np.flatnonzero((track.values != 0) & (track.values != 1))[:1]:
        raise ObservationError(
            msg(
                "The query of [slo.prometheus] probe returned {value} at {at}, not 1 or 0",
                value=str(track.values[place]),
                at=time_at(track, place),
            )
        )
