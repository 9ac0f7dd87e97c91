"""Rights as they are judged: each excess alone, and what was not seen."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tasks.check_result import Status, msg
from tasks.observation import Absent, Unobserved
from tasks.security.facts.rights import LoginRule, Owned, Power, Reached, RoleRights, SchemaRights
from tasks.security.judge.rights import judge_access, judge_rights, judge_role, judge_schemas

NOW = datetime(2026, 11, 24, tzinfo=UTC)
ITSELF = Reached("shop", (), predefined=False)
GOOD = RoleRights("shop", "shop", (ITSELF,), owns_database=False, owned=(Owned("app", True, 3),))
RULE = LoginRule("pg_hba.conf", 1, "host", "all", "all", "10.0.0.0/8", "scram-sha-256", "", local=False, error="")
UNSEEN = Unobserved(msg("Connection refused"))


@pytest.mark.parametrize(
    ("rights", "status"),
    [
        (GOOD, Status.PASS),
        (replace(GOOD, owned=()), Status.PASS),
        (replace(GOOD, reached=(ITSELF, Reached("team", (), False))), Status.PASS),
        (replace(GOOD, reached=(replace(ITSELF, powers=(Power.CREATEDB,)),)), Status.FAIL),
        (replace(GOOD, reached=(ITSELF, Reached("admin", (Power.SUPERUSER,), False))), Status.FAIL),
        (replace(GOOD, reached=(ITSELF, Reached("pg_execute_server_program", (), True))), Status.FAIL),
        (replace(GOOD, owns_database=True), Status.FAIL),
        (replace(GOOD, owned=(Owned("public", False, 1),)), Status.FAIL),
        (replace(GOOD, owned=(Owned("other", True, 0),)), Status.FAIL),
        (None, Status.UNKNOWN),
        (UNSEEN, Status.UNKNOWN),
    ],
)
def test_role(rights: RoleRights | Unobserved | None, status: Status) -> None:
    assert judge_role(rights, "shop", ("app",), NOW).status is status


@pytest.mark.parametrize(
    ("schemas", "status"),
    [
        ((), Status.PASS),
        ((SchemaRights("app", everybody=False, role=True),), Status.PASS),
        ((SchemaRights("app", everybody=True, role=True),), Status.FAIL),
        ((SchemaRights("public", everybody=False, role=True),), Status.FAIL),
        ((SchemaRights("public", everybody=True, role=False),), Status.FAIL),
        (UNSEEN, Status.UNKNOWN),
    ],
)
def test_schemas(schemas: tuple[SchemaRights, ...] | Unobserved, status: Status) -> None:
    assert judge_schemas(schemas, "shop", ("app",), NOW).status is status


@pytest.mark.parametrize(
    ("rule", "status"),
    [
        (RULE, Status.PASS),
        (replace(RULE, method="trust"), Status.FAIL),
        (replace(RULE, method="ldap"), Status.FAIL),
        (replace(RULE, method="radius"), Status.FAIL),
        (replace(RULE, method="pam", kind="hostssl"), Status.PASS),
        (replace(RULE, method="trust", kind="hostssl"), Status.FAIL),
        (replace(RULE, method="trust", local=True), Status.PASS),
        (replace(RULE, method="trust", kind="hostssl", options="clientcert=verify-full"), Status.PASS),
        (replace(RULE, method="trust", kind="hostssl", options="clientcert=verify-ca"), Status.FAIL),
        (replace(RULE, method="trust", kind="hostssl", error="cannot match"), Status.PASS),
        (replace(RULE, method="ident"), Status.FAIL),
        (replace(RULE, method="password"), Status.FAIL),
        (replace(RULE, method="password", kind="hostnossl"), Status.FAIL),
        (replace(RULE, method="password", kind="hostssl"), Status.PASS),
        (replace(RULE, method="reject"), Status.PASS),
        (replace(RULE, kind="", method="", error="invalid"), Status.UNKNOWN),
    ],
)
def test_login_rules(rule: LoginRule, status: Status) -> None:
    assert judge_access((RULE, rule), NOW).status is status


def test_login_rules_that_are_not_seen() -> None:
    assert judge_access(UNSEEN, NOW).status is Status.UNKNOWN
    assert judge_access(Absent(msg("It is managed")), NOW).status is Status.SKIPPED
    assert judge_access((), NOW).status is Status.UNKNOWN
    invalid = replace(RULE, kind="", method="", error="invalid")
    assert judge_access((invalid, replace(RULE, method="trust")), NOW).status is Status.FAIL


def test_nothing_was_seen() -> None:
    assert {r.status for r in judge_rights(UNSEEN, "shop", (), NOW)} == {Status.UNKNOWN}
