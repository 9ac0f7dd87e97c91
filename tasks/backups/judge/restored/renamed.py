"""Tables that got another name since the backup."""

from tasks.backups.facts import Contents
from tasks.backups.judge.restored.schema_differences import columns_of


def renamed_since(copy: Contents, today: Contents | None) -> dict[str, str]:
    """Live tables that the copy has under another name, which is gone from the live database, and that name.

    At least half of the old columns are in the new table: one migration often does more than rename.
    """
    if today is None:
        return {}
    there, then = {one.name for one in today.tables}, {one.name for one in copy.tables}
    old = {name: columns_of(copy.schema, name) for name in then - there}
    found: dict[str, str] = {}
    for name in sorted(there - then):
        columns = columns_of(today.schema, name)
        alike = {one: len(columns & own) for one, own in sorted(old.items()) if 2 * len(columns & own) >= len(own) > 0}
        if alike:
            found[name] = max(alike, key=lambda one: alike[one])
            del old[found[name]]
    return found
