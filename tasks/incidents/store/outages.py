"""The outages that an incident owns: a list of intervals, in the caller's transaction."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from tasks.incidents.facts import Incident
from tasks.records.tables import outages

_SECOND = timedelta(seconds=1)


class OwnOutages:
    """The outages of one incident, as one transaction writes them; whoever holds the service's row may."""

    def __init__(self, connection: Connection, service: int, incident: Incident, by: str, now: datetime) -> None:
        self._connection, self._service, self._incident = connection, service, incident
        self._stamp = {"recorded_at": now, "recorded_by": by}
        self._mine = (outages.c.service_id == service, outages.c.own_incident == incident.id)

    def start(self, at: datetime, module: str | None) -> None:
        """A module or the whole service is down from then on, or from its last end on, unless it is down already."""
        ends = [row.ended_at for row in self._rows() if row.module == (module or "")]
        if None not in ends:
            values = {"ended_at": None, "cause": self._incident.title, "own_incident": self._incident.id}
            place = {"module": module or "", "started_at": self._free(max((at, *ends)), module or "")}
            self._connection.execute(insert(outages).values(service_id=self._service, **place, **values, **self._stamp))

    def move(self, at: datetime) -> None:
        """The first one began at another time."""
        rows = self._rows()
        if not rows:
            self.start(at, self._incident.module)
            return
        first = rows[0]
        if first.ended_at is not None and at >= first.ended_at:
            self._delete(first.id)
        elif first.started_at != at:
            self._update(first.id, started_at=self._free(at, first.module))

    def end(self, at: datetime, *, of_modules: bool = True) -> None:
        """It works again, or the whole service alone, not `of_modules`; an outage that began no earlier was none."""
        for row in self._rows():
            if row.ended_at is not None or (row.module and not of_modules):
                continue
            if at <= row.started_at:
                self._delete(row.id)
            else:
                self._update(row.id, ended_at=at)

    def name_cause(self, cause: str) -> None:
        """Say in each what the cause was."""
        self._connection.execute(update(outages).where(*self._mine).values(cause=cause))

    def remove(self) -> None:
        """There was none."""
        self._connection.execute(delete(outages).where(*self._mine))

    def give_to(self, incident: int) -> None:
        """They are another incident's."""
        self._connection.execute(update(outages).where(*self._mine).values(own_incident=incident))

    def _rows(self) -> Sequence[Any]:
        return self._connection.execute(select(outages).where(*self._mine).order_by(outages.c.started_at)).all()

    def _free(self, at: datetime, module: str) -> datetime:
        """The time, or the next second at which no other outage of the module is on record: sums merge them."""
        c = outages.c
        place = (c.service_id == self._service, c.module == module)
        while self._connection.execute(select(c.id).where(*place, c.started_at == at)).first() is not None:
            at += _SECOND
        return at

    def _update(self, row: int, **values: Any) -> None:
        self._connection.execute(update(outages).where(outages.c.id == row).values(**values, **self._stamp))

    def _delete(self, row: int) -> None:
        self._connection.execute(delete(outages).where(outages.c.id == row))
