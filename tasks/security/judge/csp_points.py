"""The points of a Content-Security-Policy; `observatory` has the table and its source."""

from tasks.check_result import msg
from tasks.security.facts.surface import Answer
from tasks.security.judge.csp import (
    BROAD,
    INLINE,
    NONE,
    InvalidPolicy,
    Policy,
    insecure,
    parse,
    scripts,
    sources,
    styles,
)
from tasks.security.judge.graded import Test

_NAME = "Content-Security-Policy"
_START = msg("Send Content-Security-Policy: default-src 'self', and open only what the pages need")


def policy_of(answer: Answer) -> Policy | None:
    """The policy that an answer enforces; None where there is none, or none that can be read."""
    try:
        policy = parse(answer.lines(_NAME.lower()))
        scripts(policy)
    except InvalidPolicy:
        return None
    return policy or None


def grade_policy(answer: Answer, policy: Policy | None) -> Test:
    """The test of the policy: its worst fault alone counts."""
    if policy is None:
        return _absent(answer)
    shown = answer.shown[_NAME.lower()]
    run, plugins, style = scripts(policy), sources(policy, "object-src"), styles(policy)
    if run & (BROAD | INLINE) or plugins & BROAD:
        words = msg("Remove 'unsafe-inline', data: and whole schemes from script-src and object-src, and set both")
        return Test(_NAME, shown, -20, words)
    if answer.https and insecure(policy, passive=False):
        return Test(_NAME, shown, -20, msg("Remove http: sources from the policy"))
    if "'unsafe-eval'" in run | style:
        return Test(_NAME, shown, -10, msg("Stop using eval() and remove 'unsafe-eval' from the policy"))
    if answer.https and insecure(policy, passive=True):
        return Test(_NAME, shown, -10, msg("Remove http: sources from img-src and media-src"))
    if style & (BROAD | INLINE):
        return Test(_NAME, shown, 0, msg("Remove 'unsafe-inline', data: and whole schemes from style-src"))
    return Test(_NAME, shown, 10 if policy.get("default-src") == frozenset({NONE}) else 5)


def _absent(answer: Answer) -> Test:
    if answer.lines(_NAME.lower()):
        advice = msg("Correct the policy: browsers read it otherwise than intended, or not at all")
        return Test(_NAME, answer.shown[_NAME.lower()], -25, advice)
    if answer.lines(f"{_NAME.lower()}-report-only"):
        return Test(
            _NAME, msg("report only"), -25, msg("Send the policy as Content-Security-Policy, which is enforced")
        )
    return Test(_NAME, msg("not set"), -25, _START)
