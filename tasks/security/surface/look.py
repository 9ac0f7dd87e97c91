"""Looks at the running service from outside: every path of its surface, and its TLS server."""

from collections.abc import Collection
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlsplit

from tasks.check_result import CheckResult, Message, moment, msg
from tasks.observation import Absent, Unobserved
from tasks.outside import external_text
from tasks.round import Round
from tasks.section import nothing_seen
from tasks.security.checks import SURFACE_CHECKS
from tasks.security.facts.surface import Answer
from tasks.security.judge.surface import judge_cookies, judge_headers, worst_grade
from tasks.security.judge.tls import judge_tls
from tasks.security.settings import Security
from tasks.security.shown import shown
from tasks.security.surface.observe import Surface, read_surface
from tasks.tls.facts import TlsFact
from tasks.tls.observe import read_tls

_HTTPS = 443


@dataclass(frozen=True, slots=True)
class SurfaceReview:
    """Results of HEADERS, COOKIES and TLS; grade and points are None unless every path could be graded."""

    results: tuple[CheckResult, ...]
    grade: str | None
    score: int | None


async def judge_surface_now(run: Round) -> SurfaceReview:
    """Ask for every path, one after another, and judge what came back.

    Raises UsageError for a CA file that cannot be used.
    """
    if run.past is not None:
        return SurfaceReview(nothing_seen(SURFACE_CHECKS, run.past, run.now()).results, None, None)
    security = run.settings.security or Security()
    surface = _surface(run, security)
    pages: dict[str, Answer | Unobserved] = {}
    for path in security.surface.paths:
        name = _name(path, pages)
        page = await shown(f"read-surface {name}", partial(read_surface.fn, surface, path, run.now()), _status)
        pages[name] = page
    tls = await _tls(surface)
    worst, limits, now = worst_grade(pages), security.limits, run.now()
    results = (judge_headers(pages, limits, now), judge_cookies(pages, now), judge_tls(tls, limits, now))
    return SurfaceReview(results, None if worst is None else worst.grade, None if worst is None else worst.score)


def _surface(run: Round, security: Security) -> Surface:
    asked = security.surface
    ca_file = None if asked.ca_file is None else run.settings.path.parent / asked.ca_file
    return Surface(asked.url or run.settings.service.base_url, ca_file, asked.timeout_s)


async def _tls(surface: Surface) -> TlsFact | Unobserved | Absent:
    if not surface.https:
        return Absent(
            msg(
                "{url} is not encrypted: set [security.surface] url to the https address",
                url=external_text(surface.url),
            )
        )
    parts = urlsplit(surface.url)
    host = parts.hostname or ""
    port = parts.port or _HTTPS
    look = partial(read_tls.fn, host, port, host, surface.ca_file, surface.timeout_s, section="security.surface")
    return await shown(f"read-tls {host}", look, _expiry)


def _name(path: str, taken: Collection[str]) -> str:
    """A path as it may be shown: two that look the same masked are two all the same."""
    name = external_text(path)
    return name if name not in taken else f"{name} ({len(taken) + 1})"


def _status(answer: Answer) -> Message:
    return msg("HTTP {status}", status=answer.status)


def _expiry(fact: TlsFact) -> Message:
    return msg("The certificate expires at {at}", at=moment(fact.certificate.not_after))
