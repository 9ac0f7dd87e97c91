"""The questions of the error log review."""

from typing import Final

from tasks.check_result import Check, Severity, msg
from tasks.guide.lines import GuideLine

SOURCE: Final = Check(
    "logs.source",
    msg("Log source"),
    msg("Was every log read to its end, and does it tell of now?"),
    Severity.WARNING,
)
MALFORMED: Final = Check(
    "logs.malformed",
    msg("Malformed lines"),
    msg("Can the lines of every log be read?"),
    Severity.WARNING,
)
ERROR_SHARE: Final = Check(
    "logs.error-share",
    msg("Error share"),
    msg("Did every module answer its requests without server errors?"),
    Severity.EMERGENCY,
)
NEW_ERROR: Final = Check(
    "logs.new-error",
    msg("New error"),
    msg("Is there an error that was never seen before?"),
    Severity.WARNING,
)
REGRESSED_ERROR: Final = Check(
    "logs.regressed-error",
    msg("Regressed error"),
    msg("Did an error come back after it was resolved?"),
    Severity.WARNING,
)
SPIKING_ERROR: Final = Check(
    "logs.spiking-error",
    msg("Spiking error"),
    msg("Is a known error much more frequent than in the four weeks before?"),
    Severity.WARNING,
)
SILENT_MODULE: Final = Check(
    "logs.silent-module",
    msg("Silent module"),
    msg("Does every module still write to the log?"),
    Severity.EMERGENCY,
)
PERSONAL_DATA: Final = Check(
    "logs.personal-data",
    msg("Personal data in the log"),
    msg("Is the log free of personal data and passwords?"),
    Severity.WARNING,
)
REFUSED: Final = Check(
    "logs.refused-requests",
    msg("Refused requests"),
    msg("Are there no more refused requests (401, 403) than usual?"),
    Severity.WARNING,
)
CHECKS: Final = (
    SOURCE,
    MALFORMED,
    ERROR_SHARE,
    NEW_ERROR,
    REGRESSED_ERROR,
    SPIKING_ERROR,
    SILENT_MODULE,
    PERSONAL_DATA,
    REFUSED,
)
LINE: Final = GuideLine("error-logs", msg("Review the error log"), ("logs.*",), also="エラーログのレビュー")
