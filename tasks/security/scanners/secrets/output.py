"""What detect-secrets writes, checked before anything is read out of it. No secret is in it: only SHA-1 digests."""

from collections.abc import Iterator, Mapping
from typing import Annotated

from pydantic import BaseModel, Field, ValidationError

from tasks.check_result import msg
from tasks.observation import ObservationError
from tasks.outside import external_text
from tasks.processes import Finished
from tasks.security.scanners.secrets.lines import DETECTORS, ENTROPY_DETECTORS

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]


class Secret(BaseModel):
    """One secret in a file; `hashed_secret` is the SHA-1 of its value."""

    type: str
    hashed_secret: Digest
    line_number: Annotated[int, Field(ge=0)] = 0


class Detector(BaseModel):
    """A detector that took part; `limit` is the entropy from which a string is reported."""

    name: str
    limit: float | None = None


class Output(BaseModel):
    """detect-secrets' JSON, as far as it is read."""

    plugins_used: list[Detector]
    results: dict[str, list[Secret]]


def read_secrets(finished: Finished) -> Mapping[str, list[Secret]]:
    """The secrets by the names of the files; raises ObservationError when the output is not whole."""
    if finished.returncode:
        raise ObservationError(msg("detect-secrets ended with exit status {status}", status=finished.returncode))
    try:
        output = Output.model_validate_json(finished.stdout)
    except ValidationError as error:
        where = external_text(".".join(map(str, error.errors(include_input=False)[0]["loc"])) or "JSON")
        raise ObservationError(msg("detect-secrets' output is damaged, at {where}", where=where)) from None
    if unknown := sorted(_unknown(output.plugins_used)):
        raise ObservationError(
            msg(
                "This version of detect-secrets has detectors that are not known here: {names}",
                names=external_text(", ".join(unknown)),
            )
        )
    return output.results


def _unknown(detectors: list[Detector]) -> Iterator[str]:
    for detector in detectors:
        limit = ENTROPY_DETECTORS.get(detector.name)
        if limit is not None and detector.limit == limit:
            continue
        if not DETECTORS.fullmatch(detector.name):
            yield detector.name
