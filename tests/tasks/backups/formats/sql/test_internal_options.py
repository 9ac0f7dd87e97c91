"""The mark that an old pg_dump writes: taken out of definitions, and of nothing else."""

import pytest

from tasks.backups.formats.sql.internal_options import rejected, without_mark

ROWS = b"COPY public.t (a) FROM stdin;\nALTER TABLE ONLY t ALTER COLUMN a SET (pg_attver=1);\n\\.\n"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (b"ALTER TABLE ONLY public.t ALTER COLUMN a SET (pg_attver=1);\n", b""),
        (b"ALTER FOREIGN TABLE ONLY t ALTER COLUMN a SET (pg_attver=1);\n", b""),
        (b"ALTER TABLE ONLY t ALTER COLUMN a SET (n_distinct=5, pg_attver=1);\n",
         b"ALTER TABLE ONLY t ALTER COLUMN a SET (n_distinct=5);\n"),
        (b"ALTER TABLE ONLY t ALTER COLUMN a SET (n_distinct=5);\n",) * 2,
        (ROWS, ROWS),
        (b"COPY t FROM stdin", b"COPY t FROM stdin"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_only_the_mark_goes(text: bytes, left: bytes, size: int) -> None:
    pieces = (text[at : at + size] for at in range(0, len(text), size))
    assert b"".join(without_mark(pieces)) == left


def test_what_a_server_says_to_it() -> None:
    assert rejected(b'psql:<stdin>:61: ERROR:  unrecognized parameter "pg_attver"\n')
    assert not rejected(b'ERROR:  unrecognized parameter "pg_attverse"\n')
