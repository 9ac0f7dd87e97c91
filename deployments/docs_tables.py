"""Writes what the code knows of flows and checks into the READMEs: `python -m deployments.docs_tables` at the root."""

import re
import sys
from pathlib import Path

from babel.dates import get_day_names

from flows.catalogue import CHECKLISTS, FLOWS, Entry
from flows.timing import Schedule
from reports import names
from reports.words import Words
from tasks.check_result import msg
from tasks.guide.known import every_check
from tasks.guide.lines import GuideLine

PAGES = {"README.md": "en", "README.ja.md": "ja"}
BEGIN = "<!-- made by: python -m deployments.docs_tables -->\n"
END = "<!-- end of what is made -->\n"
_FLOW_HEADS = (msg("Flow"), msg("What it does"), msg("When"))
_CHECK_HEADS = (msg("Line of the guide"), msg("Check"), msg("Question"), msg("Severity"))


def with_tables(page: str, locale: str) -> str:
    """The page with the tables as the code knows them; raises ValueError where a mark is missing or stands twice."""
    before, rest = page.split(BEGIN)
    _, after = rest.split(END)
    words = Words(locale, "UTC")
    flows = _table([words.say(head) for head in _FLOW_HEADS], [_flow(entry, words) for entry in FLOWS])
    checks = _table([words.say(head) for head in _CHECK_HEADS], _checks(words))
    return f"{before}{BEGIN}{flows}\n{checks}{END}{after}"


def when(schedule: Schedule, words: Words) -> str:
    """When a schedule starts, in words where it is a time of a day, of a weekday or of a day of the month."""
    if schedule.cron == "* * * * *":
        return words.tr("every minute")
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


def _flow(entry: Entry, words: Words) -> list[str]:
    starts = words.tr("by hand, a form") if entry.schedule is None else when(entry.schedule, words)
    if entry.checklist is not None and entry.checklist.only_if_configured:
        starts = words.tr("{when}, where there is something to look at", when=starts)
    japanese, _, english = str(entry.flow.description).partition("\n")[0].partition(" / ")
    return [f"`{entry.flow.name}`", japanese if words.locale == "ja" else english.rstrip("."), starts]


def _checks(words: Words) -> list[list[str]]:
    """A row a check, by the lines of the guide in the order of the checklists."""
    lines = {system.line.id: system.line for checklist in CHECKLISTS.values() for system in checklist.systems}
    rows = []
    for line in lines.values():
        for check in every_check():
            if line.covers(check.id):
                page = f"[`{check.id}`](docs/checks/{check.id}.{words.locale}.md)"
                rows.append(
                    [_line(line, words), page, words.say(check.question), words.say(names.SEVERITIES[check.severity])]
                )
    return rows


def _line(line: GuideLine, words: Words) -> str:
    return line.also if words.locale == "ja" and line.also else words.say(line.text)


def _table(heads: list[str], rows: list[list[str]]) -> str:
    cells = [heads, ["---"] * len(heads), *([re.sub(r"\|", r"\\|", cell) for cell in row] for row in rows)]
    return "".join(f"| {' | '.join(row)} |\n" for row in cells)


def main(root: Path) -> None:
    """Rewrites the pages whose tables are stale, and names them."""
    for name, locale in PAGES.items():
        old = (root / name).read_text(encoding="utf-8")
        if (new := with_tables(old, locale)) != old:
            (root / name).write_text(new, encoding="utf-8")
            sys.stdout.write(f"{name}: the tables of flows and checks are new\n")


if __name__ == "__main__":
    main(Path.cwd())
