"""The watch over the rounds themselves: was the service monitored, and did every scheduled flow run?"""

import asyncio
from datetime import timedelta
from typing import Final

from tasks.monitoring.collect import NOTHING_ASKED, is_monitored
from tasks.monitoring.facts import Monitored
from tasks.monitoring.store.minutes import read_monitored
from tasks.observation import Absent, Unobserved
from tasks.records.store.records import read_maintenance
from tasks.round import Round, System
from tasks.schedule.checks import CHECKS, LINE
from tasks.schedule.judge.flows import LOOKS_BACK, judge_flows
from tasks.schedule.judge.monitoring import NEVER, judge_monitoring
from tasks.schedule.store import read_scheduled
from tasks.section import Section

_DAY = timedelta(hours=24)


async def scheduling(run: Round) -> Section:
    """Read what is on record of monitored minutes, schedules and rounds, and judge it."""
    history, name, limits = run.history, run.key.service, run.settings.schedule.limits
    now = run.known_until(run.now())
    seen: Monitored | Unobserved | Absent = Absent(NOTHING_ASKED)
    if is_monitored(run.settings):
        seen = await asyncio.to_thread(read_monitored, history, name, now, _DAY) or NEVER
    flows = await asyncio.to_thread(read_scheduled, history, name, now)
    windows = await asyncio.to_thread(read_maintenance, history, name, now - LOOKS_BACK, now)
    of_flows = judge_flows(flows, windows, (run.key.flow, run.key.period), limits, now)
    return Section((judge_monitoring(seen, limits, now), *of_flows))


SCHEDULE: Final = System(line=LINE, checks=CHECKS, look=scheduling)
