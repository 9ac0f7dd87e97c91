"""From a round's sections to its report: lines, verdict, actions and what changed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import zip_longest
from typing import Literal

from reports.actions import actions_for
from reports.report import Previous, Report
from tasks.check_result import Message
from tasks.guide.judge import judge_lines, judge_round
from tasks.guide.known import every_cause
from tasks.guide.lines import GuideLine
from tasks.section import Kpi, Section


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundFacts:
    """What is known of a round apart from what it found."""

    service: str
    environment: str
    timezone: str
    owner: str | None
    flow: str
    title: Message
    period: str
    trigger: Literal["schedule", "hand"]
    started_at: datetime
    finished_at: datetime
    lines: tuple[GuideLine, ...]
    notes: tuple[Message, ...]


def compose_report(facts: RoundFacts, sections: tuple[Section, ...], revision: int, before: Report | None) -> Report:
    """The finished report of a round; `before` is the newest one of the same flow."""
    results = tuple(result for section in sections for result in section.results)
    lines = judge_lines(facts.lines, results)
    return Report(
        service=facts.service,
        environment=facts.environment,
        timezone=facts.timezone,
        flow=facts.flow,
        title=facts.title,
        period=facts.period,
        revision=revision,
        trigger=facts.trigger,
        started_at=facts.started_at,
        finished_at=facts.finished_at,
        verdict=judge_round(lines, results),
        lines=lines,
        results=results,
        kpis=tuple(_compared(kpi, before) for kpi in _in_turn(sections)),
        actions=actions_for(results, every_cause(), facts.owner, facts.finished_at),
        previous=None if before is None else _previous(before),
        notes=_once((*facts.notes, *(note for section in sections for note in section.notes))),
    )


def is_news(report: Report, same_period: Report | None) -> bool:
    """True when a rerun says something else than the revision before it: another verdict or other failures."""
    if same_period is None:
        return True
    return (report.verdict, report.failures) != (same_period.verdict, same_period.failures)


def _once(notes: tuple[Message, ...]) -> tuple[Message, ...]:
    """Each note where it comes first: two systems may rest on the same data."""
    return tuple(note for n, note in enumerate(notes) if note not in notes[:n])


def _in_turn(sections: Sequence[Section]) -> Iterator[Kpi]:
    """The first figure of each section, then the second ones: of the few that are shown every section has its own."""
    for of_each in zip_longest(*(section.kpis for section in sections)):
        yield from (kpi for kpi in of_each if kpi is not None)


def _compared(kpi: Kpi, before: Report | None) -> Kpi:
    same = (old.value for old in before.kpis if (old.id, old.unit) == (kpi.id, kpi.unit)) if before else ()
    return replace(kpi, previous=next(iter(same), None))


def _previous(report: Report) -> Previous:
    return Previous(report.period, report.revision, report.verdict, report.failures)
