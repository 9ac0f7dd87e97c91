"""Texts of the outside as they may stand in a report."""

import pytest

from tasks.outside import external_sql


@pytest.mark.parametrize(
    ("statement", "shown"),
    [
        ("SELECT  a\n FROM t WHERE b = $1 AND c = $2", "SELECT a FROM t WHERE b = $1 AND c = $2"),
        ("ALTER ROLE app PASSWORD 'S3cr3t; hunter2'", "ALTER ROLE app PASSWORD '…'"),
        ("COMMENT ON TABLE t IS 'it''s ours', 'x' 'y'", "COMMENT ON TABLE t IS '…', '…' '…'"),
        ("SET a = E'q\\'uoted secret' -- rest", "SET a = E'…' -- rest"),
        ("DO $$ BEGIN PERFORM f('secret'); END $$", "DO '…'"),
        ("DO $x$ a $$ secret $x$ LANGUAGE plpgsql", "DO '…' LANGUAGE plpgsql"),
        ("ALTER ROLE app PASSWORD 'cut off", "ALTER ROLE app PASSWORD '…'"),
        ('SELECT "it" FROM t LIMIT 5', 'SELECT "it" FROM t LIMIT 5'),
    ],
)
def test_a_statement_is_shown_without_its_texts(statement: str, shown: str) -> None:
    assert external_sql(statement) == shown
