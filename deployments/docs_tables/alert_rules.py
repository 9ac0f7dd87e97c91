"""The built-in rules of alerts, as a table."""

from collections.abc import Iterator
from typing import Final

from deployments.docs_tables.markdown import table
from deployments.docs_tables.words import DocWords
from tasks.alerts.rules import rules_of
from tasks.alerts.settings import Alerts, Rule
from tasks.check_result import Severity
from tasks.settings import Settings

_EVERYTHING: Final = {
    "service": {"name": "shop", "base_url": "http://shop.example"},
    "instances": [{"name": f"shop-{n}", "base_url": f"http://shop-{n}.example"} for n in (1, 2)],
    "health": {"live": "/live", "ready": "/ready"},
    "resources": {},
    "database": {"url": "postgresql://rounds@db.example/shop"},
}
"""A service that asks for all that has a limit by default."""
_LEVELS: Final = tuple(Severity)


def alert_rules(words: DocWords) -> str:
    """A row for each rule; those of several instances are one."""
    heads = [words.say("Check"), words.say("Sample"), words.say("Subject")]
    heads += [words.say("Level {level}", level=int(level)) for level in _LEVELS]
    heads += [words.say("Recovers at"), words.say("Bad minutes"), words.say("Good minutes")]
    rules = rules_of(Settings.model_validate(_EVERYTHING), Alerts())
    return table(heads, dict.fromkeys(tuple(_row(rule, words)) for rule in rules))


def _row(rule: Rule, words: DocWords) -> Iterator[str]:
    instances = {instance["name"] for instance in _EVERYTHING["instances"]}  # type: ignore[index]
    subject = {"*": words.say("each"), "service": words.say("all instances")}.get(rule.subject, rule.subject)
    yield f"[`{rule.check}`](../checks/{rule.check}.md)"
    yield f"`{rule.sample}`"
    yield words.say("one of several instances") if rule.subject in instances else subject
    limits = dict(rule.limits)
    for level in _LEVELS:
        yield _side(rule, limits[level]) if level in limits else "–"
    yield "–" if rule.recovery is None else f"{rule.recovery:.12g}"
    yield words.say("{bad} of {of}", bad=rule.bad_minutes, of=rule.of_minutes)
    yield str(rule.good_minutes)


def _side(rule: Rule, limit: float) -> str:
    sign = {("over", "bad"): "≥", ("over", "good"): ">", ("under", "bad"): "≤", ("under", "good"): "<"}
    return f"{sign[rule.worse, rule.at_limit]} {limit:.12g}"
