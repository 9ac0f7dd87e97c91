"""Levels as loggers write them."""

from typing import Any

import pytest

from tasks.logs.lines.levels import Level, Levels
from tasks.logs.settings import Fields, Source

WRITTEN: dict[Level, tuple[Any, ...]] = {
    Level.ERROR: (
        *(
            "error",
            "ERROR",
            " Error ",
            "err",
            "E",
            "F",
            "C",
            "[ERROR]",
            "<3>",
            "dpanic",
            "SEVERE",
            "FTL",
            "eror",
            "FATA",
        ),
        *(
            "ERROR+4",
            "ERROR2",
            "LogLevel.Error",
            "daemon.err",
            "E1126 09:00:00.1",
            "\x1b[31mERROR\x1b[0m",
            "ＥＲＲＯＲ",
        ),
        *(
            "emerg",
            "alert",
            "crit",
            "Critical",
            "panic",
            "Fail",
            "Audit Failure",
            "致命的",
            0,
            1,
            2,
            3,
            "0",
            "3",
            " 3 ",
        ),
        *(50, 60, "50", 50.0),
    ),
    Level.WARNING: ("warn", "WARNING", "W", "wrn", "[warn]", "WARN+1", "警告", 4, "4", 40),
    Level.INFO: (
        *("info", "I", "INFO+2", "DEBUG-1", "DEBUG5", "trace8", "FINEST", "notice", "Verbose", "VRB", "Information"),
        *("LOG", "http", "silly", "DEFAULT", "SUCCESS", "Audit Success", "D2", 5, 6, 7, "6", 10, 20, 30, "30"),
    ),
    Level.ABSENT: (None, "", "  ", "-", "null"),
    Level.UNKNOWN: (
        "blorp",
        "ERRORS!?x",
        8,
        17,
        500,
        -1,
        3.5,
        True,
        False,
        "x" * 99,
        "(dict)",
        "error: no row",
        "\x00",
    ),
}


@pytest.mark.parametrize("level", WRITTEN)
def test_a_level_is_known_in_every_form(level: Level) -> None:
    read = levels().read
    assert [written for written in WRITTEN[level] if read(written) is not level] == []


@pytest.mark.parametrize(
    ("field", "errors", "warnings", "info"),
    [("levelno", (40, 50), (30,), (10, 20)), ("log.SeverityNumber", (17, 24), (13, 16), (1, 9, 12))],
)
def test_numbers_of_a_field_with_a_name_of_its_own(
    field: str, errors: tuple[int, ...], warnings: tuple[int, ...], info: tuple[int, ...]
) -> None:
    read = levels(fields=Fields(level=field)).read
    assert {read(number) for number in errors} == {Level.ERROR}
    assert {read(str(number)) for number in warnings} == {Level.WARNING}
    assert {read(number) for number in info} == {Level.INFO}


def test_the_service_files_own_levels_come_first() -> None:
    read = levels(levels={"Audit ": "info", "40": "error", "fail": "info", "(dict)": "warning"}).read
    assert [read(written) for written in ("AUDIT", "[audit]", 40, "40", "FAIL", "(dict)", "error")] == [
        *(Level.INFO, Level.INFO, Level.ERROR, Level.ERROR, Level.INFO, Level.WARNING, Level.ERROR),
    ]


def levels(**changed: Any) -> Levels:
    return Levels(Source(name="app", kind="file", paths=("app.log",), **changed))
