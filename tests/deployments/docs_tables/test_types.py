"""Types in words that people know."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field, StringConstraints

from deployments.docs_tables.types import in_words
from deployments.docs_tables.words import DocWords
from tasks.configuration import Headers, HttpUrl, SecretRef, Slug, TextOrSecret


@pytest.mark.parametrize(
    ("hint", "words"),
    [
        (str, "text"),
        (Path | None, "path"),
        (HttpUrl, "address"),
        (bool, "`true`, `false`"),
        (bool | Literal["auto"], '`true`, `false`, `"auto"`'),
        (SecretRef | None, "secret"),
        (TextOrSecret, "text or secret"),
        (Headers, "table of texts or secrets"),
        (Mapping[str, tuple[str, ...]], "table of lists of texts"),
        (tuple[Slug, ...], "list of names"),
        (Annotated[tuple[str, ...], Field(min_length=1)], "non-empty list of texts"),
        (Annotated[tuple[float, ...], Field(min_length=1, max_length=4)], "list of 1 to 4 numbers"),
        (Annotated[float, Field(gt=0)], "number, over 0"),
        (Annotated[float, Field(gt=0, le=60)], "number, over 0 to 60"),
        (Annotated[float, Field(gt=0, lt=1)] | None, "number, over 0 to under 1"),
        (Annotated[float, Field(ge=0, lt=1)], "number, 0 to under 1"),
        (Annotated[int, Field(ge=1, le=1000)], "integer, 1 to 1,000"),
        (Annotated[int, Field(ge=0)], "integer, 0 or more"),
        (Annotated[str, StringConstraints(max_length=40, min_length=1)], "text, at most 40 characters"),
        (Literal[1, 2], "`1`, `2`"),
    ],
)
def test_types_in_words(hint: Any, words: str) -> None:
    assert in_words(hint, DocWords("en", {}), lambda model, many: model.__name__) == words


def test_a_bound_without_words_is_refused() -> None:
    with pytest.raises(ValueError, match="no words for"):
        in_words(Annotated[int, Field(lt=5)], DocWords("en", {}), lambda model, many: "")
