"""Looks at the rights in the service's database."""

import asyncio
from functools import partial

from tasks.check_result import CheckResult, Message, msg
from tasks.configuration import ConfigurationError
from tasks.database.connection import Server
from tasks.database.settings import check_database_url
from tasks.observation import Absent
from tasks.round import Round
from tasks.secrets import resolve
from tasks.section import nothing_seen
from tasks.security.checks import DATABASE_CHECKS
from tasks.security.facts.rights import DatabaseRights
from tasks.security.judge.rights import SUBJECT, judge_rights
from tasks.security.rights.observe import read_rights
from tasks.security.settings import Role
from tasks.security.shown import shown
from tasks.settings import Settings

_NO_DATABASE = Absent(msg("The service file has no [database]"))
_NO_ROLE = Absent(msg("The service's own database role is not named: set [security.role] name"))


async def judge_rights_now(run: Round) -> tuple[CheckResult, ...]:
    """ROLE, SCHEMAS and ACCESS of the service's database.

    Raises ConfigurationError for an address that cannot be resolved or used.
    """
    settings, now = run.settings, run.now()
    role = None if settings.security is None else settings.security.role
    if settings.database is None or role is None:
        why = _NO_DATABASE if settings.database is None else _NO_ROLE
        return nothing_seen(DATABASE_CHECKS, why, now, SUBJECT).results
    if run.past is not None:
        return nothing_seen(DATABASE_CHECKS, run.past, now, SUBJECT).results
    no_rules = None if role.no_login_rules is None else Absent(_declared(role))
    look = partial(asyncio.to_thread, read_rights.fn, _server(settings), role.name, no_rules)
    seen = await shown("read-rights", look, _read)
    return judge_rights(seen, role.name, role.schemas, run.now())


def _declared(role: Role) -> Message:
    return msg("pg_hba.conf is not read: {why}", why=role.no_login_rules)


def _read(_: DatabaseRights) -> Message:
    return msg("Roles, schemas and login rules were read")


def _server(settings: Settings) -> Server:
    assert settings.database is not None
    url = resolve(settings.database.url, settings, "database.url")
    try:
        check_database_url(url)
    except ValueError as error:
        raise ConfigurationError(settings.path, [f"database.url: {error}"]) from None
    return Server(url, settings.database.statement_timeout_s, settings.database.connect_timeout_s)
