"""One declaration per checklist, and the one way in which every checklist runs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from prefect import State
from prefect.context import FlowRunContext
from prefect.logging import get_run_logger
from prefect.runtime import flow_run

from flows.ending import ended_by_sigterm
from flows.missed import notes_of_missed
from flows.options import RoundOptions
from flows.rounds import begin_round, close_round
from flows.timing import Schedule, Timing, planned_start
from reports import names
from reports.words import Words
from tasks.check_result import Message, moment, msg
from tasks.deadline import Deadline
from tasks.errors import ExplainedError
from tasks.guide.judge import LineVerdict, Verdict, judge_lines
from tasks.guide.lines import GuideLine, left_out
from tasks.guide.settings import Key
from tasks.observation import Unobserved
from tasks.outside import external_text
from tasks.round import Round, System, utc_now
from tasks.section import Section, nothing_seen
from tasks.settings import Settings, find_service
from tasks.visible import StepState, async_step, speaking


@dataclass(frozen=True, slots=True, kw_only=True)
class Checklist:
    """A checklist that runs as a flow: its names, its systems in the guide's order, its schedule.

    `guide` is the checklist of the guide whose lines it answers; with `takes_added_lines` a service file may add some.
    `additional` are systems that no line of the guide asks for: they run after it, and a service file may name them.
    `only_if_configured`: its schedule starts it only where something of it is configured.
    """

    name: str
    title: Message
    guide: Key
    systems: tuple[System, ...]
    additional: tuple[System, ...] = ()
    form: type[RoundOptions]
    timing: Timing
    schedule: Schedule
    takes_added_lines: bool = True
    only_if_configured: bool = False

    @property
    def deadline_s(self) -> float:
        """The longest that a run may take."""
        return self.timing.deadline.total_seconds()

    def lines(self, settings: Settings) -> tuple[GuideLine, ...]:
        """The lines of a service's own checklist."""
        builtin, additional = ([system.line for system in of] for of in (self.systems, self.additional))
        return settings.guide.lines(self.guide, builtin, additional, takes_added=self.takes_added_lines)

    def is_scheduled_for(self, settings: Settings) -> bool:
        """False when the guide asks for no such round of this service."""
        return not self.only_if_configured or any(system.absent(settings) is None for system in self.systems)

    def run_name(self) -> str:
        """What a run is for, such as `kondate 2026-11-24`; the service alone where that cannot be known."""
        given: dict[str, Any] = flow_run.parameters
        service, options = str(given["service"]), given["options"]
        try:
            zone = find_service(service).zone
            return f"{service} {options.period((planned_start() or utc_now()).astimezone(zone).date(), zone).key}"
        except ExplainedError:  # the run itself says what is wrong
            return service


async def run_checklist(
    checklist: Checklist, service: str, options: RoundOptions, systems: Sequence[System] = ()
) -> State[Any]:
    """Run the systems along the guide's items, then store, archive and show what they found.

    `systems` replaces the checklist's own where a person chose some of them.
    """
    with ended_by_sigterm():
        return await _run(checklist, service, options, systems)


async def _run(checklist: Checklist, service: str, options: RoundOptions, systems: Sequence[System]) -> State[Any]:
    run = await begin_round(checklist.name, service, options, checklist.timing)
    if isinstance(run, State):
        return run
    lines = checklist.lines(run.settings)
    sections = await run_sections(run, lines, systems or (*checklist.systems, *checklist.additional))
    scheduled = checklist.is_scheduled_for(run.settings)
    missed = await notes_of_missed(run, checklist.schedule, checklist.form()) if scheduled else ()
    return await close_round(run, sections, lines, checklist.title, missed)


async def run_sections(run: Round, asked: Sequence[GuideLine], systems: Sequence[System]) -> list[Section]:
    """What the systems found, in their order.

    Each item of the guide is a task run: it runs those systems that answer it and that no item before it has run, and
    its state is the verdict on the item. A system that no item asks for runs after them.
    """
    words = Words(run.settings.reports.locales[0], run.settings.service.timezone)
    found: dict[str, Section] = {}

    async def answer(line: GuideLine, answering: Sequence[System]) -> LineVerdict:
        for system in answering:
            if system.line.id not in found and not left_out(asked, system.checks):
                found[system.line.id] = await run_section(run, system)
        results = tuple(result for section in found.values() for result in section.results)
        return judge_lines((line,), results)[0]

    with speaking(words.say):
        for line, answering in _asked(asked, systems):
            name = _name(line, words)
            verdict = await async_step(name, partial(answer, line, answering), _state_of)
            _log(f"{name}: {words.say(names.VERDICTS[verdict.verdict])}: {words.say(verdict.reason)}")
    return [found[system.line.id] for system in systems if system.line.id in found]


async def run_section(run: Round, system: System) -> Section:
    """What a system finds; where it does not end in time all is unknown, and the round is reported all the same."""
    if (absent := system.absent(run.settings)) is not None:
        return nothing_seen(system.checks, absent, run.now())
    late = msg("Time limit of the round reached ({at})", at=moment(run.ends_at))
    deadline = Deadline.after((run.ends_at - run.now()).total_seconds(), late)
    section = await deadline.in_time(system.look(run))
    return nothing_seen(system.checks, section, run.now()) if isinstance(section, Unobserved) else section


def _asked(lines: Sequence[GuideLine], systems: Sequence[System]) -> Iterator[tuple[GuideLine, tuple[System, ...]]]:
    """Each line with the systems that answer it, then each system that no line asks for with its own."""
    unasked = list(systems)
    for line in lines:
        answering = tuple(s for s in systems if any(line.covers(check.id) for check in s.checks))
        unasked = [system for system in unasked if system not in answering]
        yield line, answering
    yield from ((system.line, (system,)) for system in unasked)


def _name(line: GuideLine, words: Words) -> str:
    """What Prefect calls a line: its id first, since the font of the run graph has Latin letters alone."""
    text = line.also if words.locale == "ja" and line.also else words.say(line.text)
    return f"{'added' if text == line.id else line.id}: {text}"


def _state_of(line: LineVerdict) -> StepState:
    return StepState(line.verdict.value, line.reason, line.verdict not in (Verdict.FAILED, Verdict.INCOMPLETE))


def _log(text: str) -> None:
    if FlowRunContext.get() is not None:
        get_run_logger().info(external_text(text))
