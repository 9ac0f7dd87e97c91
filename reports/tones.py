"""A verdict or status in the reader's words: colour, symbol and word together."""

from reports import names
from reports.view import Tone
from reports.words import Words
from tasks.check_result import Status
from tasks.guide.judge import Verdict


def verdict_tone(verdict: Verdict, words: Words) -> Tone:
    """A verdict as people see it."""
    name = names.VERDICT_TONES[verdict]
    return Tone(name, names.SYMBOLS[name], words.say(names.VERDICTS[verdict]))


def status_tone(status: Status, words: Words) -> Tone:
    """A status as people see it."""
    name = names.STATUS_TONES[status]
    return Tone(name, names.SYMBOLS[name], words.say(names.STATUSES[status]))
