"""The services that this history knows."""

from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import IntegrityError

from tasks.history.chain import START
from tasks.history.tables import services


def service_id(connection: Connection, name: str) -> int:
    """A service's key; a service that is not known yet becomes so."""
    query = select(services.c.id).where(services.c.name == name)
    if (found := connection.execute(query).scalar()) is not None:
        return int(found)
    try:
        with connection.begin_nested():
            connection.execute(insert(services).values(name=name, sequence=0, chained=START))
    except IntegrityError:  # another writer made it a moment ago
        pass
    return int(connection.execute(query).scalar_one())


def locked_service(connection: Connection, name: str) -> int:
    """The same, locked as by `lock_service`."""
    key = service_id(connection, name)
    lock_service(connection, key)
    return key


def lock_service(connection: Connection, key: int) -> None:
    """Lock a service until the transaction ends: on PostgreSQL two that come at once would not see each other's rows.

    On SQLite every writer is alone.
    """
    connection.execute(select(services.c.id).where(services.c.id == key).with_for_update(key_share=True))
