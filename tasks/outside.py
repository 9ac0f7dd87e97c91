"""Texts of the outside, such as an error of a database, as they may stand in a report."""

import re

from tasks.observation import printable
from tasks.personal import mask
from tasks.secrets import masked

_READ_CHARS = 4000
# Keys of clouds and of code hosts, whose beginning gives them away wherever they stand.
_TOKEN = re.compile(
    r"(?:AKIA|ASIA)[0-9A-Z]{16}|gh[pousr]_[0-9A-Za-z]{36,255}|github_pat_[0-9A-Za-z_]{60,255}|glpat-[0-9A-Za-z_-]{20,}"
    r"|xox[abeprs]-[0-9A-Za-z-]{10,}|[rs]k_live_[0-9A-Za-z]{16,}|AIza[0-9A-Za-z_-]{35}|npm_[0-9A-Za-z]{36}"
    r"|pypi-AgEI[0-9A-Za-z_-]{40,}"
)

# Of a statement: texts in quotes, in dollars, and one that was cut off. Numbers and names stay.
_LITERAL = re.compile(r"""'(?:[^'\\]|\\.|'')*(?:'|$)|(\$[A-Za-z_]*\$).*?(?:\1|$)""", re.DOTALL)


def external_text(text: str, most: int = 200) -> str:
    """A text without secrets and personal data, bounded, with every control character spelt out."""
    return printable(_TOKEN.sub("<token>", mask(masked(text[:_READ_CHARS]))), most)


def external_sql(text: str, most: int = 200) -> str:
    """A statement as `external_text`, on one line and without the texts in it.

    PostgreSQL leaves them out of queries only: in its statistics a password stands in ALTER ROLE as it was written.
    """
    return external_text(" ".join(_LITERAL.sub("'…'", text[:_READ_CHARS]).split()), most)
