"""What a drill knows of a database apart from the backup that it restores."""

from tasks.backups.facts import Contents, Manifest
from tasks.backups.formats.interface import Known
from tasks.backups.targets import Target
from tasks.observation import Unobserved


def known_of(target: Target, live: Contents | Unobserved, manifest: Manifest | Unobserved) -> Known:
    """Of the live database, else what was recorded with the backup; the roles are those of both times."""
    recorded = manifest.contents if isinstance(manifest, Manifest) else None
    rule = recorded.content_rule if recorded is not None else ""
    sources = [source for source in (live, recorded) if isinstance(source, Contents)]
    if not sources:
        return Known(target.name, content_rule=rule)
    roles = sources[0].roles if recorded is None else tuple(sorted({role for one in sources for role in one.roles}))
    database = "" if target.sqlite is not None else sources[0].database
    return Known(target.name, database, roles, sources[0].bytes, rule)
