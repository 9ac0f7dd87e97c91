"""Keeps the catalogues in step with the source: `python -m reports.catalogues` at the root of the repository.

Adds what is new (English filled in, Japanese left empty for a person), drops what is gone.
"""

import sys
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.pofile import read_po, write_po

from reports.words import LOCALES

KEYWORDS = {"msg": None, "tr": None, "_": None}
_NAMES = {"version": "1", "msgid_bugs_address": "-", "last_translator": "-", "language_team": "-"}
_HEADER = "# opsrounds: what people read. Run `python -m reports.catalogues` after a change in the source."


def extracted(root: Path) -> Catalog:
    """Every message of the source, with the files that say it."""
    with (root / "babel.cfg").open(encoding="utf-8") as file:
        methods, options = parse_mapping_cfg(file, str(root / "babel.cfg"))  # type: ignore[no-untyped-call]
    catalog = Catalog(project="opsrounds", charset="utf-8")
    for name, _, text, comments, context in extract_from_dir(
        root, methods, options, KEYWORDS, directory_filter=lambda folder: not Path(folder).name.startswith((".", "__"))
    ):
        catalog.add(text, None, [(name, 1)], auto_comments=comments, context=context)
    return catalog


def path(root: Path, locale: str) -> Path:
    """Where the catalogue of a language is."""
    return root / "reports" / "locales" / locale / "LC_MESSAGES" / "opsrounds.po"


def stored(root: Path, locale: str) -> Catalog:
    """The catalogue of a language, empty if there is none yet."""
    if not path(root, locale).exists():
        return Catalog(locale=locale, project="opsrounds")
    with path(root, locale).open("rb") as file:
        return read_po(file, locale=locale)


def updated(source: Catalog, old: Catalog, locale: str) -> Catalog:
    """The source's messages with the translations that are known."""
    new = Catalog(locale=locale, project="opsrounds", header_comment=_HEADER, fuzzy=False, **_NAMES)
    for message in source:
        if not message.id:
            continue
        known = old.get(message.id)
        text = message.id if locale == "en" else (known.string if known else "")
        places = sorted(set(message.locations))
        flags = ["python-brace-format"] if message.python_brace_format else []
        new.add(message.id, text, places, flags)
    return new


def as_po(catalog: Catalog) -> bytes:
    """The catalogue as its file says it."""
    # The header's dates would change the file at every run.
    catalog.creation_date = catalog.revision_date = datetime(2026, 1, 1, tzinfo=UTC)
    buffer = BytesIO()
    write_po(buffer, catalog, width=110, sort_output=True, include_lineno=False)
    return buffer.getvalue()


def main(root: Path) -> None:
    """Rewrites the catalogues of every language and says what is left to translate."""
    source = extracted(root)
    for locale in LOCALES:
        new = updated(source, stored(root, locale), locale)
        path(root, locale).parent.mkdir(parents=True, exist_ok=True)
        path(root, locale).write_bytes(as_po(new))
        empty = sum(1 for message in new if message.id and not message.string)
        sys.stdout.write(f"{locale}: {len(new)} messages, {empty} to translate\n")


if __name__ == "__main__":
    main(Path.cwd())
