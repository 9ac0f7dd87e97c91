"""What roles may do in the service's database, and whom the server lets in; names are fit to be shown."""

from dataclasses import dataclass
from enum import StrEnum

from tasks.observation import Absent, Unobserved


class Power(StrEnum):
    """A right that a service's own role does not need."""

    SUPERUSER = "SUPERUSER"
    CREATEROLE = "CREATEROLE"
    CREATEDB = "CREATEDB"
    REPLICATION = "REPLICATION"
    BYPASSRLS = "BYPASSRLS"


@dataclass(frozen=True, slots=True)
class Reached:
    """A role that the service's role is, or can act as through memberships; `powers` are its attributes.

    `predefined` is True for a role of PostgreSQL itself by which the server's files, programs or all rows are reached.
    """

    name: str
    powers: tuple[Power, ...]
    predefined: bool


@dataclass(frozen=True, slots=True)
class Owned:
    """What the service's role owns in one schema of the database; `schema` itself may be owned too.

    `through` is the role that owns it where the service's role can act as its owner; empty for the role itself.
    """

    schema: str
    owns_schema: bool
    objects: int
    through: str = ""


@dataclass(frozen=True, slots=True)
class RoleRights:
    """The service's role: everything that it can become, and what it owns in the database that was looked at.

    `database_through` is the role that owns the database where that is one that the service's role can act as.
    """

    role: str
    database: str
    reached: tuple[Reached, ...]
    owns_database: bool
    owned: tuple[Owned, ...]
    database_through: str = ""


@dataclass(frozen=True, slots=True)
class SchemaRights:
    """A schema in which somebody beside its owner may create: everybody (PUBLIC), or the service's role."""

    schema: str
    everybody: bool
    role: bool


@dataclass(frozen=True, slots=True)
class LoginRule:
    """A line of pg_hba.conf; `error` says why it is invalid, or why it matches nobody (`hostssl` without SSL).

    `local` is a socket, or an address that only the machine itself has.
    """

    file: str
    line: int
    kind: str
    databases: str
    roles: str
    address: str
    method: str
    options: str
    local: bool
    error: str

    @property
    def invalid(self) -> bool:
        """True for a line that could not be read, so that the whole file is not in force."""
        return self.error != "" and self.kind == ""


@dataclass(frozen=True, slots=True)
class DatabaseRights:
    """One look at a database; each part stands for itself. `role` None: there is no such role."""

    role: RoleRights | Unobserved | None
    schemas: tuple[SchemaRights, ...] | Unobserved
    rules: tuple[LoginRule, ...] | Unobserved | Absent
