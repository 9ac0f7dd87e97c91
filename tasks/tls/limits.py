"""What a TLS server's certificate and versions may be."""

from typing import Annotated, Literal

from pydantic import Field

from tasks.configuration import Model


class TlsLimits(Model):
    """Limits of a TLS server, for every section that judges one."""

    warn_certificate_days: Annotated[int, Field(ge=1, le=3650)] = 30
    """Whole days until the first certificate of the chain expires: below, a warning. Source: ACME clients renew a
    certificate of 90 days when a third is left, so one that is below was not renewed."""

    fail_certificate_days: Annotated[int, Field(ge=1, le=3650)] = 14
    """Whole days until the first certificate of the chain expires: below, a failure. Source: opsrounds' default; two
    weeks are enough to have a certificate issued by hand."""

    min_tls: Literal["1.0", "1.2", "1.3"] = "1.2"
    """Oldest TLS version that the service may accept; `1.0`: any. Source: RFC 8996, which forbids 1.0 and 1.1."""
