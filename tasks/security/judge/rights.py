"""Judges what the service's database role may do, and whom its server lets in."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from pathlib import PurePath

from tasks.check_result import Check, CheckResult, Limit, Message, Quantity, Scalar, Status, Table, msg
from tasks.observation import Absent, Unobserved
from tasks.security.checks import ACCESS, ROLE, SCHEMAS
from tasks.security.facts.rights import DatabaseRights, LoginRule, RoleRights, SchemaRights

SUBJECT = "database"
_GUIDE = msg("the guide: least privilege")
_LIMIT = Limit("=", 0, "", _GUIDE)
_OPEN = ("trust", "ident")
"""Methods that ask for no proof: `ident` believes what the other machine says of its user."""
_PLAIN = ("password", "ldap", "pam", "bsd", "radius")
"""Methods that take the password itself over the connection (PostgreSQL manual, client authentication)."""
_UNENCRYPTED = ("host", "hostnossl", "hostnogssenc")
_CERTIFIED = "clientcert=verify-full"


def judge_rights(
    seen: DatabaseRights | Unobserved, role: str, schemas: Collection[str], now: datetime
) -> tuple[CheckResult, ...]:
    """Role, schemas and login rules; `schemas` are those that the role may own or create in."""
    if isinstance(seen, Unobserved):
        return tuple(_unknown(check, seen.reason, now) for check in (ROLE, SCHEMAS, ACCESS))
    return (
        judge_role(seen.role, role, schemas, now),
        judge_schemas(seen.schemas, role, schemas, now),
        judge_access(seen.rules, now),
    )


def judge_role(seen: RoleRights | Unobserved | None, role: str, schemas: Collection[str], now: datetime) -> CheckResult:
    """No right beyond its own schemas, whether of its own or through a membership."""
    if seen is None:
        return _unknown(ROLE, msg("There is no role {role}: correct [security.role] name", role=role), now)
    if isinstance(seen, Unobserved):
        return _unknown(ROLE, seen.reason, now)
    rows = list(_excess(seen, schemas))
    good = msg("{role} has no more rights than it needs in {database}", role=seen.role, database=seen.database)
    bad = msg("{role} has {count} rights that it does not need", role=seen.role, count=len(rows))
    columns = (msg("Right"), msg("Through"), msg("What to do"))
    return _judged(ROLE, rows, good, bad, Table(msg("Rights of {role}", role=seen.role), columns, tuple(rows)), now)


def judge_schemas(
    seen: tuple[SchemaRights, ...] | Unobserved, role: str, schemas: Collection[str], now: datetime
) -> CheckResult:
    """Nobody may plant a table or a function where everybody looks for them."""
    if isinstance(seen, Unobserved):
        return _unknown(SCHEMAS, seen.reason, now)
    rows: list[tuple[Scalar | Message, ...]] = []
    for found in seen:
        if found.everybody:
            rows.append((found.schema, msg("everybody"), f"REVOKE CREATE ON SCHEMA {found.schema} FROM PUBLIC"))
        elif found.role and found.schema not in schemas:
            rows.append((found.schema, role, f"REVOKE CREATE ON SCHEMA {found.schema} FROM {role}"))
    good = msg("Only owners may create objects in the schemas")
    bad = msg("Roles other than the owner may create objects in {count} schemas", count=len(rows))
    columns = (msg("Schema"), msg("Who may create"), msg("What to do"))
    return _judged(SCHEMAS, rows, good, bad, Table(msg("Schemas"), columns, tuple(rows)), now)


def judge_access(seen: tuple[LoginRule, ...] | Unobserved | Absent, now: datetime) -> CheckResult:
    """Whoever comes over the network must prove who it is, and send no password in the clear."""
    if isinstance(seen, Absent):
        return ACCESS.judged(Status.SKIPPED, SUBJECT, seen.reason, at=now)
    if isinstance(seen, Unobserved):
        return _unknown(ACCESS, seen.reason, now)
    rows = tuple(
        (
            f"{PurePath(rule.file).name}:{rule.line}",
            rule.kind,
            rule.databases,
            rule.roles,
            rule.address,
            rule.method,
            why,
        )
        for rule in seen
        if (why := _why_open(rule)) is not None
    )
    invalid = next((rule for rule in seen if rule.invalid), None)
    if invalid is not None and not rows:
        # The server goes on with the rules that it read before, which nobody sees.
        reason = msg("Line {line} of pg_hba.conf is invalid: {error}", line=invalid.line, error=invalid.error)
        return _unknown(ACCESS, reason, now)
    if not seen:
        return _unknown(ACCESS, msg("pg_hba.conf has no rules"), now)
    good = msg("{count} login rules, none of them open to the network", count=len(seen))
    bad = msg("{count} login rules are open to the network", count=len(rows))
    columns = (
        msg("Line"), msg("Type"), msg("Databases"), msg("Roles"), msg("Address"), msg("Method"), msg("Why"),
    )  # fmt: skip
    return _judged(ACCESS, rows, good, bad, Table(msg("Open login rules"), columns, rows), now)


def _why_open(rule: LoginRule) -> Message | None:
    if rule.local or rule.error:
        return None
    if rule.method in _OPEN and _CERTIFIED not in rule.options:
        return msg("nobody has to authenticate")
    if rule.method in _PLAIN and rule.kind in _UNENCRYPTED:
        return msg("the password is sent in the clear: use scram-sha-256 and hostssl")
    return None


def _excess(seen: RoleRights, schemas: Collection[str]) -> Iterator[tuple[Scalar | Message, ...]]:
    itself, *others = seen.reached
    for power in itself.powers:
        yield power.value, "", f"ALTER ROLE {seen.role} NO{power.value}"
    for other in others:
        if other.powers or other.predefined:
            right = ", ".join(power.value for power in other.powers) or msg(
                "server files, programs or writing all data"
            )
            yield right, other.name, f"REVOKE {other.name} FROM {seen.role}"
    if seen.owns_database:
        mend = f"ALTER DATABASE {seen.database} OWNER TO …"
        through = seen.database_through
        yield msg("owner of the database"), _by(seen.database, through), _without(seen, through) or mend
    for owned in seen.owned:
        if owned.schema not in schemas:
            what = msg("{count} objects", count=owned.objects) if owned.objects else msg("owner of the schema")
            give = msg("Give them to another role, or add the schema to [security.role] schemas")
            yield what, _by(owned.schema, owned.through), _without(seen, owned.through) or give


def _by(what: str, through: str) -> str:
    """What is owned, with the role that owns it where that is another one."""
    return f"{what} ({through})" if through else what


def _without(seen: RoleRights, through: str) -> str:
    """What takes the membership away by which something is owned."""
    return f"REVOKE {through} FROM {seen.role}" if through else ""


def _judged(
    check: Check, rows: Sequence[object], good: Message, bad: Message, table: Table, now: datetime
) -> CheckResult:
    status, reason = (Status.FAIL, bad) if rows else (Status.PASS, good)
    evidence = (table,) if rows else ()
    return check.judged(status, SUBJECT, reason, at=now, observed=Quantity(len(rows)), limit=_LIMIT, evidence=evidence)


def _unknown(check: Check, reason: Message, now: datetime) -> CheckResult:
    return check.judged(Status.UNKNOWN, SUBJECT, reason, at=now, limit=_LIMIT)
