"""Keeps the catalogues in step with the source: `python -m reports.catalogues` at the root of the repository.

Adds what is new (left empty for a person to translate), moves what is used elsewhere, drops what is gone.
"""

import sys
from collections.abc import Iterable, Mapping
from io import BytesIO
from pathlib import Path, PurePath

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.pofile import PoFileError, read_po, write_po

from reports.words import TRANSLATED

KEYWORDS = {"msg": None, "tr": None, "_": None}
_SHARED = "reports/locales"
_ABOUT = "what people read. Run `python -m reports.catalogues` after a change in the source."
_HEADER = """\
# opsrounds: {about}
msgid ""
msgstr ""
"Language: {locale}\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"

"""

Texts = Mapping[str, str]
"""English text to translation; one that is not translated yet is empty."""


class BadCatalogue(ValueError):
    """A catalogue cannot be read, or translates a message otherwise than another."""


def extracted(root: Path) -> dict[str, set[str]]:
    """Every message of the source, with the files that use it."""
    with (root / "babel.cfg").open(encoding="utf-8") as file:
        methods, options = parse_mapping_cfg(file, str(root / "babel.cfg"))  # type: ignore[no-untyped-call]
    messages: dict[str, set[str]] = {}
    for name, _, text, _, _ in extract_from_dir(
        root, methods, options, KEYWORDS, directory_filter=lambda folder: not Path(folder).name.startswith((".", "__"))
    ):
        messages.setdefault(str(text), set()).add(name)
    return messages


def home(places: Iterable[str], locale: str) -> str:
    """The catalogue of a message that these files use: their system's, or the shared one."""
    files = [PurePath(place).parts for place in places]
    folders = {"/".join(parts[:2]) if parts[0] == "tasks" and len(parts) > 2 else _SHARED for parts in files}
    return f"{folders.pop() if len(folders) == 1 else _SHARED}/{locale}.po"


def stored(root: Path, locale: str) -> dict[str, Texts]:
    """The catalogues of a language as they are, by file; also those of a folder that was moved into a system's."""
    found = [root / home((), locale), *sorted((root / "tasks").rglob(f"{locale}.po"))]
    return {path.relative_to(root).as_posix(): read(path, locale) for path in found if path.exists()}


def read(path: Path, locale: str) -> Texts:
    """The translations of a catalogue; raises BadCatalogue for lines of an unresolved merge, among others."""
    try:
        with path.open("rb") as file:
            catalog = read_po(file, locale=locale, abort_invalid=True)
    except PoFileError as problem:
        raise BadCatalogue(f"{path}: {problem}") from None
    return {str(message.id): str(message.string) for message in catalog if message.id}


def known(catalogues: Mapping[str, Texts]) -> Texts:
    """The translations of all catalogues; raises BadCatalogue naming the files."""
    found: dict[str, tuple[str, str]] = {}
    for file, texts in catalogues.items():
        for english, text in texts.items():
            if not text:
                continue
            first, other = found.setdefault(english, (file, text))
            if text != other:
                raise BadCatalogue(f"{first} and {file} translate {english!r} differently: keep one of them")
    return {english: text for english, (_, text) in found.items()}


def updated(messages: Mapping[str, Iterable[str]], old: Texts, locale: str) -> dict[str, Texts]:
    """The catalogues that the source needs, with the translations that are known."""
    new: dict[str, dict[str, str]] = {}
    for english, places in messages.items():
        new.setdefault(home(places, locale), {})[english] = old.get(english, "")
    return dict(sorted(new.items()))


def as_po(texts: Texts, locale: str, about: str = _ABOUT) -> bytes:
    """A catalogue as its file says it: without places and dates, so that only a changed text changes it."""
    catalog = Catalog(locale=locale)
    for english, text in texts.items():
        catalog.add(english, text)
    buffer = BytesIO()
    write_po(buffer, catalog, width=110, sort_output=True, omit_header=True)
    return _HEADER.format(about=about, locale=locale).encode() + buffer.getvalue().rstrip() + b"\n"


def main(root: Path) -> None:
    """Rewrites the catalogues and lists what is left to translate."""
    messages = extracted(root)
    for locale in TRANSLATED:
        old = stored(root, locale)
        new = updated(messages, known(old), locale)
        for file, texts in new.items():
            (root / file).parent.mkdir(parents=True, exist_ok=True)
            (root / file).write_bytes(as_po(texts, locale))
        for file in old.keys() - new.keys():
            (root / file).unlink()
        empty = [f"{file}: {english}\n" for file, texts in new.items() for english, text in texts.items() if not text]
        sys.stdout.write(f"{locale}: {len(messages)} messages in {len(new)} files, {len(empty)} to translate\n")
        sys.stdout.writelines(sorted(empty))


if __name__ == "__main__":
    try:
        main(Path.cwd())
    except BadCatalogue as problem:
        sys.exit(str(problem))
