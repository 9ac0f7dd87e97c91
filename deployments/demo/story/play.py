"""Plays the story of an alert and its incident: `python -m deployments.demo.story.play SERVICE_FILE`.

Nothing in it is simulated: monitoring probes a running service, the messages go out by its outbox, and people's answers
go through the flows of their forms. It runs beside the rounds of the demo, on a service of its own.
"""

import asyncio
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from email import message_from_bytes
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from prefect import State

from deployments.demo.faults import Fault, plant
from deployments.demo.story.facts import OUTCOME, Story, write_story
from deployments.demo.story.receiver import Receiver, receiving
from deployments.demo.story.told import OnRecord, beats_of, problems_of, ways_of
from deployments.run import flush_prefect
from flows.alerts import AcknowledgementOptions, ActionOptions, acknowledge_alert_form, take_alert_action
from flows.incident import close_incident, mitigate_incident, resolve_incident
from flows.incident_forms import Mitigation, Resolution, Retrospective
from flows.monitoring import monitoring
from reports.incident_archive import page_of
from reports.names import page_name
from reports.words import Words
from tasks.alerts.facts import Told
from tasks.alerts.store.read import read_notice
from tasks.check_result import msg
from tasks.deadline import Deadline
from tasks.errors import ExplainedError
from tasks.files import remove_folder
from tasks.history.engine import History
from tasks.history.opened import history_of
from tasks.history.outbox import read_standing
from tasks.incidents.facts import Fix
from tasks.incidents.store.read import all_incidents, read_incident
from tasks.monitoring.store.lease import MINUTE, minute_of
from tasks.round import utc_now
from tasks.settings import Settings, load_settings

_ON_CALL, _ACTION = "sato", "restart-cache"
_ROOM = timedelta(seconds=25)
"""What must be left of a minute for everything up to the action: the next sample then shows its effect."""
_LONGEST_S = 200.0
_EVERY_S = 3.0
_PLACES = {"chat": "chat", "pager": f"oncall:{_ON_CALL}"}
"""Whose messages arrive at which place of the receiver."""


class StoryStuck(ExplainedError):
    """What should have happened did not happen in time."""


@dataclass(frozen=True, slots=True)
class _Stage:
    """The service of the story, its history, and what it has of the story so far."""

    settings: Settings
    history: History
    deadline: Deadline

    @property
    def name(self) -> str:
        return self.settings.service.name

    def on_record(self) -> OnRecord:
        """What the history has."""
        messages = read_standing(self.history, self.name, "alert/")
        numbers = sorted({int(one.message.payload["notice"] or 0) for one in messages})
        found = {number: read_notice(self.history, self.name, number) for number in numbers}
        incidents = all_incidents(self.history, self.name)
        incident = read_incident(self.history, self.name, incidents[-1][0].id) if incidents else None
        return OnRecord({n: notice for n, notice in found.items() if notice is not None}, messages, incident)

    async def until(self, what: str, reached: Callable[[OnRecord], bool]) -> OnRecord:
        """Monitor until something has happened; raises StoryStuck if it does not."""
        while True:
            await _done(monitoring, self.name)
            record = await asyncio.to_thread(self.on_record)
            if reached(record):
                return record
            if self.deadline.passed:
                raise StoryStuck(f"{what} did not happen within {_LONGEST_S:g} s")
            await asyncio.sleep(_EVERY_S)


async def play(settings: Settings, history: History, receiver: Receiver, faults_file: Path) -> Story:
    """The story from the fault to the incident's end. Raises ExplainedError."""
    stage, words = _Stage(settings, history, Deadline.after(_LONGEST_S)), Words(settings.reports.locales[0], "UTC")
    await stage.until("a first minute", lambda _: True)  # all is well
    if minute_of(utc_now()) + MINUTE - utc_now() < _ROOM:
        await _next_minute()
    planted_at = utc_now()
    plant(faults_file, [Fault.COMPONENT_DOWN])
    await stage.until("the alert", lambda record: _told(record, Told.FIRING))
    assert settings.alerts is not None
    await asyncio.sleep(60 * settings.alerts.escalate_after_min)  # nobody answers
    record = await stage.until("the escalation", lambda record: _told(record, Told.ESCALATED))
    assert record.incident is not None
    number, alert = record.incident.incident.id, next(iter(record.notices.values())).episodes[0].id
    await _done(acknowledge_alert_form, stage.name, AcknowledgementOptions(alert=alert, by=_ON_CALL))
    await _done(take_alert_action, stage.name, ActionOptions(alert=alert, action=_ACTION, by=_ON_CALL))
    fixed = Mitigation(
        incident=number,
        text=words.tr("The cache was restarted"),
        by=_ON_CALL,
        fix=Fix.TEMPORARY,
        owner="suzuki",
        due=(planted_at + timedelta(days=14)).date(),
    )
    await _done(mitigate_incident, stage.name, fixed)
    await _next_minute()
    await stage.until("the end of the alert", lambda record: _told(record, Told.RESOLVED))
    verified = Resolution(incident=number, text=words.tr("The probes of the next minute are good"), by=_ON_CALL)
    await _done(resolve_incident, stage.name, verified)
    await _done(close_incident, stage.name, _retrospective(number, words))
    record = await asyncio.to_thread(stage.on_record)
    arrived = Counter(_PLACES.get(one.place, one.place) for one in receiver.arrived) + _mails(settings)
    pages, missing = _pages(settings, number)
    return Story(
        beats_of(record, planted_at),
        ways_of(record.messages, arrived),
        pages,
        (*problems_of(record, planted_at), *(msg("There is no page {path}", path=path) for path in missing)),
    )


def _retrospective(number: int, words: Words) -> Retrospective:
    return Retrospective(
        incident=number,
        by=_ON_CALL,
        cause=words.tr("The cache lost its values, and readiness depends on it"),
        went_well=words.tr("The alert came with the first bad minute, and one action was enough"),
        went_badly=words.tr("Nobody acknowledged the first message"),
    )


def _told(record: OnRecord, what: Told) -> bool:
    return any(notice.told is what for notice in record.notices.values())


async def _next_minute() -> None:
    """Until it has begun."""
    now = utc_now()
    await asyncio.sleep((minute_of(now) + MINUTE - now).total_seconds() + 0.2)


async def _done(flow: Any, *arguments: Any) -> None:
    """A flow as its form or its schedule starts it; raises what it raises."""
    state: State[Any] = await flow(*arguments, return_state=True)
    if state.is_failed() or state.is_crashed():
        raise StoryStuck(f"{flow.name}: {state.name}: {state.message}")


def _mails(settings: Settings) -> Counter[str]:
    """The mail files, by whom they are to."""
    files = (settings.output / settings.service.name / "mail").glob("*.eml")
    return Counter(str(message_from_bytes(file.read_bytes())["To"]) for file in files)


def _pages(settings: Settings, number: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The pages of the incident, in the order of the languages, and what is not there."""
    page, locales = page_of(settings.service.name, number, settings.output), settings.reports.locales
    pages = [page.with_name(page_name("index", locale, locales)) for locale in locales]
    missing = [str(path) for path in pages if not path.is_file()]
    link = f'href="{settings.service.name}/incidents/'
    indexes = [settings.output / page_name("index", locale, locales) for locale in locales]
    missing += [f"{index}: {link}" for index in indexes if link not in index.read_text(encoding="utf-8")]
    return tuple(map(str, pages)), tuple(missing)


def main() -> None:
    settings = load_settings(Path(sys.argv[1]))
    name, folder = settings.service.name, settings.path.parent / settings.service.name
    for old in folder.glob("history.sqlite*"):
        old.unlink()
    with suppress(FileNotFoundError):
        remove_folder(settings.output / name)
    assert settings.alerts is not None
    port = urlsplit(str(settings.alerts.channel[0].url)).port
    history = history_of(settings)
    try:
        with receiving(port or 0) as (receiver, _):
            story = asyncio.run(play(settings, history, receiver, folder / "faults.json"))
    except ExplainedError as error:
        story = Story(problems=(msg("It broke: {error}", error=str(error)),))
    finally:
        history.dispose()
        flush_prefect()
    write_story(story, folder / OUTCOME)


if __name__ == "__main__":
    main()
