"""What the code knows of flows and checks, as tables."""

from collections.abc import Iterator

from babel.dates import get_day_names

from deployments.docs_tables.markdown import table
from deployments.docs_tables.words import DocWords
from flows.catalogue import CHECKLISTS, FLOWS, Entry
from flows.checklist import Checklist
from flows.timing import Interval, Schedule
from reports import names
from tasks.guide.known import every_check
from tasks.guide.lines import GuideLine


def flows(words: DocWords) -> str:
    """A row for each flow."""
    return table([words.say("Flow"), words.say("What it does"), words.say("When")], [_flow(e, words) for e in FLOWS])


def checks(words: DocWords) -> str:
    """A row for each check, by checklist and in the order of its items."""
    heads = [words.say("Item"), words.say("Check"), words.say("Question"), words.say("Severity")]
    parts = [
        f"### {words.reports.say(checklist.title)}\n\n{table(heads, _checks(checklist, words))}"
        for checklist in _guides()
    ]
    return "\n".join(parts)


def when(schedule: Schedule | Interval, words: DocWords) -> str:
    """When a schedule starts, in words where it is a time of a day, of a weekday or of a day of the month."""
    if isinstance(schedule, Interval):
        return words.say("every {minutes} min", minutes=int(schedule.every.total_seconds() // 60))
    minute, hour, day, month, weekday = schedule.cron.split()
    if minute.isdecimal() and hour == day == month == weekday == "*":
        return words.say("every hour")
    if not (minute.isdecimal() and hour.isdecimal() and month == "*"):
        return f"`{schedule.cron}`"
    time = f"{int(hour):02}:{int(minute):02}"
    if day == weekday == "*":
        return words.say("daily {time}", time=time)
    if day == "*" and weekday.isdecimal():
        name = get_day_names("wide", locale=words.locale)[(int(weekday) - 1) % 7]  # Babel's weeks begin on Monday
        return words.say("every {weekday} {time}", weekday=name, time=time)
    if day.isdecimal() and weekday == "*":
        return words.say("monthly, day {day}, {time}", day=int(day), time=time)
    return f"`{schedule.cron}`"


def _flow(entry: Entry, words: DocWords) -> list[str]:
    starts = words.say("manually, with a form") if entry.schedule is None else when(entry.schedule, words)
    if entry.checklist is not None and entry.checklist.only_if_configured:
        starts = words.say("{when}, if it is configured", when=starts)
    japanese, _, english = str(entry.flow.description).partition("\n")[0].partition(" / ")
    return [f"`{entry.flow.name}`", japanese if words.locale == "ja" else english.rstrip("."), starts]


def _guides() -> Iterator[Checklist]:
    """The checklists of the guide; reports of a single item of one are left out."""
    known = set()
    for checklist in CHECKLISTS.values():
        if checklist.guide not in known:
            known.add(checklist.guide)
            yield checklist


def _checks(checklist: Checklist, words: DocWords) -> Iterator[list[str]]:
    for line in (system.line for system in (*checklist.systems, *checklist.additional)):
        for check in every_check():
            if line.covers(check.id):
                page = f"[`{check.id}`](checks/{check.id}.md)"
                severity = words.reports.say(names.SEVERITIES[check.severity])
                yield [_item(line, words), page, words.reports.say(check.question), severity]


def _item(line: GuideLine, words: DocWords) -> str:
    return line.also if words.locale == "ja" and line.also else words.reports.say(line.text)
