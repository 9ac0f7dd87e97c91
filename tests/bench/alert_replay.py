"""Cost of alerts on a full history: a replay of some days, and a minute of burn rates.

`python -m tests.bench.alert_replay [DAYS [BURN_DAYS]]`: each minute 40 series, and 60 routes with 5 requests each.
"""

import asyncio
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from sqlalchemy import text

from tasks.alerts.look.burn import BurnLook
from tasks.alerts.replay import replay
from tasks.alerts.settings import Alerts
from tasks.history.engine import History, writing
from tasks.settings import Settings, load_settings
from tasks.slo.windows import minute_of
from tests.bench.two_years import NOW, made, settings_of

RESOURCES = "[resources]\n[alerts]\n"
QUARTER = 15


def main(days: int, burn_days: int) -> None:
    """Print what each costs."""
    with tempfile.TemporaryDirectory() as folder:
        settings = settings_of(Path(folder) / "shop", f"sqlite:///{folder}/shop/history.db")
        with settings.path.open("a", encoding="utf-8") as file:
            file.write(RESOURCES)
        settings = load_settings(settings.path)
        history = made(settings, max(days, burn_days) + 1, 0)
        _judged_series(history)
        for name, every_rule in (("replay", False), ("replay, every rule in every minute", True)):
            began = time.process_time()
            end = minute_of(NOW)
            found = replay(history, settings, Alerts(), end - days * 24 * 60, end, every_rule=every_rule)
            print(f"{name}: {days} days, {found.minutes} minutes: {time.process_time() - began:.1f} s of CPU")
        asyncio.run(_burn(history, settings))
        history.dispose()


def _judged_series(history: History) -> None:
    """As many disks as there are series, but for the first: rules watch them all, and one now and then is full."""
    with writing(history) as connection:
        connection.execute(
            text("UPDATE sample_series SET name = 'disk.used', subject = 'host/disk:/' || id WHERE id > 1")
        )
        connection.execute(text("UPDATE sample_series SET subject = 'service' WHERE id = 1"))
        connection.execute(text("UPDATE samples SET value = 50 WHERE series_id > 1"))
        connection.execute(text("UPDATE samples SET value = 99 WHERE series_id = 2 AND minute % 1440 < 60"))


async def _burn(history: History, settings: Settings) -> None:
    look, at = BurnLook(), NOW - timedelta(minutes=QUARTER)
    first = time.process_time()
    await look.signals(history, settings, minute_of(at))
    began = time.process_time()
    for minute in range(1, QUARTER):
        await look.signals(history, settings, minute_of(at) + minute)
    ended = time.process_time()
    print(
        f"burn rates: first minute {1000 * (began - first):.0f} ms, "
        f"each of a quarter of an hour {1000 * (ended - first) / QUARTER:.0f} ms of CPU"
    )


if __name__ == "__main__":
    given = [int(number) for number in sys.argv[1:]]
    main(*(given + [7, 3][len(given) :]))
