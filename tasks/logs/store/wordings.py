"""Which wordings of an error whose text varies have been seen: short hashes, so many for each error and no more."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict

from sqlalchemy import Connection, insert, select, update

from tasks.canonical import canonical
from tasks.logs.count.batch import ErrorSeen
from tasks.logs.tables import error_groups, error_wordings

MOST_WORDINGS = 1000
"""Wordings of one error that are kept. One that is not kept counts as unseen each time."""
HASH_CHARS = 16


def unseen_wordings(connection: Connection, group: int, folded: Mapping[str, ErrorSeen]) -> Counter[int]:
    """How many of these wordings had not been seen before, by the hour of their first line; they are kept from now on.

    The last of them becomes the error's example: nobody has read it yet.
    """
    unseen: Counter[int] = Counter()
    if not folded:
        return unseen
    by_hash = {fingerprint[:HASH_CHARS]: seen for fingerprint, seen in folded.items()}
    c = error_wordings.c
    mine = select(c.wording).where(c.group_id == group)
    kept = set(connection.execute(mine).scalars())
    new = [wording for wording in by_hash if wording not in kept]
    for wording in new:
        unseen[next(iter(by_hash[wording].hours))] += 1
    if new:
        example = canonical(asdict(by_hash[new[-1]].exemplar))
        connection.execute(update(error_groups).where(error_groups.c.id == group).values(exemplar=example))
    if fitting := new[: MOST_WORDINGS - len(kept)]:
        connection.execute(insert(error_wordings), [{"group_id": group, "wording": w} for w in fitting])
    return unseen
