"""What a business module is, and what all of them do with requests."""

from collections.abc import Sequence
from typing import Annotated, Any, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from pydantic.alias_generators import to_camel
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

_MAX_BODY_BYTES = 64 * 1024

Id = Annotated[int, Field(ge=1, le=2**31 - 1)]
# PostgreSQL's text holds no NUL.
Text = Annotated[str, StringConstraints(min_length=1, max_length=120, pattern=r"^[^\x00]*$")]


class Module(Protocol):
    """One part of the monolith: it alone knows its tables, and others ask it through its methods."""

    @property
    def name(self) -> str: ...

    @property
    def routes(self) -> Sequence[Route]: ...

    async def measure(self) -> None:
        """Brings the module's KPI gauges up to date."""


class Body(BaseModel):
    """A request body: camelCase, nothing unknown, no conversions."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", strict=True)


class BodyRefused(Exception):
    """A request body that is not what the route asks for; `problems` never repeats what was sent."""

    def __init__(self, problems: list[Any]) -> None:
        super().__init__("the request body is refused")
        self.problems = problems


B = TypeVar("B", bound=Body)


async def read_body(request: Request, model: type[B]) -> B:
    """The request's body as `model`; raises BodyRefused (422), or HTTPException 413 when it is too long."""
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > _MAX_BODY_BYTES:
            raise HTTPException(413, f"a body may have {_MAX_BODY_BYTES} bytes")
    try:
        return model.model_validate_json(bytes(content))
    except ValidationError as error:
        problems = error.errors(include_url=False, include_context=False, include_input=False)
        raise BodyRefused(list(problems)) from None


async def answer_body_refused(request: Request, error: Exception) -> Response:
    """The 422 for a refused body."""
    assert isinstance(error, BodyRefused)
    return JSONResponse({"error": str(error), "problems": error.problems}, status_code=422)


async def answer_http_error(request: Request, error: Exception) -> Response:
    """Every refusal in JSON, like the answers."""
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail}, status_code=error.status_code, headers=error.headers)


def not_found(what: str) -> HTTPException:
    return HTTPException(404, f"no such {what}")
