"""What the level of a line says: an error, a warning, nothing of the kind, or a word that nobody knows."""

import re
import unicodedata
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

from tasks.logs.settings import Source

_MOST_CHARS = 80
"""A longer text is no level."""


class Level(StrEnum):
    """What a level says of its line."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"
    ABSENT = "absent"
    UNKNOWN = "unknown"


_WORDS: Final[Mapping[Level, str]] = {
    # syslog, nginx, PostgreSQL; Java, .NET, Android; the three and four letters of zerolog, log15, logrus, Serilog.
    Level.ERROR: "error err eror erro errors fatal fata ftl critical crit crt alert alrt emerg emergency panic pani "
    "pnc dpanic severe fail failed failure fault exception assert abort wtf auditfailure e f c a p "
    "エラー 致命的 重大 異常",
    Level.WARNING: "warn warning wrn warnings w 警告 注意",
    Level.INFO: "info information informational inf nfo notice note debug dbug debu dbg trace trce trac trc verbose "
    "verb vrb fine finer finest config silly http success log default system statement detail hint context ok "
    "notset all auditsuccess audit mark i d t v n 情報 デバッグ",
}
_KNOWN: Final = {word: level for level, words in _WORDS.items() for word in words.split()}
_ABSENT: Final = frozenset({"", "-", "null"})

# https://www.rfc-editor.org/rfc/rfc5424#section-6.2.1, and the numbers of bunyan and pino.
_SYSLOG_OR_PINO = {
    **dict.fromkeys(range(4), Level.ERROR),
    4: Level.WARNING,
    **dict.fromkeys(range(5, 8), Level.INFO),
    **dict.fromkeys((10, 20, 30), Level.INFO),
    40: Level.WARNING,
    **dict.fromkeys((50, 60), Level.ERROR),
}
_PYTHON = {**dict.fromkeys((0, 5, 10, 20, 25), Level.INFO), 30: Level.WARNING, 40: Level.ERROR, 50: Level.ERROR}
# https://opentelemetry.io/docs/specs/otel/logs/data-model/#field-severitynumber; 0 is unspecified.
_OPENTELEMETRY = {
    **dict.fromkeys(range(1, 13), Level.INFO),
    **dict.fromkeys(range(13, 17), Level.WARNING),
    **dict.fromkeys(range(17, 25), Level.ERROR),
}
_BY_FIELD = {"levelno": _PYTHON, "severitynumber": _OPENTELEMETRY}
"""Numbers overlap; these fields have a name of their own."""

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_NUMBER = re.compile(r"[0-9]{1,4}(?:\.0+)?")
_AROUND = " \t\r\n[](){}<>|:;,.*'\"#!=/"
# ERROR+4 of Go's slog, ERROR2 of OpenTelemetry and trace8 of Apache, E1126 of klog.
_BEHIND = re.compile(r"(?:[+-][0-9]+|[0-9])$|(?<=^[a-z])[0-9]{4}(?: .*)?$")


class Levels:
    """The levels of a source; `levels` of the service file come first."""

    def __init__(self, source: Source) -> None:
        self._own = {word.strip().lower(): Level(level) for word, level in source.levels.items()}
        name = source.fields.level.rpartition(".")[2].replace("_", "").lower()
        self._numbers = _BY_FIELD.get(name, _SYSLOG_OR_PINO)

    def read(self, written: Any) -> Level:
        """What a level says, as it was written."""
        if written is None:
            return Level.ABSENT
        if written.__class__ is float and written.is_integer():
            written = int(written)
        text = str(written)[: _MOST_CHARS + 1].strip().lower()
        if text in self._own:
            return self._own[text]
        if text in _ABSENT:
            return Level.ABSENT
        if len(text) > _MOST_CHARS or isinstance(written, bool):
            return Level.UNKNOWN
        word = _COLOUR.sub("", unicodedata.normalize("NFKC", text)).strip(_AROUND)
        if _NUMBER.fullmatch(word):
            return self._numbers.get(int(word.partition(".")[0]), Level.UNKNOWN)
        for form in (word, _BEHIND.sub("", word), word.rpartition(".")[2]):  # LogLevel.ERROR, daemon.err
            if form in self._own:
                return self._own[form]
            if form in _KNOWN:
                return _KNOWN[form]
        return _KNOWN.get(word.replace(" ", "").replace("_", ""), Level.UNKNOWN)
