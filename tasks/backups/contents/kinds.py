"""What a database holds besides tables and code, a line for each thing and a query for each kind.

A kind's name is the first word of its lines. A new kind is a new entry: manifests that lack it say so by name.
"""

from typing import Final

from tasks.backups.contents.schema import NAME, OWN, OWN_SCHEMAS, RELATIONS, of_no_extension

FIRST_OID: Final = 16384
"""Of an object that is not PostgreSQL's own."""

_ACL: Final = """
    SELECT {kind} || ' to ' || CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE g.grantee::regrole::text END
        || ' ' || string_agg(lower(g.privilege_type) || CASE WHEN g.is_grantable THEN '*' ELSE '' END, ', '
            ORDER BY g.privilege_type)
    FROM ({source}) AS o (class, name, owner, acl) CROSS JOIN LATERAL aclexplode(o.acl) AS g
    WHERE g.grantee <> o.owner AND g.privilege_type <> 'MAINTAIN' GROUP BY o.name, g.grantee
"""
"""Grants to others than the owner. MAINTAIN, of PostgreSQL 17, is in GRANT ALL of one version and not of another."""

_OWNED: Final = f"""
    SELECT 'relation' AS class, {NAME} AS name, c.relowner AS owner, c.relacl AS acl
    FROM {RELATIONS} WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm', 'S') AND {OWN}
    UNION ALL
    SELECT 'function', p.oid::regprocedure::text, p.proowner, p.proacl
    FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
    WHERE {OWN_SCHEMAS} AND {of_no_extension("pg_proc", "p.oid", "'e', 'i'")}
    UNION ALL
    SELECT 'schema', quote_ident(n.nspname), n.nspowner, n.nspacl FROM pg_namespace AS n
    WHERE n.nspname <> 'public' AND {OWN_SCHEMAS} AND {of_no_extension("pg_namespace", "n.oid")}
    UNION ALL
    SELECT 'type', format_type(y.oid, NULL), y.typowner, y.typacl
    FROM pg_type AS y JOIN pg_namespace AS n ON n.oid = y.typnamespace LEFT JOIN pg_class AS c ON c.oid = y.typrelid
    WHERE y.typtype IN ('e', 'c', 'd', 'r') AND (y.typtype <> 'c' OR c.relkind = 'c')
        AND {OWN_SCHEMAS} AND {of_no_extension("pg_type", "y.oid")}
    UNION ALL
    SELECT 'column', {NAME} || '.' || quote_ident(a.attname), c.relowner, a.attacl
    FROM {RELATIONS} JOIN pg_attribute AS a ON a.attrelid = c.oid AND NOT a.attisdropped AND a.attacl IS NOT NULL
    WHERE {OWN}
"""
# A function is for everybody unless that was revoked, and so is a type.
_REVOKED: Final = f"""
    SELECT 'revoke ' || o.name || ' from PUBLIC' FROM ({_OWNED}) AS o
    WHERE o.acl IS NOT NULL AND o.class IN ('function', 'type')
        AND NOT EXISTS (SELECT FROM aclexplode(o.acl) AS g WHERE g.grantee = 0)
"""
_DEFAULTS: Final = """
    SELECT 'default',
        d.defaclrole::regrole::text || ' ' || coalesce(quote_ident(n.nspname), '*') || ' ' || d.defaclobjtype::text,
        d.defaclrole, d.defaclacl
    FROM pg_default_acl AS d LEFT JOIN pg_namespace AS n ON n.oid = d.defaclnamespace
"""


def _named(kind: str, catalog: str, more: str = "") -> str:
    """Things of a catalogue that are neither PostgreSQL's nor an extension's, by their identity."""
    return f"""
        SELECT '{kind} ' || i.identity{more} FROM {catalog} AS o
            CROSS JOIN LATERAL pg_identify_object('{catalog}'::regclass, o.oid, 0) AS i
        WHERE o.oid >= {FIRST_OID} AND i.schema IS DISTINCT FROM 'information_schema'
            AND coalesce(i.schema, '') !~ '^pg_' AND {of_no_extension(catalog, "o.oid", "'e', 'i'")}
    """


_MAPPED: Final = """ || coalesce((
    SELECT ' ' || string_agg(m.maptokentype::text || ' ' || m.mapdict::regdictionary::text, ', '
        ORDER BY m.maptokentype, m.mapseqno)
    FROM pg_ts_config_map AS m WHERE m.mapcfg = o.oid), '')"""

KINDS: Final[dict[str, str]] = {
    "statistics": _named("statistics", "pg_statistic_ext", " || ' ' || pg_get_statisticsobjdef(o.oid)"),
    "text-search": _named("text-search", "pg_ts_config", _MAPPED),
    "dictionary": _named("dictionary", "pg_ts_dict", " || coalesce(' ' || o.dictinitoption, '')"),
    "cast": _named("cast", "pg_cast", " || ' ' || o.castcontext::text || ' ' || o.castmethod::text"),
    "operator": _named("operator", "pg_operator", " || ' ' || o.oprcode::text"),
    "operator-class": _named("operator-class", "pg_opclass"),
    "operator-family": _named("operator-family", "pg_opfamily"),
    "collation": _named("collation", "pg_collation", """ || ' ' || concat_ws(' ', o.collprovider, o.collcollate,
        coalesce(to_jsonb(o) ->> 'colllocale', to_jsonb(o) ->> 'colliculocale'))"""),
    "conversion": _named("conversion", "pg_conversion"),
    "language": _named("language", "pg_language"),
    "transform": _named("transform", "pg_transform"),
    "access-method": _named("access-method", "pg_am"),
    "foreign-data": _named("foreign-data", "pg_foreign_data_wrapper"),
    "foreign-server": _named("foreign-server", "pg_foreign_server", " || ' ' || coalesce(array_to_string("
                             "ARRAY(SELECT option_name FROM pg_options_to_table(o.srvoptions) ORDER BY 1), ', '), '')"),
    "foreign-table": f"""
        SELECT 'foreign-table ' || {NAME} || ' of ' || quote_ident(s.srvname)
        FROM pg_foreign_table AS f JOIN {RELATIONS} ON c.oid = f.ftrelid JOIN pg_foreign_server AS s
            ON s.oid = f.ftserver WHERE {OWN}""",
    "user-mapping": "SELECT 'user-mapping ' || quote_ident(usename) || ' on ' || quote_ident(srvname)"
                    " FROM pg_user_mappings",
    "event-trigger-state": "SELECT 'event-trigger-state ' || quote_ident(evtname) || ' ' || evtenabled::text"
                           " FROM pg_event_trigger WHERE evtenabled <> 'O'",
    "publication": """
        SELECT 'publication ' || quote_ident(p.pubname) || CASE WHEN p.puballtables THEN ' of all tables' ELSE '' END
            || CASE WHEN p.pubinsert THEN ' insert' ELSE '' END || CASE WHEN p.pubupdate THEN ' update' ELSE '' END
            || CASE WHEN p.pubdelete THEN ' delete' ELSE '' END || CASE WHEN p.pubtruncate THEN ' truncate' ELSE '' END
        FROM pg_publication AS p""",
    "published": """
        SELECT 'published ' || quote_ident(p.pubname) || ' ' || r.prrelid::regclass::text
        FROM pg_publication_rel AS r JOIN pg_publication AS p ON p.oid = r.prpubid""",
    "subscription": "SELECT 'subscription ' || quote_ident(s.subname) FROM pg_subscription AS s"
                    " WHERE s.subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())",
    "populated": f"""
        SELECT 'populated ' || {NAME} FROM {RELATIONS} WHERE c.relkind = 'm' AND c.relispopulated AND {OWN}""",
    "options": f"""
        SELECT 'options ' || {NAME} || ' ' || array_to_string(c.reloptions, ', ')
        FROM {RELATIONS} WHERE c.relkind IN ('r', 'p', 'i', 'I') AND c.reloptions IS NOT NULL AND {OWN}""",
    "replica-identity": f"""
        SELECT 'replica-identity ' || {NAME} || ' ' || c.relreplident::text
        FROM {RELATIONS} WHERE c.relkind IN ('r', 'p') AND c.relreplident <> 'd' AND {OWN}""",
    "comment": f"""
        SELECT 'comment ' || i.identity || ' ' || i.type || ' ' || md5(d.description)
        FROM pg_description AS d CROSS JOIN LATERAL pg_identify_object(d.classoid, d.objoid, d.objsubid) AS i
        WHERE d.objoid >= {FIRST_OID} AND i.type <> 'extension' AND coalesce(i.schema, '') !~ '^pg_'
            AND NOT EXISTS (SELECT FROM pg_depend AS e
                WHERE e.classid = d.classoid AND e.objid = d.objoid AND e.deptype = 'e')""",
    "owner": f"""
        SELECT 'owner ' || o.name || ' ' || o.owner::regrole::text FROM ({_OWNED}) AS o WHERE o.class <> 'column'""",
    "grant": _ACL.format(kind="'grant ' || o.name", source=_OWNED),
    "revoke": _REVOKED,
    "default-privileges": _ACL.format(kind="'default-privileges ' || o.name", source=_DEFAULTS),
    "security-label": f"SELECT 'security-label ' || objname || ' ' || provider FROM pg_seclabels"
                      f" WHERE objoid >= {FIRST_OID}",
}  # fmt: skip
