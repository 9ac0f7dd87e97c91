"""Judges what a service shows to every browser: headers and cookies."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from tasks.check_result import CheckResult, Evidence, Limit, Message, Quantity, Scalar, Status, Table, msg
from tasks.observation import Unobserved
from tasks.security.checks import COOKIES, HEADERS
from tasks.security.facts.surface import Answer, Cookie
from tasks.security.judge.cookie_points import has_bad_same_site, is_token
from tasks.security.judge.graded import Graded, Test, least_score
from tasks.security.judge.observatory import grade_answer
from tasks.security.limits import SecurityLimits

SUBJECT = "service"
LIMITS = msg("[security.limits] of the service file")
Pages = Mapping[str, Answer | Unobserved]
"""Each path as it may be shown, and its answer."""

_COOKIE_RULE = msg("the guide: protected cookies")
_BANNERS = ("server", "x-powered-by", "x-aspnet-version", "x-aspnetmvc-version", "x-generator")
_MOST_ROWS = 100
_VERSION = re.compile(r"[0-9]")


@dataclass(frozen=True, slots=True)
class _Page:
    answer: Answer
    graded: Graded


def worst_grade(pages: Pages) -> Graded | None:
    """The worst grade of all paths; None unless every one could be graded."""
    graded = _graded(pages)
    if not graded or len(graded) < len(pages):
        return None
    return min((page.graded for page in graded), key=lambda found: found.score)


def judge_headers(pages: Pages, limits: SecurityLimits, now: datetime) -> CheckResult:
    """The worst path's grade; a path that cannot be graded leaves it open, unless another one is too bad already."""
    limit = Limit("≥", limits.min_grade, "", LIMITS)
    graded, unseen = _graded(pages), _not_graded(pages)
    worst = min(graded, key=lambda page: page.graded.score, default=None)
    evidence = _evidence(worst, graded, unseen)
    failed = worst is not None and worst.graded.score < least_score(limits.min_grade)
    if worst is None or (unseen and not failed):
        reason = next(iter(unseen.values()))
        return HEADERS.judged(Status.UNKNOWN, SUBJECT, reason, at=now, limit=limit, evidence=evidence)
    banners = sorted({name for page in graded for name in _banners(page.answer)})
    status = Status.FAIL if failed else Status.WARN if banners else Status.PASS
    reason = _shows_versions(worst, banners) if banners and not failed else _worst(worst)
    observed = Quantity(worst.graded.grade)
    return HEADERS.judged(status, SUBJECT, reason, at=now, observed=observed, limit=limit, evidence=evidence)


def judge_cookies(pages: Pages, now: datetime) -> CheckResult:
    """Every cookie of every answer; a bad one fails, whatever else could not be seen."""
    limit = Limit("=", 0, "", _COOKIE_RULE)
    answers = [answer for answer in pages.values() if isinstance(answer, Answer)]
    set_ = [(answer, cookie) for answer in answers for cookie in answer.cookies if not cookie.removed]
    bad = [(answer, cookie, lack) for answer, cookie in set_ if (lack := ", ".join(_lacks(cookie, answer)))]
    unseen = _not_graded(pages)
    evidence = (_cookie_table(set_),) if set_ else ()
    if unseen and not bad:
        reason = next(iter(unseen.values()))
        return COOKIES.judged(Status.UNKNOWN, SUBJECT, reason, at=now, limit=limit, evidence=evidence)
    if not bad:
        reason = msg("{count} cookies, all protected", count=len(set_)) if set_ else msg("No cookie was set")
        return COOKIES.judged(
            Status.PASS, SUBJECT, reason, at=now, observed=Quantity(0), limit=limit, evidence=evidence
        )
    _, cookie, lack = bad[0]
    reason = msg("{bad} of {count} cookies are not protected: {name} lacks {lack}",
                 bad=len(bad), count=len(set_), name=cookie.name, lack=lack)  # fmt: skip
    observed = Quantity(len(bad))
    return COOKIES.judged(Status.FAIL, SUBJECT, reason, at=now, observed=observed, limit=limit, evidence=evidence)


def _graded(pages: Pages) -> list[_Page]:
    found = (answer for answer in pages.values() if isinstance(answer, Answer) and answer.is_page)
    return [_Page(answer, grade_answer(answer)) for answer in found]


def _not_graded(pages: Pages) -> dict[str, Message]:
    """Why paths have no grade: no answer, a redirect, an error page."""
    return {path: why for path, answer in pages.items() if (why := _why_not(answer)) is not None}


def _why_not(answer: Answer | Unobserved) -> Message | None:
    if isinstance(answer, Unobserved):
        return answer.reason
    if answer.is_page:
        return None
    if answer.location is not None:
        return msg(
            "{path} redirects to {target}, whose page was not checked: set url or paths of [security.surface] to it",
            path=answer.path,
            target=answer.location,
        )
    return msg(
        "{path} answered with HTTP {status}, which is not a page of the service: correct [security.surface] paths",
        path=answer.path,
        status=answer.status,
    )


def _worst(page: _Page) -> Message:
    score, path = page.graded.score, page.answer.path
    if page.answer.https:
        return msg("{score} points for {path}", score=score, path=path)
    return msg("{score} points for {path}; over http, HSTS and Secure are not judged", score=score, path=path)


def _shows_versions(page: _Page, banners: Sequence[str]) -> Message:
    return msg(
        "{score} points for {path}, but headers show versions: {names}",
        score=page.graded.score,
        path=page.answer.path,
        names=", ".join(banners),
    )


def _banners(answer: Answer) -> Iterator[str]:
    """Headers that tell an attacker which version of which program to look up."""
    return (name for name in _BANNERS if _VERSION.search(answer.shown.get(name, "")))


def _evidence(worst: _Page | None, graded: Sequence[_Page], unseen: Mapping[str, Message]) -> tuple[Evidence, ...]:
    tables: list[Evidence] = [] if worst is None else [_test_table(worst)]
    if len(graded) + len(unseen) > 1:
        rows: list[tuple[Scalar | Message, ...]] = [
            (page.answer.path, page.graded.grade, page.graded.score, "") for page in graded
        ]
        rows += [(path, "", None, why) for path, why in unseen.items()]
        columns = (msg("Path"), msg("Grade"), msg("Points"), msg("Not graded because"))
        tables.append(Table(msg("Paths"), columns, tuple(rows)))
    return tuple(tables)


def _test_table(page: _Page) -> Table:
    tests = (*page.graded.tests, *_beside(page.answer))
    rows = tuple((test.name, test.found, test.points, test.advice or "") for test in tests)
    columns = (msg("Test"), msg("Found"), msg("Points"), msg("What to do"))
    return Table(msg("Headers of {path}", path=page.answer.path), columns, rows)


def _beside(answer: Answer) -> Iterator[Test]:
    """What the Observatory gives no points for."""
    policy = answer.shown.get("permissions-policy")
    advice = msg("Send Permissions-Policy and turn off what the pages do not use: camera=(), geolocation=()")
    yield (
        Test("Permissions-Policy", msg("not set"), 0, advice)
        if policy is None
        else Test("Permissions-Policy", policy, 0)
    )
    for name in _banners(answer):
        yield Test(name, answer.shown[name], 0, msg("Remove the version from this header"))


def _lacks(cookie: Cookie, answer: Answer) -> Iterator[str]:
    """The attributes that a cookie should have; the cookie of a CSRF token must be read by scripts."""
    if answer.https and not cookie.secure:
        yield "Secure"
    if not cookie.http_only and not is_token(cookie):
        yield "HttpOnly"
    if cookie.same_site is None or has_bad_same_site(cookie):
        yield "SameSite"


def _cookie_table(found: Sequence[tuple[Answer, Cookie]]) -> Table:
    """Those that lack something first, and of very many not all."""
    rows = [
        (answer.path, c.name, _yes(c.secure), _yes(c.http_only), c.same_site or "", ", ".join(_lacks(c, answer)))
        for answer, c in found
    ]
    columns = (msg("Path"), msg("Cookie"), msg("Secure"), msg("HttpOnly"), msg("SameSite"), msg("Lacks"))
    return Table(msg("Cookies"), columns, tuple(sorted(rows, key=lambda row: row[-1] == "")[:_MOST_ROWS]))


def _yes(there: bool) -> Message | str:
    return msg("yes") if there else ""
