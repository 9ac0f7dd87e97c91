"""Keeps the days: whatever is sampled by minute, and the peaks of traffic."""

import asyncio

from tasks.round import Round
from tasks.samples.store.days import roll_up_days
from tasks.samples.store.peaks import roll_up_peaks


async def keep_days(run: Round) -> None:
    """Roll up what is not yet; cheap when it was done the day before. Raises HistoryError."""
    for roll_up in (roll_up_days, roll_up_peaks):
        await asyncio.to_thread(roll_up, run.history, run.key.service, run.settings.zone, run.now())
