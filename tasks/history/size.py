"""How large the history database is."""

import shutil
from contextlib import suppress
from pathlib import Path

from tasks.history.engine import History, reading


def read_size(history: History) -> tuple[int, int, int | None]:
    """Bytes on the disk, of these those that are free for new rows, and those free on the disk.

    Of PostgreSQL neither of the latter is visible: the second is 0, the third None. Raises HistoryError.
    """
    with reading(history) as connection:
        if history.dialect.name == "postgresql":
            size = connection.exec_driver_sql("SELECT pg_database_size(current_database())").scalar_one()
            return int(size), 0, None
        pages, free, page = (
            int(connection.exec_driver_sql(f"PRAGMA {of}").scalar_one())
            for of in ("page_count", "freelist_count", "page_size")
        )
    file = Path(str(history.url.database))
    written_last = 0
    with suppress(FileNotFoundError):
        written_last = file.with_name(f"{file.name}-wal").stat().st_size
    return pages * page + written_last, free * page, shutil.disk_usage(file.parent).free
