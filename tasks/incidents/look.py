"""What the incident review is about: incidents, outages, and the uptime that shows what nobody recorded."""

import asyncio
from datetime import datetime, timedelta

from tasks.check_result import msg
from tasks.history.runs import last_run_at
from tasks.incidents.judge.review import Reviewed
from tasks.incidents.store.read import read_incidents
from tasks.observation import Absent
from tasks.records.rules import to_second
from tasks.records.store.records import read_outages
from tasks.round import Round
from tasks.slo.budget.state import Known
from tasks.slo.look import objectives_of, read_slis
from tasks.slo.review import review_of, span_of, whole_uptime, windows_of
from tasks.slo.windows import minute_of

_NO_UPTIME = msg("No uptime objective covers the whole service")


async def look_at_incidents(run: Round) -> Reviewed:
    """The period as it stands now; what has changed in it since an earlier report is in it."""
    settings, now, period = run.settings, run.now(), run.period
    as_of = min(period.end, now)
    name, since = settings.service.name, period.start - timedelta(days=settings.incidents.limits.repeat_days)
    return Reviewed(
        period=period,
        zone=settings.zone,
        as_of=as_of,
        known_at=run.known_until(now),
        now=now,
        records=await asyncio.to_thread(read_incidents, run.history, name, since, now),
        outages=await asyncio.to_thread(read_outages, run.history, name, period.start, as_of),
        uptime=await _uptime(run, as_of),
    )


async def _uptime(run: Round, as_of: datetime) -> Known:
    """The whole service's uptime in the month, whatever the window of its objective."""
    settings = run.settings
    if (whole := whole_uptime(objectives_of(settings))) is None:
        return Absent(_NO_UPTIME)
    objectives = (whole.model_copy(update={"window": "month"}),)
    windows = windows_of(objectives, settings.slo, as_of, settings.zone)
    span = span_of(windows, settings.slo, as_of, run.now())
    data = await read_slis(run.history, settings, objectives, span, minute_of(run.now()))
    return review_of(objectives, windows, settings.slo, data, as_of, settings.zone).known[whole.name]


async def changed_since_report(run: Round, reviewed: Reviewed) -> tuple[int, ...]:
    """The incidents of the period or before of which anything was recorded after the period's last report."""
    if (reported := await asyncio.to_thread(last_run_at, run.history, run.key)) is None:
        return ()
    return tuple(
        record.incident.id
        for record in reviewed.records
        if min(record.incident.detected_at, record.incident.impact_at) < reviewed.as_of
        and any(entry.recorded_at >= to_second(reported) for entry in record.timeline)
    )
