"""Writes the checklists of the catalogue into the READMEs: `python -m deployments.docs_tables` at the root."""

import sys
from pathlib import Path

from babel.dates import get_day_names

from flows.catalogue import CHECKLISTS
from flows.checklist import Checklist
from flows.timing import Schedule
from reports.words import Words
from tasks.check_result import msg

PAGES = {"README.md": "en", "README.ja.md": "ja"}
BEGIN = "<!-- checklists: python -m deployments.docs_tables -->\n"
END = "<!-- end of checklists -->\n"
_HEADS = (msg("Flow"), msg("Name"), msg("What it looks at"), msg("When"))


def with_tables(page: str, locale: str) -> str:
    """The page with the table as the code knows it; raises ValueError where a mark is missing or stands twice."""
    before, rest = page.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}{_table(Words(locale, 'UTC'))}{END}{after}"


def when(schedule: Schedule, words: Words) -> str:
    """When a schedule starts, in words where it is a time of a day, of a weekday or of a day of the month."""
    minute, hour, day, month, weekday = schedule.cron.split()
    if not (minute.isdecimal() and hour.isdecimal() and month == "*"):
        return f"`{schedule.cron}`"
    time = f"{int(hour):02}:{int(minute):02}"
    if day == weekday == "*":
        return words.tr("daily {time}", time=time)
    if day == "*" and weekday.isdecimal():
        name = get_day_names("wide", locale=words.locale)[(int(weekday) - 1) % 7]  # Babel's weeks begin on Monday
        return words.tr("every {weekday} {time}", weekday=name, time=time)
    if day.isdecimal() and weekday == "*":
        return words.tr("monthly, day {day}, {time}", day=int(day), time=time)
    return f"`{schedule.cron}`"


def _table(words: Words) -> str:
    rows = [
        [words.say(head) for head in _HEADS],
        ["---"] * len(_HEADS),
        *(_row(checklist, words) for checklist in CHECKLISTS.values()),
    ]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _row(checklist: Checklist, words: Words) -> list[str]:
    lines = [system.line for system in checklist.systems]
    looks = [line.also if words.locale == "ja" and line.also else words.say(line.text) for line in lines]
    starts = when(checklist.schedule, words)
    if checklist.only_if_configured:
        starts = words.tr("{when}, where there is something to look at", when=starts)
    return [f"`{checklist.name}`", words.say(checklist.title), "<br>".join(looks), starts]


def main(root: Path) -> None:
    """Rewrites the pages whose table is stale, and names them."""
    for name, locale in PAGES.items():
        old = (root / name).read_text(encoding="utf-8")
        if (new := with_tables(old, locale)) != old:
            (root / name).write_text(new, encoding="utf-8")
            sys.stdout.write(f"{name}: the table of checklists is new\n")


if __name__ == "__main__":
    main(Path.cwd())
