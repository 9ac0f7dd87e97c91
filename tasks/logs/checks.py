"""The questions of the error log review."""

from typing import Final

from tasks.check_result import Check, Severity, msg
from tasks.guide.lines import GuideLine

SOURCE: Final = Check(
    "logs.source",
    msg("Log source"),
    msg("Is every log read completely and up to date?"),
    Severity.WARNING,
)
MALFORMED: Final = Check(
    "logs.malformed",
    msg("Malformed line rate"),
    msg("Can the lines of every log be parsed?"),
    Severity.WARNING,
)
ERROR_SHARE: Final = Check(
    "logs.error-share",
    msg("Error rate by module"),
    msg("Is the server error rate of every module below the limit?"),
    Severity.EMERGENCY,
)
LATENCY: Final = Check(
    "logs.latency",
    msg("Response time by module, p95"),
    msg("Is p95 of every module's requests within the limit?"),
    Severity.WARNING,
)
NEW_ERROR: Final = Check(
    "logs.new-error",
    msg("New kinds of error"),
    msg("Did any error occur for the first time?"),
    Severity.WARNING,
)
REGRESSED_ERROR: Final = Check(
    "logs.regressed-error",
    msg("Regressed error"),
    msg("Did an error marked as fixed occur again?"),
    Severity.WARNING,
)
SPIKING_ERROR: Final = Check(
    "logs.spiking-error",
    msg("Error spikes"),
    msg("Is any known error much more frequent than in the last four weeks?"),
    Severity.WARNING,
)
SILENT_MODULE: Final = Check(
    "logs.silent-module",
    msg("Log activity by module"),
    msg("Is every module still writing to the log?"),
    Severity.EMERGENCY,
)
PERSONAL_DATA: Final = Check(
    "logs.personal-data",
    msg("Lines with personal data"),
    msg("Are the logs free of personal data and passwords?"),
    Severity.WARNING,
)
REFUSED: Final = Check(
    "logs.refused-requests",
    msg("Refused requests"),
    msg("Is the number of refused requests (401, 403) normal?"),
    Severity.WARNING,
)
CHECKS: Final = (
    SOURCE,
    MALFORMED,
    ERROR_SHARE,
    LATENCY,
    NEW_ERROR,
    REGRESSED_ERROR,
    SPIKING_ERROR,
    SILENT_MODULE,
    PERSONAL_DATA,
    REFUSED,
)
LINE: Final = GuideLine("error-logs", msg("Review the error log"), ("logs.*",), also="エラーログのレビュー")
