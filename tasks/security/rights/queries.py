"""The statements behind the rights; catalogues are open to every role, pg_hba.conf is not."""

from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from typing import Any

import psycopg
from psycopg.rows import DictRow

from tasks.check_result import msg
from tasks.observation import ObservationError
from tasks.outside import external_text
from tasks.security.facts.rights import LoginRule, Owned, Power, Reached, RoleRights, SchemaRights

Cursor = psycopg.Cursor[DictRow]

_PREDEFINED = (
    "pg_execute_server_program",
    "pg_write_server_files",
    "pg_read_server_files",
    "pg_write_all_data",
)
_POWERS = {
    Power.SUPERUSER: "rolsuper",
    Power.CREATEROLE: "rolcreaterole",
    Power.CREATEDB: "rolcreatedb",
    Power.REPLICATION: "rolreplication",
    Power.BYPASSRLS: "rolbypassrls",
}
_MOST_RULES = 1000
_NAME_CHARS = 63
_WITH_FILE = 160000


def role_rights(cursor: Cursor, role: str) -> RoleRights | None:
    """What a role is, can become and owns; None if there is no such role.

    A membership counts whether it is inherited or needs SET ROLE: whoever breaks into the service can do both.
    """
    about = _all(
        cursor,
        """
        SELECT r.oid, current_database()::text AS database, d.datdba AS owner
        FROM pg_roles r, pg_database d WHERE r.rolname = %(role)s AND d.datname = current_database()
        """,
        role=role,
    )
    if not about:
        return None
    [row] = about
    reached = _reached(cursor, row["oid"])
    acts_as = {oid: found.name for oid, found in reached.items() if Power.SUPERUSER not in found.powers}
    acts_as[row["oid"]] = ""
    return RoleRights(
        role=_name(role),
        database=_name(row["database"]),
        reached=tuple(reached.values()),
        owns_database=row["owner"] in acts_as,
        owned=_owned(cursor, acts_as),
        database_through=acts_as.get(row["owner"], ""),
    )


def schema_rights(cursor: Cursor, role: str) -> tuple[SchemaRights, ...]:
    """Schemas in which everybody, or the service's role or one that it can act as without owning it, may create."""
    rows = _all(
        cursor,
        """
        WITH RECURSIVE reached(oid) AS (
            SELECT oid FROM pg_roles WHERE rolname = %(role)s
            UNION SELECT m.roleid FROM pg_auth_members m JOIN reached ON m.member = reached.oid
        )
        SELECT nspname::text AS schema, everybody, role
        FROM (
            SELECT n.nspname,
                   EXISTS (SELECT FROM aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) a
                           WHERE a.grantee = 0 AND a.privilege_type = 'CREATE') AS everybody,
                   EXISTS (SELECT FROM pg_roles r JOIN reached USING (oid)
                           WHERE NOT r.rolsuper AND r.oid <> n.nspowner
                             AND has_schema_privilege(r.oid, n.oid, 'CREATE')) AS role
            FROM pg_namespace n
            WHERE n.nspname !~ '^pg_(toast|temp_)'
        ) found
        WHERE everybody OR role ORDER BY nspname
        """,
        role=role,
    )
    return tuple(SchemaRights(_name(row["schema"]), row["everybody"], row["role"]) for row in rows)


def login_rules(cursor: Cursor, version: int) -> tuple[LoginRule, ...]:
    """The lines of pg_hba.conf as the file is now, in their order.

    Raises ObservationError if the role that looks may not see them. The view belongs to a superuser, but the function
    in it is called with the rights of whoever reads the view: the role needs both.
    """
    place = "file_name" if version >= _WITH_FILE else "current_setting('hba_file')"
    try:
        rows = _all(
            cursor,
            f"""
            SELECT {place} AS file, line_number AS line, coalesce(type, '') AS kind,
                   array_to_string(coalesce(database, '{{}}'), ', ') AS databases,
                   array_to_string(coalesce(user_name, '{{}}'), ', ') AS roles,
                   coalesce(address, '') AS address, coalesce(netmask, '') AS netmask,
                   coalesce(auth_method, '') AS method,
                   array_to_string(coalesce(options, '{{}}'), ', ') AS options, coalesce(error, '') AS error
            FROM pg_hba_file_rules LIMIT {_MOST_RULES + 1}
            """,
        )
    except psycopg.errors.InsufficientPrivilege:
        raise _not_readable(cursor) from None
    if len(rows) > _MOST_RULES:
        raise ObservationError(msg("pg_hba.conf has more than {most} rules", most=_MOST_RULES))
    return tuple(_rule(row) for row in rows)


def _not_readable(cursor: Cursor) -> ObservationError:
    [row] = _all(cursor, "SELECT quote_ident(current_user) AS role, current_database()::text AS database")
    return ObservationError(
        msg(
            "The role may not read pg_hba.conf: as a superuser, in the database {database}, GRANT EXECUTE ON FUNCTION "
            "pg_hba_file_rules() TO {role} and GRANT SELECT ON pg_hba_file_rules TO {role}; where nobody can, set "
            "[security.role] no_login_rules",
            database=_name(row["database"]),
            role=_name(row["role"]),
        )
    )


def _reached(cursor: Cursor, role: int) -> dict[int, Reached]:
    """The role itself and all that it can act as, by oid."""
    rows = _all(
        cursor,
        f"""
        WITH RECURSIVE reached(oid) AS (
            SELECT %(role)s::oid
            UNION SELECT m.roleid FROM pg_auth_members m JOIN reached ON m.member = reached.oid
        )
        SELECT r.oid, r.rolname::text AS name, {", ".join(f"r.{column}" for column in _POWERS.values())}
        FROM pg_roles r JOIN reached USING (oid) ORDER BY r.oid <> %(role)s::oid, r.rolname
        """,
        role=role,
    )
    return {
        row["oid"]: Reached(
            _name(row["name"]),
            tuple(power for power, column in _POWERS.items() if row[column]),
            row["name"] in _PREDEFINED,
        )
        for row in rows
    }


def _owned(cursor: Cursor, acts_as: Mapping[int, str]) -> tuple[Owned, ...]:
    """Tables, views, sequences, functions and types of their own; what belongs to a table is counted with it.

    Those of the role itself and of every role that it can act as, by oid: an owner may drop what it owns.
    """
    rows = _all(
        cursor,
        """
        WITH objects AS (
            SELECT relnamespace AS namespace, relowner AS owner, relkind IN ('i', 'I', 't', 'c') AS part
            FROM pg_class WHERE relowner = ANY(%(roles)s::oid[])
            UNION ALL SELECT pronamespace, proowner, false FROM pg_proc WHERE proowner = ANY(%(roles)s::oid[])
            UNION ALL SELECT typnamespace, typowner, typtype NOT IN ('d', 'e', 'r')
            FROM pg_type WHERE typowner = ANY(%(roles)s::oid[])
        ), counted AS (
            SELECT namespace, owner, count(*) AS objects FROM objects WHERE NOT part GROUP BY namespace, owner
            UNION ALL SELECT oid, nspowner, 0 FROM pg_namespace WHERE nspowner = ANY(%(roles)s::oid[])
        )
        SELECT n.nspname::text AS schema, c.owner, n.nspowner = c.owner AS owns_schema, sum(c.objects)::int AS objects
        FROM pg_namespace n JOIN counted c ON c.namespace = n.oid
        WHERE n.nspname !~ '^pg_(toast|temp_)'
        GROUP BY n.nspname, c.owner, n.nspowner
        ORDER BY n.nspname, c.owner
        """,
        roles=list(acts_as),
    )
    return tuple(Owned(_name(row["schema"]), row["owns_schema"], row["objects"], acts_as[row["owner"]]) for row in rows)


def _rule(row: DictRow) -> LoginRule:
    address = row["address"] if not row["netmask"] else f"{row['address']}/{row['netmask']}"
    return LoginRule(
        file=external_text(row["file"] or ""),
        line=row["line"],
        kind=external_text(row["kind"], 20),
        databases=external_text(row["databases"], 100),
        roles=external_text(row["roles"], 100),
        address=external_text(address, 100),
        method=external_text(row["method"], 20),
        options=_without_secrets(row["options"]),
        local=row["kind"] == "local" or _is_local(row["address"], row["netmask"]),
        error=external_text(row["error"]),
    )


def _without_secrets(options: str) -> str:
    """Options of a rule by which it is judged; others may hold the password of an LDAP or RADIUS server."""
    return ", ".join(part for part in options.split(", ") if part.startswith("clientcert="))


def _is_local(address: str, netmask: str) -> bool:
    """True for addresses that only this machine has: loopback, or `samehost`."""
    if address in ("samehost", "localhost"):
        return True
    try:
        found = ip_address(address)
        prefix = int(ip_address(netmask)).bit_count() if netmask else found.max_prefixlen
    except ValueError:  # a name, or a word such as `all`
        return False
    return ip_network(f"{found}/{prefix}", strict=False).is_loopback


def _all(cursor: Cursor, sql: str, **values: Any) -> list[DictRow]:
    return cursor.execute(sql.encode(), values or None).fetchall()


def _name(text: str) -> str:
    return external_text(text, _NAME_CHARS)
