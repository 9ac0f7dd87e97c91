"""The points of headers as the Observatory publishes them, and the letters that they give."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tasks.check_result import Status, Table, msg
from tasks.observation import Unobserved
from tasks.security.facts.surface import Answer, Cookie
from tasks.security.judge.graded import grade_of
from tasks.security.judge.observatory import grade_answer
from tasks.security.judge.surface import judge_cookies, judge_headers, worst_grade
from tasks.security.limits import SecurityLimits

NOW = datetime(2026, 11, 24, tzinfo=UTC)
GOOD = {
    "content-security-policy": "default-src 'none'; script-src 'self'; frame-ancestors 'none'",
    "strict-transport-security": "max-age=31536000; includeSubDomains",
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "permissions-policy": "camera=()",
}
SESSION = Cookie("session", secure=True, http_only=True, same_site="Lax")


def answer(
    headers: dict[str, Any] | None = None,
    *cookies: Cookie,
    https: bool = True,
    status: int = 200,
    path: str = "/",
    location: str | None = None,
    trusted: bool = True,
) -> Answer:
    lines = {
        name: tuple(value) if isinstance(value, list) else (value,) for name, value in (headers or {}).items() if value
    }
    shown = {name: ", ".join(value) for name, value in lines.items()}
    return Answer(path, https, status, lines, shown, cookies, location, trusted)


def points(headers: dict[str, Any], test: str, *cookies: Cookie, **how: Any) -> int:
    return next(t.points for t in grade_answer(answer(headers, *cookies, **how)).tests if t.name == test)


def csp(*policies: str, **how: Any) -> int:
    return points({"content-security-policy": list(policies)}, "Content-Security-Policy", **how)


@pytest.mark.parametrize(
    ("score", "grade"),
    [
        (135, "A+"), (100, "A+"), (99, "A"), (90, "A"), (89, "A-"), (85, "A-"), (84, "B+"), (80, "B+"), (79, "B"),
        (70, "B"), (69, "B-"), (65, "B-"), (64, "C+"), (60, "C+"), (59, "C"), (50, "C"), (49, "C-"), (45, "C-"),
        (44, "D+"), (40, "D+"), (39, "D"), (30, "D"), (29, "D-"), (25, "D-"), (24, "F"), (0, "F"),
    ],
)  # fmt: skip
def test_the_published_scale(score: int, grade: str) -> None:
    assert grade_of(score) == grade


class TestScore:
    """Penalties first; bonuses only for an answer that has 90 points without them."""

    def test_a_service_that_sends_nothing(self) -> None:
        """-25 -20 -20 -5, as the Observatory's own command line shows for such a site, without what it tests beside."""
        assert (grade_answer(answer()).score, grade_answer(answer()).grade) == (30, "D")

    def test_over_http_there_is_no_hsts(self) -> None:
        assert grade_answer(answer(https=False)).score == 50

    def test_all_that_is_good(self) -> None:
        graded = grade_answer(answer(GOOD, SESSION))
        assert (graded.score, graded.grade) == (100 + 10 + 5 + 5 + 5, "A+")

    def test_bonuses_count_from_90_points(self) -> None:
        ten = {**GOOD, "strict-transport-security": "max-age=300"}
        assert grade_answer(answer(ten)).score == 90 + 10 + 5 + 5
        fifteen = {**ten, "x-content-type-options": ""}
        assert grade_answer(answer(fifteen)).score == 85

    def test_the_floor_is_0(self) -> None:
        session = Cookie("sessionid", secure=False, http_only=False, same_site=None)
        bad = {"referrer-policy": "unsafe-url", "cross-origin-opener-policy": "x", "cross-origin-embedder-policy": "x"}
        assert grade_answer(answer(bad, session)).score == 0


class TestPolicy:
    """Content-Security-Policy."""

    @pytest.mark.parametrize(
        ("policy", "expected"),
        [
            ("default-src 'none'", 10),
            ("default-src 'none'; script-src 'self'", 10),
            ("default-src 'self'", 5),
            ("default-src 'self'; style-src 'unsafe-inline'", 0),
            ("default-src 'self'; style-src data:", 0),
            ("default-src 'self'; style-src https:", 0),
            ("default-src 'self'; script-src 'self' 'unsafe-eval'", -10),
            ("default-src 'self'; style-src 'unsafe-eval'", -10),
            ("default-src 'self'; img-src http://cdn.example", -10),
            ("default-src 'self'; connect-src http://api.example", -20),
            ("default-src 'self'; script-src 'unsafe-inline'", -20),
            ("default-src 'self'; script-src data:", -20),
            ("default-src 'self'; script-src https:", -20),
            ("default-src 'self'; object-src *", -20),
            ("default-src *:*", -20),
            ("default-src 'self'; script-src https://*:443/app.js", -20),
            ("default-src 'self'; script-src https://*.shop.example:443/app.js", 5),
            ("default-src 'none', ", 10),
            (",", -25),
            ("script-src 'self'", -20),  # whatever plug-in
            ("script-src 'self'; object-src 'none'", 0),  # whatever style
            ("upgrade-insecure-requests", -20),
            ("default-src 'self'; script-src 'unsafe-inline' 'nonce-abc'", 5),
            ("default-src 'self'; script-src 'strict-dynamic' 'nonce-abc' https: 'unsafe-inline'", 5),
            ("default-src 'self'; script-src 'strict-dynamic' https:", -25),
            ("default-src 'self'; default-src 'none'", -25),
            ("default-src 'self'; report-uri /a; report-uri /b", 5),
            ("x", -25),
            ("DEFAULT-SRC 'SELF'", 5),
            ("default-src", 10),
        ],
    )
    def test_points(self, policy: str, expected: int) -> None:
        assert csp(policy) == expected

    def test_http_is_insecure_only_on_https(self) -> None:
        assert csp("default-src 'self'; connect-src http://api.example", https=False) == 5

    def test_of_several_policies_each_must_allow_a_source(self) -> None:
        assert csp("default-src 'self'; script-src 'self' 'unsafe-inline'", "script-src 'self'") == 5
        assert csp("default-src 'self' 'unsafe-inline', default-src 'self'") == 5
        assert csp("script-src 'self'; object-src 'none'", "style-src 'self'") == 5

    def test_one_that_only_reports_protects_nobody(self) -> None:
        assert points({"content-security-policy-report-only": "default-src 'none'"}, "Content-Security-Policy") == -25


class TestOtherHeaders:
    """Each header by itself."""

    @pytest.mark.parametrize(
        ("header", "value", "expected"),
        [
            ("Strict-Transport-Security", "max-age=15768000", 0),
            ("Strict-Transport-Security", "max-age=15767999", -10),
            ("Strict-Transport-Security", 'max-age="31536000"', 0),
            ("Strict-Transport-Security", "includeSubDomains", -20),
            ("Strict-Transport-Security", "max-age=1, max-age=31536000", -20),
            ("Strict-Transport-Security", "max-age=31536000; max-age=0", -20),
            ("Strict-Transport-Security", "max-age=0", -20),
            ("Strict-Transport-Security", "max-age=-1", -20),
            ("Strict-Transport-Security", "max-age=²", -20),
            ("X-Frame-Options", "sameorigin", 5),
            ("X-Frame-Options", "DENY, deny", 5),
            ("X-Frame-Options", "DENY, SAMEORIGIN", -20),
            ("X-Frame-Options", "ALLOW-FROM https://a.example", 0),
            ("X-Frame-Options", "no", -20),
            ("X-Content-Type-Options", "NoSniff", 0),
            ("X-Content-Type-Options", "sniff", -5),
            ("Referrer-Policy", "strict-origin", 5),
            ("Referrer-Policy", "unsafe-url, no-referrer", 5),
            ("Referrer-Policy", "no-referrer, something-new", 5),
            ("Referrer-Policy", "origin", -5),
            ("Referrer-Policy", "whatever", -5),
            ("Referrer-Policy", None, 0),
            ("Cross-Origin-Opener-Policy", "same-origin; report-to=x", 10),
            ("Cross-Origin-Opener-Policy", "unsafe-none", 0),
            ("Cross-Origin-Resource-Policy", "same-site", 10),
            ("Cross-Origin-Embedder-Policy", "nonsense", -5),
        ],
    )
    def test_points(self, header: str, value: str | None, expected: int) -> None:
        assert points({header.lower(): value}, header) == expected

    def test_hsts_from_an_untrusted_server_has_no_effect(self) -> None:
        assert points(GOOD, "Strict-Transport-Security", trusted=False) == -20

    def test_frame_ancestors_win_over_x_frame_options(self) -> None:
        assert points({"content-security-policy": "default-src *; frame-ancestors 'self'"}, "X-Frame-Options") == 5
        assert points({"content-security-policy": "default-src *; frame-ancestors *:443"}, "X-Frame-Options") == -20
        both = {"content-security-policy": "default-src 'self'; frame-ancestors *", "x-frame-options": "DENY"}
        assert points(both, "X-Frame-Options") == -20


class TestCookiePoints:
    """The worst fault of all cookies counts."""

    @pytest.mark.parametrize(
        ("cookie", "hsts", "expected"),
        [
            (SESSION, False, 5),
            (Cookie("id", True, False, None), False, 0),
            (Cookie("id", False, True, "Lax"), False, -20),
            (Cookie("id", False, True, "Lax"), True, -5),
            (Cookie("session", False, True, "Lax"), True, -10),
            (Cookie("session", False, True, "Lax"), False, -40),
            (Cookie("login", True, False, "Lax"), False, -30),
            (Cookie("csrftoken", True, False, None), False, -20),
            (Cookie("id", True, True, "sometimes"), False, -20),
            (Cookie("id", True, True, ""), False, -20),
            (Cookie("id", False, True, "None"), True, -20),
            (Cookie("session", False, False, None, removed=True), False, 0),
            (Cookie("heroku-session-affinity", False, False, None), False, 0),
        ],
    )
    def test_points(self, cookie: Cookie, hsts: bool, expected: int) -> None:
        headers = {"strict-transport-security": "max-age=31536000"} if hsts else {}
        assert points(headers, "Set-Cookie", cookie) == expected

    def test_secure_exists_only_on_https(self) -> None:
        assert points({}, "Set-Cookie", Cookie("session", False, True, "Lax"), https=False) == 5


class TestHeadersJudged:
    """The grade against its limit, by the worst path."""

    def status(self, *pages: Answer | Unobserved, worst: Any = "B") -> Status:
        found = {str(n): page for n, page in enumerate(pages)}
        return judge_headers(found, SecurityLimits(min_grade=worst), NOW).status

    def test_at_and_beyond_the_limit(self) -> None:
        a_minus = {**GOOD, "strict-transport-security": "max-age=1", "x-content-type-options": ""}
        assert self.status(answer(a_minus), worst="A-") is Status.PASS
        assert self.status(answer(a_minus), worst="A") is Status.FAIL
        assert self.status(answer(a_minus), worst="B+") is Status.PASS

    def test_the_worst_path_counts(self) -> None:
        assert self.status(answer(GOOD), answer({}, path="/login")) is Status.FAIL
        result = judge_headers({"/": answer(GOOD), "/login": answer({}, path="/login")}, SecurityLimits(), NOW)
        assert "/login" in result.reason.params.values()
        assert isinstance(result.evidence[0], Table) and isinstance(result.evidence[1], Table)
        assert worst_grade({"/": answer(GOOD), "/login": answer({})}) == grade_answer(answer({}))

    @pytest.mark.parametrize("status", [404, 500, 503, 400, 304])
    def test_an_error_page_is_no_page(self, status: int) -> None:
        assert self.status(answer(GOOD, status=status)) is Status.UNKNOWN
        assert worst_grade({"/": answer(GOOD, status=status)}) is None

    @pytest.mark.parametrize("status", [200, 204, 401, 403])
    def test_a_refusal_is_a_page(self, status: int) -> None:
        assert self.status(answer(GOOD, status=status)) is Status.PASS

    def test_what_is_not_seen_is_never_green(self) -> None:
        unseen = Unobserved(msg("Connection refused"))
        assert self.status(unseen) is Status.UNKNOWN
        assert self.status(answer(GOOD), unseen) is Status.UNKNOWN
        assert self.status(answer(), unseen) is Status.FAIL
        assert self.status(answer(GOOD, status=302, location="https://shop.example/login")) is Status.UNKNOWN
        assert worst_grade({"/": answer(GOOD), "/a": unseen}) is None

    def test_a_version_in_a_header_is_a_warning(self) -> None:
        assert self.status(answer({**GOOD, "server": "nginx"})) is Status.PASS
        assert self.status(answer({**GOOD, "server": "nginx/1.25.3"})) is Status.WARN
        assert self.status(answer(GOOD), answer({**GOOD, "x-powered-by": "PHP/8.1.2"})) is Status.WARN
        assert self.status(answer({"server": "nginx/1.25.3"})) is Status.FAIL

    def test_the_table_has_what_to_do(self) -> None:
        [table] = judge_headers({"/": answer({"server": "nginx/1.25.3"})}, SecurityLimits(), NOW).evidence
        assert isinstance(table, Table)
        by_name = {row[0]: row for row in table.rows}
        assert by_name["X-Content-Type-Options"][2] == -5
        assert by_name["Permissions-Policy"][2] == 0 and by_name["Permissions-Policy"][3] != ""
        assert by_name["server"][1:3] == ("nginx/1.25.3", 0)


class TestCookiesJudged:
    """Every cookie of every answer."""

    def status(self, *pages: Answer | Unobserved) -> Status:
        return judge_cookies({str(n): page for n, page in enumerate(pages)}, NOW).status

    @pytest.mark.parametrize(
        ("cookie", "https", "expected"),
        [
            (SESSION, True, Status.PASS),
            (Cookie("a", False, True, "Lax"), True, Status.FAIL),
            (Cookie("a", False, True, "Lax"), False, Status.PASS),
            (Cookie("a", True, False, "Lax"), True, Status.FAIL),
            (Cookie("a", True, True, None), True, Status.FAIL),
            (Cookie("a", True, True, "None"), True, Status.PASS),
            (Cookie("a", False, True, "None"), False, Status.FAIL),
            (Cookie("csrftoken", True, False, "Lax"), True, Status.PASS),
            (Cookie("XSRF-TOKEN", True, False, "Lax"), True, Status.PASS),
            (Cookie("csrftoken", True, False, None), True, Status.FAIL),
            (Cookie("a", False, False, None, removed=True), True, Status.PASS),
        ],
    )
    def test_a_cookie(self, cookie: Cookie, https: bool, expected: Status) -> None:
        assert self.status(answer({}, cookie, https=https)) is expected

    def test_none_at_all_was_measured(self) -> None:
        result = judge_cookies({"/": answer()}, NOW)
        assert (result.status, result.reason.text) == (Status.PASS, "No cookie was set")

    def test_what_is_not_seen_is_never_green(self) -> None:
        unseen = Unobserved(msg("Connection refused"))
        assert self.status(unseen) is Status.UNKNOWN
        assert self.status(answer({}, SESSION), unseen) is Status.UNKNOWN
        assert self.status(answer({}, status=502)) is Status.UNKNOWN
        assert self.status(answer({}, Cookie("a", True, True, None)), unseen) is Status.FAIL
        assert self.status(answer({}, Cookie("a", True, True, None), status=302, location="/b")) is Status.FAIL
