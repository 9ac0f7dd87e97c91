"""Headers graded the way of Mozilla's HTTP Observatory.

Source: github.com/mdn/mdn-http-observatory (`src/grader/charts.js`, `src/analyzer/tests/`) at commit 94042bb of
2026-08-20; the scale is also in mozilla/http-observatory, `httpobs/docs/scoring.md`. An answer starts with 100 points.
What is wrong takes points away; when 90 or more are left, what is especially good adds some. The floor is 0.

- Content-Security-Policy: none, report only, invalid −25; unsafe-inline, data: or all hosts for scripts, or all hosts
  for plug-ins −20; http: on https −20; unsafe-eval −10; http: pictures on https −10; unsafe only for styles 0; nothing
  unsafe +5; and default-src 'none' +10.
- Cookies: session cookie not Secure −40, not HttpOnly −30; not Secure −20 (with HSTS −5, a session cookie −10);
  SameSite invalid, or CSRF token without it −20; all Secure 0; all with SameSite +5; no cookie 0.
- Strict-Transport-Security: none, invalid, untrusted certificate −20; under six months (15,768,000 s) −10; else 0.
- X-Frame-Options or frame-ancestors: neither, invalid −20; ALLOW-FROM 0; else +5.
- X-Content-Type-Options: not nosniff −5; else 0.
- Referrer-Policy: unsafe, invalid −5; none 0; private +5.
- Cross-Origin-Resource-, -Opener- and -Embedder-Policy, each: invalid −5; none or open 0; closed +10.

What differs: only headers of one answer are read, so that redirection, CORS and subresource integrity, and policies in
the page itself, have no part. Over http, HSTS and Secure have none either, as neither exists there. The list of
preloaded hosts is not consulted. `frame-ancestors` that names everybody protects nobody, and HSTS with max-age=0 ends
it: −20 each. Every host with a port or a path is every host.
"""

from collections.abc import Mapping
from typing import Final

from tasks.check_result import msg
from tasks.security.facts.surface import Answer
from tasks.security.judge.cookie_points import grade_cookies
from tasks.security.judge.csp import BROAD, Policy
from tasks.security.judge.csp_points import grade_policy, policy_of
from tasks.security.judge.graded import Graded, Test, grade_of

HALF_YEAR_S: Final = 15_768_000
START: Final = 100
BONUSES_FROM: Final = 90
_PRIVATE = frozenset({"no-referrer", "same-origin", "strict-origin", "strict-origin-when-cross-origin"})
_UNSAFE = frozenset({"origin", "origin-when-cross-origin", "unsafe-url", "no-referrer-when-downgrade"})
_ISOLATION: Mapping[str, tuple[frozenset[str], frozenset[str]]] = {
    # what closes, and what says that all is open
    "Cross-Origin-Resource-Policy": (frozenset({"same-site", "same-origin"}), frozenset({"cross-origin"})),
    "Cross-Origin-Opener-Policy": (
        frozenset({"same-origin", "same-origin-allow-popups", "noopener-allow-popups"}),
        frozenset({"unsafe-none"}),
    ),
    "Cross-Origin-Embedder-Policy": (frozenset({"require-corp", "credentialless"}), frozenset({"unsafe-none"})),
}
_NOT_SET = msg("not set")


def grade_answer(answer: Answer) -> Graded:
    """The grade of one answer with every test."""
    policy = policy_of(answer)
    hsts = grade_hsts(answer) if answer.https else None
    tests = (
        grade_policy(answer, policy),
        grade_cookies(answer, hsts=hsts is not None and hsts.points == 0),
        *(() if hsts is None else (hsts,)),
        _framing(answer, policy),
        _sniffing(answer),
        _referrer(answer),
        *(_isolation(answer, name) for name in _ISOLATION),
    )
    score = START + sum(test.points for test in tests if test.points < 0)
    if score >= BONUSES_FROM:
        score += sum(test.points for test in tests if test.points > 0)
    score = max(score, 0)
    return Graded(score, grade_of(score), tests)


def grade_hsts(answer: Answer) -> Test:
    """Strict-Transport-Security of an answer over https."""
    name = "Strict-Transport-Security"
    advice = msg("Send max-age=31536000; includeSubDomains")
    if not answer.trusted:
        return Test(name, msg("no effect: the certificate is not trusted"), -20, msg("Install a trusted certificate"))
    if not (lines := answer.lines(name.lower())):
        return Test(name, _NOT_SET, -20, advice)
    shown, seconds = answer.shown[name.lower()], _max_age(lines[0])  # browsers follow the first one alone
    if not seconds:  # 0 tells browsers to forget it
        return Test(name, shown, -20, advice)
    return Test(name, shown, 0) if seconds >= HALF_YEAR_S else Test(name, shown, -10, advice)


def _max_age(value: str) -> int | None:
    """Seconds of a max-age; None for a header that browsers do not follow."""
    ages = [part.strip().lower().removeprefix("max-age=") for part in value.split(";") if "max-age=" in part.lower()]
    age = ages[0].strip('"') if len(ages) == 1 and "," not in value else ""
    return int(age) if age.isascii() and age.isdigit() and len(age) <= len("9999999999") else None


def _framing(answer: Answer, policy: Policy | None) -> Test:
    name, value = "X-Frame-Options", answer.joined("x-frame-options")
    advice = msg("Send Content-Security-Policy with frame-ancestors 'none' or 'self', and X-Frame-Options: DENY")
    if policy is not None and "frame-ancestors" in policy:  # where both are, browsers follow this one alone
        everybody = bool(policy["frame-ancestors"] & BROAD)
        words = msg("frame-ancestors allows everybody") if everybody else "frame-ancestors"
        return Test(name, words, -20, advice) if everybody else Test(name, words, 5)
    if value is None:
        return Test(name, _NOT_SET, -20, advice)
    shown = answer.shown[name.lower()]
    word, *others = {part.strip().lower() for part in value.split(",")}  # twice the same is once
    if word in ("deny", "sameorigin") and not others:
        return Test(name, shown, 5)
    return Test(name, shown, 0 if word.startswith("allow-from") and not others else -20, advice)


def _sniffing(answer: Answer) -> Test:
    name, value = "X-Content-Type-Options", answer.joined("x-content-type-options")
    if value is not None and value.partition(",")[0].strip().lower() == "nosniff":
        return Test(name, answer.shown[name.lower()], 0)
    found = _NOT_SET if value is None else answer.shown[name.lower()]
    return Test(name, found, -5, msg("Send X-Content-Type-Options: nosniff"))


def _referrer(answer: Answer) -> Test:
    name, value = "Referrer-Policy", answer.joined("referrer-policy")
    advice = msg("Send Referrer-Policy: strict-origin-when-cross-origin")
    if value is None:
        return Test(name, _NOT_SET, 0, advice)
    known = [word for part in value.split(",") if (word := part.strip().lower()) in _PRIVATE | _UNSAFE]
    shown = answer.shown[name.lower()]
    return Test(name, shown, 5) if known and known[-1] in _PRIVATE else Test(name, shown, -5, advice)


def _isolation(answer: Answer, name: str) -> Test:
    closed, opened = _ISOLATION[name]
    value = answer.joined(name.lower())
    if value is None:
        return Test(name, _NOT_SET, 0)
    word = value.partition(";")[0].strip().lower()
    known = closed | opened
    advice = None if word in known else msg("Send one of: {values}", values=", ".join(sorted(known)))
    return Test(name, answer.shown[name.lower()], 10 if word in closed else 0 if word in opened else -5, advice)
