"""The questions of the security scan and of the weekly security alert review."""

from typing import Final

from tasks.check_result import Check, Severity, msg
from tasks.guide.lines import GuideLine

LINE: Final = GuideLine(
    "security",
    msg("Security alert review"),
    ("security.*",),
    also="セキュリティアラートのレビュー",
    named_by=("security.scan", "security.scanned", "security.alerts"),
)

SCAN: Final = Check(
    "security.scan",
    msg("Scan coverage"),
    msg("Did the scanners cover the whole source tree and every package?"),
    Severity.WARNING,
)
FEED: Final = Check(
    "security.advisory-feed",
    msg("Advisory feed"),
    msg("Does the advisory feed answer, and is it up to date?"),
    Severity.WARNING,
)
CODE: Final = Check(
    "security.code",
    msg("Code findings"),
    msg("Is every serious finding in the code fixed or waived?"),
    Severity.WARNING,
)
DEPENDENCIES: Final = Check(
    "security.dependencies",
    msg("Vulnerable packages"),
    msg("Is the service free of packages with serious known vulnerabilities?"),
    Severity.WARNING,
)
SECRETS: Final = Check(
    "security.secrets",
    msg("Secrets in the source tree"),
    msg("Is the source tree free of secrets?"),
    Severity.EMERGENCY,
)
OVERDUE: Final = Check(
    "security.overdue",
    msg("Overdue findings"),
    msg("Was every finding fixed within the time that its severity allows?"),
    Severity.WARNING,
)
WAIVERS: Final = Check(
    "security.waivers",
    msg("Waivers"),
    msg("Is every waiver in force, in use and not about to expire?"),
    Severity.INFORMATION,
)
SUPPRESSIONS: Final = Check(
    "security.suppressions",
    msg("Suppressed findings"),
    msg("Are no more findings suppressed in the code than before?"),
    Severity.INFORMATION,
)
HEADERS: Final = Check(
    "security.headers",
    msg("Security headers grade"),
    msg("Do the headers of the running service protect its users?"),
    Severity.WARNING,
)
COOKIES: Final = Check(
    "security.cookies",
    msg("Cookie attributes"),
    msg("Is every cookie Secure, HttpOnly and SameSite?"),
    Severity.WARNING,
)
TLS: Final = Check(
    "security.tls",
    msg("TLS certificate and versions"),
    msg(
        "Is the certificate trusted, issued for this host and valid for long enough, and are old TLS versions refused?"
    ),
    Severity.WARNING,
)
ROLE: Final = Check(
    "security.database-role",
    msg("Rights of the database role"),
    msg("Does the service use its database with only the rights that it needs?"),
    Severity.WARNING,
)
SCHEMAS: Final = Check(
    "security.database-schemas",
    msg("Rights on database schemas"),
    msg("Can only the owner create objects in the schemas that everybody searches?"),
    Severity.WARNING,
)
ACCESS: Final = Check(
    "security.database-access",
    msg("Database login rules"),
    msg("Does pg_hba.conf make everybody who connects over the network authenticate?"),
    Severity.WARNING,
)
AUDIT: Final = Check(
    "security.audit-log",
    msg("Audit log"),
    msg("Was the audit log written every day?"),
    Severity.WARNING,
)
RETENTION: Final = Check(
    "security.audit-retention",
    msg("Audit log retention"),
    msg("Does the audit log reach back as far as it must?"),
    Severity.WARNING,
)
SURFACE_CHECKS: Final = (HEADERS, COOKIES, TLS)
DATABASE_CHECKS: Final = (ROLE, SCHEMAS, ACCESS)
AUDIT_CHECKS: Final = (AUDIT, RETENTION)
SOURCE_CHECKS: Final = (SCAN, FEED, CODE, DEPENDENCIES, SECRETS, OVERDUE, WAIVERS, SUPPRESSIONS)
SCAN_CHECKS: Final = (*SOURCE_CHECKS, *SURFACE_CHECKS, *DATABASE_CHECKS, *AUDIT_CHECKS)

SCANNED: Final = Check(
    "security.scanned",
    msg("Age of the security scans"),
    msg("Is the last complete scan of every target recent?"),
    Severity.WARNING,
)
ALERTS: Final = Check(
    "security.alerts",
    msg("Open security alerts"),
    msg("Is every serious finding fixed or waived?"),
    Severity.WARNING,
)
UPDATES: Final = Check(
    "security.updates",
    msg("Security updates"),
    msg("Are all packages updated for which a fix is published?"),
    Severity.INFORMATION,
)
AUTHENTICATION: Final = Check(
    "security.authentication",
    msg("Failed logins"),
    msg("Were there few failed logins in the week?"),
    Severity.WARNING,
)
PRIVILEGES: Final = Check(
    "security.privileges",
    msg("Privilege changes"),
    msg("Did everybody's privileges stay the same in the week?"),
    Severity.INFORMATION,
)
PERSONAL_DATA: Final = Check(
    "security.personal-data",
    msg("Personal data in logs"),
    msg("Were the logs of the week free of personal data?"),
    Severity.WARNING,
)
REVIEW_ALONE: Final = (SCANNED, ALERTS, UPDATES, AUTHENTICATION, PRIVILEGES, PERSONAL_DATA)
REVIEW_CHECKS: Final = (SCANNED, ALERTS, OVERDUE, WAIVERS, SUPPRESSIONS, *REVIEW_ALONE[2:])
CHECKS: Final = (*SCAN_CHECKS, *REVIEW_ALONE)
