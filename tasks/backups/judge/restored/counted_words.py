"""Messages about the row counts of restored tables."""

from collections.abc import Sequence

from tasks.backups.judge.restored.counted import Counted, Kind
from tasks.backups.limits import BackupLimits
from tasks.check_result import Message, Scalar, msg


def mismatch_message(kind: Kind, tables: str, limits: BackupLimits) -> Message:
    """What is wrong with tables, given with their figures."""
    more_than: dict[str, Scalar] = {"share": percent(limits), "rows": limits.max_difference_rows, "tables": tables}
    match kind:
        case Kind.MISSING:
            return msg("Missing from the restored database: {tables}", tables=tables)
        case Kind.EMPTY:
            return msg("Restored empty, rows expected: {tables}", tables=tables)
        case Kind.OTHER:
            return msg("Row counts differ from the backup: {tables}", tables=tables)
        case Kind.FEWER:
            return msg("Fewer rows than expected, by more than can have come since the backup: {tables}", tables=tables)
        case Kind.GUESSED:
            return msg("The restored rows were estimated, not counted: {tables}", tables=tables)
        case Kind.FELL:
            return msg("Far fewer rows than in all earlier restore drills: {tables}", tables=tables)
        case Kind.UNEXPLAINED:
            return msg(
                "Fewer rows than expected by more than {share} %, and nothing shows that they came since: {tables}",
                share=percent(limits),
                tables=tables,
            )
        case Kind.NEW_SINCE:
            return msg("Not in the backup, but new or renamed in the live database since: {tables}", tables=tables)
        case Kind.FIRST_ROWS:
            return msg(
                "Empty in the backup, a few rows in the live database: they came since, or were lost: {tables}",
                tables=tables,
            )
        case Kind.MORE:
            return msg("More rows than expected, by more than {share} % and {rows} rows: {tables}", **more_than)
        case _:
            return msg("Row counts are far from the estimates: {tables}", tables=tables)


def match_message(tables: Sequence[Counted], worst: Kind, limits: BackupLimits) -> Message:
    """What is right with all tables."""
    if all(table.certain for table in tables):
        return msg("Row counts of all {n} tables match the backup", n=len(tables))
    tolerated: dict[str, Scalar] = {"n": len(tables), "share": percent(limits), "rows": limits.max_difference_rows}
    if worst is Kind.NEAR_ESTIMATE:
        estimated = sum(not expected.exact for table in tables if (expected := table.expected))
        return msg(
            "Row counts of all {n} tables are within {share} % or {rows} rows of the expected counts; {estimated} "
            "were compared with an estimate",
            estimated=estimated,
            **tolerated,
        )
    return msg("Row counts of all {n} tables are within {share} % or {rows} rows of the expected counts", **tolerated)


def word(kind: Kind) -> Message:
    """A kind in a cell of a table."""
    match kind:
        case Kind.MISSING:
            return msg("missing")
        case Kind.EMPTY:
            return msg("no rows")
        case Kind.OTHER:
            return msg("differs from the backup")
        case Kind.FEWER:
            return msg("too few")
        case Kind.GUESSED:
            return msg("not counted")
        case Kind.FELL:
            return msg("far fewer than before")
        case Kind.UNEXPLAINED:
            return msg("fewer; came since, or lost")
        case Kind.NEW_SINCE:
            return msg("new since the backup")
        case Kind.FIRST_ROWS:
            return msg("first rows since the backup, or lost")
        case Kind.FILLED_SINCE:
            return msg("filled since the backup")
        case Kind.MORE:
            return msg("more than expected")
        case Kind.OFF_ESTIMATE:
            return msg("far from the estimate")
        case Kind.NEAR_ESTIMATE:
            return msg("near the estimate")
        case Kind.MOVED_ON:
            return msg("the live database has changed")
        case Kind.RIGHT:
            return msg("as expected")


def percent(limits: BackupLimits) -> float:
    """The share of a table's rows by which it may differ, in %."""
    return round(limits.max_difference_share * 100, 2)
