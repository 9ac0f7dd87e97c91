"""The points of cookies; `observatory` has the table and its source."""

from collections.abc import Iterator

from tasks.check_result import Message, msg
from tasks.security.facts.surface import Answer, Cookie
from tasks.security.judge.graded import Test

_SESSION = ("login", "sess")
_TOKEN = "csrf"
_SAME_SITE = frozenset({"lax", "strict", "none"})
_IGNORED = frozenset({"heroku-session-affinity"})
# From the least bad to the worst: of several faults the worst counts, not the one with most points.
_FAULTS: dict[str, tuple[int, Message]] = {
    "secure-hsts": (-5, msg("Set Secure on every cookie")),
    "secure": (-20, msg("Set Secure on every cookie")),
    "session-secure-hsts": (-10, msg("Set Secure on every cookie")),
    "same-site": (-20, msg("Set SameSite to Lax or Strict; None needs Secure")),
    "token": (-20, msg("Set SameSite on cookies with CSRF tokens")),
    "session-http-only": (-30, msg("Set HttpOnly on session cookies")),
    "session-secure": (-40, msg("Set Secure on every cookie")),
}


def is_token(cookie: Cookie) -> bool:
    """True for the cookie of a CSRF token, which scripts must read; known by its name, as the Observatory does."""
    return _TOKEN in cookie.name.lower() or "xsrf" in cookie.name.lower()


def has_bad_same_site(cookie: Cookie) -> bool:
    """True for a SameSite that browsers do not know, and for None without Secure, which they refuse."""
    if cookie.same_site is None:
        return False
    word = cookie.same_site.strip().lower()
    return word not in _SAME_SITE or (word == "none" and not cookie.secure)


def grade_cookies(answer: Answer, *, hsts: bool) -> Test:
    """The test of an answer's cookies; `hsts`: browsers send none of them unencrypted."""
    name = "Set-Cookie"
    cookies = [c for c in answer.cookies if not c.removed and c.name not in _IGNORED]
    if not cookies:
        return Test(name, msg("no cookie was set"), 0)
    found = {fault for cookie in cookies for fault in _faults(cookie, https=answer.https, hsts=hsts)}
    names = ", ".join(cookie.name for cookie in cookies)
    if worst := [fault for fault in _FAULTS if fault in found]:
        points, advice = _FAULTS[worst[-1]]
        return Test(name, names, points, advice)
    if all(cookie.same_site is not None for cookie in cookies):
        return Test(name, names, 5)
    return Test(name, names, 0, msg("Set SameSite on every cookie"))


def _faults(cookie: Cookie, *, https: bool, hsts: bool) -> Iterator[str]:
    is_session = any(part in cookie.name.lower() for part in _SESSION)
    if has_bad_same_site(cookie):
        yield "same-site"
    if https and not cookie.secure:
        yield "secure-hsts" if hsts else "secure"
        if is_session:
            yield "session-secure-hsts" if hsts else "session-secure"
    if _TOKEN in cookie.name.lower() and cookie.same_site is None:
        yield "token"
    if is_session and not cookie.http_only:
        yield "session-http-only"
