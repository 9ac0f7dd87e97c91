"""Records from a CSV file: all lines or none, and what is wrong named by line and column."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from tasks.records.csv_import import import_records
from tasks.records.facts import Deploy, DeployOutcome, Maintenance, Origin, Outage
from tasks.records.rules import RecordRefused
from tasks.records.store.records import note_version, read_deploys, read_maintenance, read_outages
from tasks.settings import Settings, load_settings

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
EVER = NOW - timedelta(days=900), NOW + timedelta(days=900)
DEPLOYS = "version,environment,commit_at,started_at,ended_at,outcome\n"
OUTAGES = "started_at,ended_at,module,cause,incident_id\n"
MAINTENANCE = "starts_at,ends_at,module,reason,declared_at,declared_by,late_reason\n"
Import = Callable[..., dict[str, int]]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A service in Tokyo with two modules."""
    file = tmp_path / "shop.toml"
    file.write_text(
        '[service]\nname = "shop"\nbase_url = "http://127.0.0.1:1"\ntimezone = "Asia/Tokyo"\n'
        'environment = "live"\nmodules = ["orders"]\n[[routes]]\npattern = "/users"\nmodule = "users"\n'
    )
    return load_settings(file)


@pytest.fixture
def take_in(history: Engine, settings: Settings, tmp_path: Path) -> Import:
    """Imports a text as a file."""

    def import_text(kind: str, content: str | bytes, now: datetime = NOW) -> dict[str, int]:
        file = tmp_path / "in.csv"
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        counts = import_records(history, settings, kind, file, "kim", now)
        return {written.name: number for written, number in counts.items()}

    return import_text


def utc(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+00:00")


def test_deploys(history: Engine, take_in: Import) -> None:
    text = (
        DEPLOYS
        + "1.4.2,,2026-11-20T09:00,2026-11-24T14:00,2026-11-24T14:06,succeeded\n"
        + '"1.4.3, hot",staging,,2026-11-24T14:00Z,,rolled-back\n'
    )
    assert take_in("deploys", text) == {"NEW": 2}
    assert read_deploys(history, "shop", *EVER) == (
        Deploy(
            "1.4.2", "live", utc("2026-11-24T05:00"), utc("2026-11-24T05:06"), DeployOutcome.SUCCEEDED, Origin.RECORDED,
            utc("2026-11-20T00:00"),
        ),
        Deploy("1.4.3, hot", "staging", utc("2026-11-24T14:00"), None, DeployOutcome.ROLLED_BACK, Origin.RECORDED),
    )  # fmt: skip


def test_outages(history: Engine, take_in: Import) -> None:
    text = OUTAGES + "2026-11-24T14:00,,users,接続が切れた,17\n2026-11-23T14:00,2026-11-23T14:30,,power,\n"
    assert take_in("outages", text) == {"NEW": 2}
    assert read_outages(history, "shop", *EVER) == (
        Outage(utc("2026-11-23T05:00"), utc("2026-11-23T05:30"), None, "power"),
        Outage(utc("2026-11-24T05:00"), None, "users", "接続が切れた", 17),
    )


def test_maintenance(history: Engine, take_in: Import) -> None:
    text = (
        MAINTENANCE
        + "2026-11-01T03:00,2026-11-01T04:00,,upgrade,2026-10-30T10:00,lee,\n"
        + "2026-11-27T03:00,2026-11-27T04:00,orders,upgrade,,,\n"
        + "2026-11-02T03:00,2026-11-02T04:00,,disk,,,it could not wait\n"
    )
    assert take_in("maintenance", text) == {"NEW": 3}
    announced, late, planned = read_maintenance(history, "shop", *EVER)
    assert announced == Maintenance(
        utc("2026-10-31T18:00"), utc("2026-10-31T19:00"), None, "upgrade", utc("2026-10-30T01:00"), "lee (CSV)"
    )
    assert (late.declared_at, late.declared_by, late.late, late.late_reason) == (NOW, "kim", True, "it could not wait")
    assert (planned.declared_at, planned.late, planned.module) == (NOW, False, "orders")


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("deploys", DEPLOYS + "1.4.2,,,2026-11-24T14:00:00.5,,failed\n1.4.2,staging,,2026-11-24T14:00,,failed\n"),
        ("outages", OUTAGES + "2026-11-24T14:00,,users,power,\n2026-11-24T14:00,,,power,3\n"),
        ("maintenance", MAINTENANCE + "2026-11-27T03:00,2026-11-27T04:00,,x,,,\n"
                                      "2026-11-27T03:00,2026-11-27T05:00,,x,,,\n"),
    ],
)  # fmt: skip
def test_the_same_file_again_changes_nothing(take_in: Import, kind: str, text: str) -> None:
    assert take_in(kind, text) == {"NEW": 2}
    assert take_in(kind, text) == {"KNOWN": 2}
    assert take_in(kind, text, NOW + timedelta(days=30)) == {"KNOWN": 2}  # the windows have begun meanwhile


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("deploys", "version,started_at,outcome\n1.4.2,2026-11-24T14:00,succeeded\n"),
        ("outages", "started_at,cause\n2026-11-24T14:00,power\n"),
        ("maintenance", "starts_at,ends_at,reason\n2026-11-27T03:00,2026-11-27T04:00,upgrade\n"),
    ],
)
def test_the_columns_that_are_needed_are_enough(history: Engine, take_in: Import, kind: str, text: str) -> None:
    assert take_in(kind, text) == {"NEW": 1}
    start = utc("2026-11-24T05:00")
    found: tuple[object, ...] = (
        *read_deploys(history, "shop", *EVER),
        *read_outages(history, "shop", *EVER),
        *read_maintenance(history, "shop", *EVER),
    )
    assert found == (
        {
            "deploys": Deploy("1.4.2", "live", start, None, DeployOutcome.SUCCEEDED, Origin.RECORDED),
            "outages": Outage(start, None, None, "power"),
            "maintenance": Maintenance(utc("2026-11-26T18:00"), utc("2026-11-26T19:00"), None, "upgrade", NOW, "kim"),
        }[kind],
    )
    header, line = text.split("\n")[:2]
    for gone in header.split(","):
        cells = dict(zip(header.split(","), line.split(","), strict=True))
        del cells[gone]
        with pytest.raises(RecordRefused, match=f"columns missing: {gone}. Needed: {header.replace(',', ', ')};"):
            take_in(kind, ",".join(cells) + "\n" + ",".join(cells.values()) + "\n")


def test_a_line_with_too_many_cells_names_the_first_of_them(take_in: Import) -> None:
    with pytest.raises(RecordRefused, match=r"in\.csv:2: column 6: the line has 7 cells, the first line 5"):
        take_in("outages", OUTAGES + "2026-11-24T14:00,,users,power, and water,,\n")


def test_a_file_corrects_what_is_there(history: Engine, take_in: Import) -> None:
    take_in("outages", OUTAGES + "2026-11-24T14:00,,users,power,\n")
    assert take_in("outages", OUTAGES + "2026-11-24T14:00,2026-11-24T15:00,users,power,\n") == {"CORRECTED": 1}
    [outage] = read_outages(history, "shop", *EVER)
    assert outage.ended_at == utc("2026-11-24T06:00")


@pytest.mark.parametrize("form", ["bom", "crlf", "blank lines", "other order", "spaces", "no line end"])
def test_the_forms_in_which_programs_write_it(history: Engine, take_in: Import, form: str) -> None:
    text = OUTAGES + "2026-11-24T14:00,,users,power,\n"
    content = {
        "bom": b"\xef\xbb\xbf" + text.encode(),
        "crlf": text.replace("\n", "\r\n").encode(),
        "blank lines": text.replace("\n", "\n\n,,,,\n").encode(),
        "other order": b"cause,incident_id,module,ended_at,started_at\npower,,users,,2026-11-24T14:00\n",
        "spaces": text.replace(",", " , ").encode(),
        "no line end": text.rstrip("\n").encode(),
    }[form]
    assert take_in("outages", content) == {"NEW": 1}
    assert read_outages(history, "shop", *EVER) == (Outage(utc("2026-11-24T05:00"), None, "users", "power"),)


def test_every_bad_line_is_named_and_nothing_is_imported(history: Engine, take_in: Import, tmp_path: Path) -> None:
    text = (
        OUTAGES
        + "2026-11-24T14:00,,users,power,\n"
        + "yesterday,,users,power,\n"
        + '2026-11-24T14:01,,users,"power\nand water",\n'
        + "2026-11-24T14:02,2026-11-24T13:00,users,power,\n"
        + "2026-11-24T14:03,,user,power,\n"
        + "2026-11-24T14:04,,users,power\n"
        + "2026-11-24T14:05,,users,power,9999999999\n"
        + "2026-11-24T14:06,,users,power,１\n"
        + ",,users,power,\n"
        + "2026-11-24T05:00Z,,users,power again,\n"
    )
    with pytest.raises(RecordRefused) as refused:
        take_in("outages", text)
    file = tmp_path / "in.csv"
    messages = str(refused.value).splitlines()
    assert [line.removeprefix(f"{file}:").partition(": ")[::2] for line in messages[:-1]] == [
        ("3", "started_at: 'yesterday' is not a time: a time is 2026-11-24T14:05, in the service's zone, or with an "
              "offset such as 2026-11-24T05:05Z"),
        ("6", "ended_at: an outage must end after it starts: end 2026-11-24 04:00 UTC, start 2026-11-24 05:02 UTC"),
        ("7", "module: no module 'user' in the service file; known modules: orders, users. Leave it out for the whole "
              "service"),
        ("8", "incident_id: the line has 4 cells, the first line 5"),
        ("9", "incident_id: an incident number must be from 1 to 2147483647"),
        ("10", "incident_id: '１' is not an incident number such as 17"),
        ("11", "started_at: a time is required"),
        ("12", "started_at: the same record as line 2: keep one of them"),
    ]  # fmt: skip
    assert messages[-1] == "nothing was imported"
    assert read_outages(history, "shop", *EVER) == ()


@pytest.mark.parametrize(
    ("kind", "text", "message"),
    [
        ("deploys", DEPLOYS + ",,,2026-11-24T14:00,,failed\n", ":2: version: version must have 1 to 80"),
        ("deploys", DEPLOYS + "1,,,2026-11-24T14:00,,ok\n", ":2: outcome: 'ok' is not an outcome; allowed: succeeded"),
        ("deploys", DEPLOYS + "1,,,2026-11-24T14:00,,\n", ":2: outcome: '' is not an outcome"),
        ("deploys", DEPLOYS + "1,,2026-11-25,2026-11-24T14:00,,failed\n", ":2: commit_at: '2026-11-25' is not a time"),
        ("deploys", DEPLOYS + "1,,,2026-11-26T14:00,,failed\n", ":2: started_at: the start 2026-11-26"),
        ("maintenance", MAINTENANCE + "2026-11-01T03:00,2026-11-01T04:00,,x,,,\n", ":2: late_reason: the window has"),
        ("maintenance", MAINTENANCE + "2026-11-01T03:00,2026-11-01T04:00,,,,,x\n", ":2: reason: a maintenance window"),
        ("maintenance", MAINTENANCE + "2026-12-01T03:00,2026-12-01T04:00,,x,2026-11-26T00:00,,\n",
         ":2: declared_at: the registration time must not be in the future"),
    ],
)  # fmt: skip
def test_a_value_that_cannot_be_true_is_named(
    history: Engine, take_in: Import, kind: str, text: str, message: str
) -> None:
    with pytest.raises(RecordRefused) as refused:
        take_in(kind, text)
    assert message in str(refused.value)
    assert read_deploys(history, "shop", *EVER) == () == read_maintenance(history, "shop", *EVER)


def test_of_very_many_bad_lines_twenty_are_named(take_in: Import) -> None:
    with pytest.raises(RecordRefused) as refused:
        take_in("outages", OUTAGES + "now,,users,power,\n" * 23)
    messages = str(refused.value).splitlines()
    assert len(messages) == 22 and messages[-2:] == ["and 3 more", "nothing was imported"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            b"",
            "in.csv:1: columns missing: started_at, cause. Needed: started_at, cause; optional: ended_at, module, inc",
        ),
        (
            b"started_at;ended_at;module;cause;incident_id\n",
            "columns unknown: 'started_at;ended_at;module;cause;incide",
        ),
        (
            b"started_at,ended_at,module,reason,incident_id\n",
            "columns unknown: 'reason'; missing: cause. Needed: ",
        ),
        (b"started_at,ended_at,module,cause,cause,incident_id\n", "columns twice: cause."),
        (b"2026-11-24T14:00,,users,power,\n", "missing: started_at"),
        (
            b"\xef\xbb\xbf" + OUTAGES.encode() + "2026-11-24T14:00,,users,停電,\n".encode("cp932"),
            "in.csv:2: after '2026-11-24T14:00,,users,': is not UTF-8: save it as",
        ),
        (
            OUTAGES.encode() + b"2026-11-24T14:00,,users,po\0wer,\n",
            "in.csv:2: after '26-11-24T14:00,,users,po': contains a",
        ),
        (OUTAGES.encode() + b'2026-11-24T14:00,,users,"power\n', "in.csv:2: is not CSV"),
        (OUTAGES.encode() + b"2026-11-24T14:00,,users,power" + b"x" * 131_072, "in.csv:2: is not CSV"),
    ],
)
def test_a_file_of_another_form_is_refused(take_in: Import, content: bytes, message: str) -> None:
    with pytest.raises(RecordRefused) as refused:
        take_in("outages", content)
    assert message in str(refused.value)
    assert "nothing was imported" in str(refused.value)


def test_a_missing_file_or_unknown_kind_is_refused(history: Engine, settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(RecordRefused, match=r"no\.csv: cannot be read: No such file"):
        import_records(history, settings, "deploys", tmp_path / "no.csv", "kim", NOW)
    with pytest.raises(RecordRefused, match="'deploy' cannot be imported; allowed: deploys, outages, maint"):
        import_records(history, settings, "deploy", tmp_path / "no.csv", "kim", NOW)


def test_an_imported_deploy_takes_the_place_of_an_inferred_one(history: Engine, take_in: Import) -> None:
    start = utc("2026-11-24T05:00")
    for version, at in (("1.4.1", start - timedelta(days=1)), ("1.4.2", start + timedelta(minutes=5))):
        assert note_version(history, "shop", "live", version, at)
    assert take_in("deploys", DEPLOYS + "1.4.2,,,2026-11-24T14:00,2026-11-24T14:04,succeeded\n") == {"NEW": 1}
    first, second = read_deploys(history, "shop", *EVER)
    assert (first.origin, second.origin, second.started_at) == (Origin.FIRST_SEEN, Origin.RECORDED, start)
