"""What DuckDB is asked, in one pass over a log each."""

from pathlib import Path
from typing import Final

import duckdb

SMALL: Final = """
    SELECT module, date_trunc('minute', timestamp), count(*), count(*) FILTER (status >= 500),
        count(*) FILTER (duration <= 200), count(*) FILTER (duration <= 500), count(*) FILTER (duration <= 1000),
        approx_quantile(duration, 0.95)
    FROM read_json(?, format='newline_delimited', ignore_errors=true, columns={timestamp: 'TIMESTAMP',
        level: 'VARCHAR', module: 'VARCHAR', method: 'VARCHAR', url: 'VARCHAR', status: 'INTEGER',
        duration: 'DOUBLE', error: 'JSON'}) GROUP BY ALL
"""
"""Requests, failed and slow ones, and a quantile by module and minute; no routes, errors, personal data, bad lines."""

_SHAPE = (
    '{"timestamp":"TIMESTAMP","level":"VARCHAR","module":"VARCHAR","method":"VARCHAR","url":"VARCHAR",'
    '"message":"VARCHAR","status":"INTEGER","duration":"DOUBLE",'
    '"error":{"name":"VARCHAR","message":"VARCHAR","stack":"VARCHAR"}}'
)
_PERSONAL = (
    r"""@|%40|eyJ|(?i:token|secret|passw|authoriz|key\\*["''=])|\+[1-9](?:[ ()-]{0,2}[0-9]){8}"""
    r"""|[^0-9A-Za-z_.+-][023456][0-9]{10}|[0-9]{2}[- ][0-9]{4}[0-9]?[^0-9A-Za-z_-]|\\u00[2-7]"""
)
_ERROR = r"""
    CASE WHEN s.error IS NOT NULL OR s.status >= 500 OR lower(s.level) = 'error' THEN md5(concat_ws('|',
        s.module, s.error.name,
        regexp_replace(coalesce(s.error.message, s.message), '[0-9A-Za-z_]*[0-9][0-9A-Za-z_]*', '<*>', 'g'),
        regexp_extract(s.error.stack, '\n\s+at (?:async )?([^\n]*?)(?::\d+:\d+)?\)?\n', 1))) END
"""
SAME: Final = rf"""
    SELECT date_trunc('minute', s.timestamp), s.module,
        regexp_replace(split_part(s.url, '?', 1), '/[0-9]+(/|$)', '/:id\1', 'g') AS route, {_ERROR} AS error,
        ceil(ln(greatest(s.duration, 0.01)) * 49.99833) AS bin, count(*), count(*) FILTER (s.status >= 500),
        count(*) FILTER (s.duration <= 200), count(*) FILTER (s.duration <= 500), count(*) FILTER (s.duration <= 1000),
        count(*) FILTER (regexp_matches(json::VARCHAR, '{_PERSONAL}')), count(*) FILTER (json IS NULL)
    FROM (SELECT json, try(json_transform(json, '{_SHAPE}')) AS s
        FROM read_json_objects(?, format='newline_delimited', ignore_errors=true)) GROUP BY ALL
"""
"""The scan's question, as near as SQL comes: routes by numbers alone, personal data by a first suspicion."""


def ask(question: str, path: Path) -> list[tuple[object, ...]]:
    """The answer to one of these."""
    with duckdb.connect() as connection:
        connection.execute("SET threads = 2")
        connection.execute("SET preserve_insertion_order = false")
        return connection.execute(question, [str(path)]).fetchall()
