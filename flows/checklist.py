"""One declaration per checklist, and the one way in which every checklist runs."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any

from prefect import State, task
from prefect.cache_policies import NO_CACHE
from prefect.runtime import flow_run
from prefect.states import Completed, Failed

from flows.options import RoundOptions
from flows.rounds import begin_round, close_round
from flows.timing import Schedule, Timing, planned_start
from reports.words import Words
from tasks.check_result import Message, moment, msg
from tasks.deadline import Deadline
from tasks.errors import ExplainedError
from tasks.guide.judge import LineVerdict, Verdict, judge_lines
from tasks.guide.lines import GuideLine, left_out
from tasks.guide.settings import Key
from tasks.observation import Unobserved
from tasks.round import Round, System, utc_now
from tasks.section import Section, nothing_seen
from tasks.settings import Settings, find_service
from tasks.visible import never, no_transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Checklist:
    """A checklist that runs as a flow; what it looks at stands in the guide's order.

    `grows`: a service file may add lines. `idle`: without anything to look at, no schedule starts it.
    """

    name: str
    title: Message
    guide: Key
    systems: tuple[System, ...]
    form: type[RoundOptions]
    timing: Timing
    schedule: Schedule
    grows: bool = True
    idle: bool = False

    def lines(self, settings: Settings) -> tuple[GuideLine, ...]:
        """The lines of a service's own checklist."""
        return settings.guide.lines(self.guide, (system.line for system in self.systems), grows=self.grows)

    def scheduled_for(self, settings: Settings) -> bool:
        """False when the guide asks for no such round of this service."""
        return not self.idle or any(system.absent(settings) is None for system in self.systems)

    def run_name(self) -> str:
        """What a run is for, such as `kondate 2026-11-24`; only the service where its file cannot be read."""
        asked: dict[str, Any] = flow_run.parameters
        service, options = asked["service"], asked.get("options") or self.form()
        try:
            zone = find_service(service).zone
            period = options.period((planned_start() or utc_now()).astimezone(zone).date(), zone)
        except ExplainedError:
            return str(service)
        return f"{service} {period.key}"


async def run_checklist(checklist: Checklist, service: str, options: RoundOptions, *narrowed: System) -> State[Any]:
    """Look along the guide's lines, then store, archive and show what was found; `narrowed` replaces the systems."""
    round_ = await begin_round(checklist.name, service, options, checklist.timing)
    if isinstance(round_, State):
        return round_
    lines = checklist.lines(round_.settings)
    sections = await look_along(round_, lines, narrowed or checklist.systems)
    return await close_round(round_, sections, lines, checklist.title)


async def look_along(round_: Round, lines: Iterable[GuideLine], systems: tuple[System, ...]) -> list[Section]:
    """What the systems found, in their order; each line is a task run that looks at what no line before it needed."""
    words = Words(round_.settings.reports.locales[0], round_.settings.service.timezone)
    known, found = tuple(lines), dict[str, Section]()
    unasked = [s.line for s in systems if not any(line.covers(c.id) for line in known for c in s.checks)]
    for line in (*known, *unasked):
        needed = [
            system
            for system in systems
            if system.line.id not in found
            and (line is system.line or any(line.covers(check.id) for check in system.checks))
            and not left_out(known, system.checks)
        ]

        async def answer(line: GuideLine = line, needed: list[System] = needed) -> LineVerdict:
            for system in needed:
                found[system.line.id] = await look(round_, system)
            results = tuple(result for section in found.values() for result in section.results)
            return judge_lines((line,), results)[0]

        await tick(_name(line, words), answer, words)
    return [found[system.line.id] for system in systems if system.line.id in found]


def _name(line: GuideLine, words: Words) -> str:
    """How Prefect shows a line: by its id too, since the run graph's font has Latin letters alone."""
    text = line.also if words.locale == "ja" and line.also else words.say(line.text)
    return text if text == line.id else f"{line.id}: {text}"


@task(task_run_name="{line}", retries=1, retry_condition_fn=never, cache_policy=NO_CACHE, persist_result=False)
async def tick_line(line: str, answer: Callable[[], Awaitable[LineVerdict]], words: Words) -> State[Any]:
    """Look at what a line of the guide asks for; the state's name is the line's verdict."""
    with no_transaction():
        verdict = await answer()
    bad = verdict.verdict in (Verdict.FAILED, Verdict.INCOMPLETE)
    return (Failed if bad else Completed)(name=verdict.verdict.value, message=words.say(verdict.reason))


async def tick(line: str, answer: Callable[[], Awaitable[LineVerdict]], words: Words) -> None:
    """A line as a task run; a bug in it breaks the round."""
    run: Any = tick_line  # a task that returns a State has wrong types with return_state
    state: State[None] = await run(line, answer, words, return_state=True)
    if state.name not in set(Verdict):
        await state.aresult()


async def look(round_: Round, system: System) -> Section:
    """What a system finds; one that does not end in time is not measured, and the round is reported all the same."""
    if (absent := system.absent(round_.settings)) is not None:
        return nothing_seen(system.checks, absent, round_.now())
    late = msg("There was no time left: the round has to end by {at}", at=moment(round_.ends_at))
    deadline = Deadline.after((round_.ends_at - round_.now()).total_seconds(), late)
    section = await deadline.in_time(system.look(round_))
    return nothing_seen(system.checks, section, round_.now()) if isinstance(section, Unobserved) else section
