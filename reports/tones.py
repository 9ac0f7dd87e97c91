"""A verdict, status or state in the reader's words: colour, symbol and word together."""

from reports import names
from reports.view import Tone
from reports.words import Words
from tasks.check_result import Message, Status
from tasks.guide.judge import Verdict


def verdict_tone(verdict: Verdict, words: Words) -> Tone:
    """A verdict as people see it."""
    return named_tone(names.VERDICT_TONES[verdict], names.VERDICTS[verdict], words)


def status_tone(status: Status, words: Words) -> Tone:
    """A status as people see it."""
    return named_tone(names.STATUS_TONES[status], names.STATUSES[status], words)


def named_tone(name: str, word: Message, words: Words) -> Tone:
    """A word in the colour and with the symbol of a name, such as `fail`."""
    return Tone(name, names.SYMBOLS[name], words.say(word))
