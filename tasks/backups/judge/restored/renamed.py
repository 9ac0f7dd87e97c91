"""Tables that got another name since the backup."""

from tasks.backups.facts import Contents


def renamed_since(copy: Contents, today: Contents | None) -> dict[str, str]:
    """Live tables that the copy has under another name, which is gone from the live database, and that name.

    At least half of the old columns are in the new table: one migration often does more than rename.
    """
    if today is None:
        return {}
    there, then = {one.name for one in today.tables}, {one.name for one in copy.tables}
    old = {name: _columns(copy, name) for name in then - there}
    found: dict[str, str] = {}
    for name in sorted(there - then):
        columns = _columns(today, name)
        alike = {one: len(columns & own) for one, own in sorted(old.items()) if 2 * len(columns & own) >= len(own) > 0}
        if alike:
            found[name] = max(alike, key=lambda one: alike[one])
            del old[found[name]]
    return found


def _columns(contents: Contents, table: str) -> set[str]:
    """A table's columns and their types; SQLite has them in the one line of the table."""
    start = f"column {table}."
    columns = {line.removeprefix(start).partition(" default ")[0] for line in contents.schema if line.startswith(start)}
    body = next((line.partition("(")[2] for line in contents.schema if line.startswith(f"table {table}: ")), "")
    return columns | {part.strip(" )") for part in body.split(",") if part.strip(" )")}
