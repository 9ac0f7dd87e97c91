"""The test of a level: a message that says that it is one."""

from datetime import datetime

from reports import names
from reports.notice import Content
from reports.view import Tone
from reports.words import Words
from tasks.check_result import Severity

_TONE = "skipped"


def alert_test(
    words: Words,
    service: str,
    environment: str,
    level: Severity,
    *,
    by: str,
    at: datetime,
    recipient: str,
    instead_of: str | None,
) -> Content:
    """What a test says to one recipient; `instead_of` names who could not be notified."""
    named = words.say(names.SEVERITIES[level])
    facts = [
        (words.tr("Level"), f"{int(level)} {named}"),
        (words.tr("Recipient"), recipient),
        (words.tr("Started by"), by),
        (words.tr("Sent"), words.time(at)),
    ]
    if instead_of is not None:
        facts.append((words.tr("In place of"), instead_of))
    return Content(
        service,
        environment,
        Tone(_TONE, names.SYMBOLS[_TONE], words.tr("TEST")),
        words.tr("{service}: test of alert level {level}, nothing is wrong", service=service, level=int(level)),
        words.tr(
            "This is a test: nothing is wrong, and nothing has to be done. Alerts of this level reach you this way."
        ),
        tuple(facts),
    )
