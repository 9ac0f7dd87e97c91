"""How bad an advisory is: from its CVSS vectors, else from the word of its database."""

from collections.abc import Iterable
from typing import Final

from cvss import CVSS2, CVSS3, CVSS4, CVSSError

from tasks.security.advisories.records import Record
from tasks.security.facts.scans import Rating

_MOST_VECTOR = 300
_WORDS: Final = {
    "LOW": Rating.LOW,
    "MODERATE": Rating.MEDIUM,
    "MEDIUM": Rating.MEDIUM,
    "HIGH": Rating.HIGH,
    "IMPORTANT": Rating.HIGH,
    "CRITICAL": Rating.CRITICAL,
}


def rating(records: Iterable[Record]) -> Rating:
    """The highest rating that the records of one vulnerability give it; UNKNOWN when none does."""
    known = list(records)
    rated = [found for record in known for vector in record.vectors if (found := of_vector(vector)) is not None]
    rated = rated or [found for record in known if (found := _WORDS.get(record.word.strip().upper())) is not None]
    return max(rated, key=lambda found: found.rank, default=Rating.UNKNOWN)


def of_vector(vector: str) -> Rating | None:
    """The rating of a CVSS vector of version 2, 3 or 4; None for what is not one.

    Source: FIRST, CVSS 3.1 and 4.0, qualitative severity rating scale; NVD's for version 2, which has no critical.
    """
    if len(vector) > _MOST_VECTOR:
        return None
    try:
        if vector.startswith("CVSS:4"):
            return _scale(float(CVSS4(vector).base_score))
        if vector.startswith("CVSS:3"):
            return _scale(float(CVSS3(vector).base_score))
        return min(_scale(float(CVSS2(vector).base_score)), Rating.HIGH, key=lambda found: found.rank)
    except (CVSSError, ValueError, KeyError, TypeError, ArithmeticError):
        return None


def _scale(score: float) -> Rating:
    """A score of 0 says that nothing is affected; nobody lists that, and LOW is the least that a finding can be."""
    for least, found in ((9.0, Rating.CRITICAL), (7.0, Rating.HIGH), (4.0, Rating.MEDIUM)):
        if score >= least:
            return found
    return Rating.LOW
