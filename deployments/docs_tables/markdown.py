"""Tables, anchors and marked blocks of Markdown pages."""

import re
import unicodedata
from collections.abc import Iterable, Sequence

MARK = re.compile(r"^<!-- generated: (?P<name>[a-z-]+), by python -m deployments\.docs_tables -->$", re.MULTILINE)


def begin(block: str) -> str:
    """The mark above a generated block."""
    return f"<!-- generated: {block}, by python -m deployments.docs_tables -->"


def end(block: str) -> str:
    """The mark below a generated block."""
    return f"<!-- end of {block} -->"


def replaced(page: str, block: str, content: str) -> str:
    """The page with the content between a block's marks; raises ValueError unless each mark stands once, in order."""
    first, last = begin(block), end(block)
    if page.count(first) != 1 or page.count(last) != 1 or page.index(first) > page.index(last):
        raise ValueError(f"the marks of the block {block} must stand once each: {first} … {last}")
    before, _, rest = page.partition(first)
    _, _, after = rest.partition(last)
    return f"{before}{first}\n{content.strip()}\n{last}{after}"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; a bar in a cell is escaped."""
    cells = [heads, ["---"] * len(heads), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "".join(f"| {' | '.join(row)} |\n" for row in cells)


def anchor(heading: str) -> str:
    """The anchor that GitHub gives the text of a heading: word characters and - are kept, a space becomes a hyphen."""
    return "".join("-" if char == " " else char for char in heading.strip().lower() if char in " -" or _is_word(char))


def _is_word(char: str) -> bool:
    category = unicodedata.category(char)
    return category[0] in "LM" or category in ("Nd", "Nl", "Pc")
