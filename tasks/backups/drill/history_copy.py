"""Verifies the hash chains of a restored history database."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tasks.check_result import Message, msg, verbatim
from tasks.history.chain import verify_chains
from tasks.history.engine import History, HistoryError, is_missing, open_history, reading
from tasks.history.migrate import current, head, upgrade
from tasks.observation import ObservationError, printable

_MOST_PROBLEMS: Final = 10


@dataclass(frozen=True, slots=True)
class ChainsOfCopy:
    """The chains of a restored history; without problems they are all intact."""

    services: int
    runs: int
    problems: tuple[Message, ...]


def chain_problems(url: str, folder: Path = Path("/")) -> ChainsOfCopy:
    """Recompute every chain of a throw-away copy, which is first brought to this program's schema, as a recovery would.

    A relative SQLite file starts from `folder`. Raises ObservationError if the copy cannot be reached. Never for a
    live database or a backup: it writes.
    """
    engine = open_history(url, folder)
    try:
        if is_missing(engine):
            raise ObservationError(msg("The restored history database does not exist"))
        try:
            with reading(engine):
                pass
        except HistoryError as error:
            raise ObservationError(verbatim(printable(str(error)))) from None
        return _chains(engine)
    finally:
        engine.dispose()


def _chains(engine: History) -> ChainsOfCopy:
    try:
        at = current(engine)
        if at is None:
            return ChainsOfCopy(0, 0, (msg("The restored history database has no tables"),))
        if at != head():
            upgrade(engine, None)
        with reading(engine) as connection:
            verdicts = verify_chains(connection)
    except HistoryError as error:
        return ChainsOfCopy(0, 0, (verbatim(printable(str(error))),))
    found = [verbatim(printable(f"{one.service}: {problem}")) for one in verdicts for problem in one.problems]
    if len(found) > _MOST_PROBLEMS:
        found[_MOST_PROBLEMS:] = [msg("{n} more chain problems", n=len(found) - _MOST_PROBLEMS)]
    return ChainsOfCopy(len(verdicts), sum(one.length for one in verdicts), tuple(found))
