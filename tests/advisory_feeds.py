"""Advisories written by hand for tests, and a server that gives them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from deployments.demo.advisories import Feed, demo_advisories, serving

V3 = {
    "low": "CVSS:3.1/AV:L/AC:H/PR:H/UI:R/S:U/C:L/I:N/A:N",
    "medium": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:L/I:N/A:N",
    "high": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N",
    "critical": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
}


def advisory(
    identity: str,
    name: str,
    *,
    fixed: str = "9.0",
    introduced: str = "0",
    aliases: tuple[str, ...] = (),
    ecosystem: str = "PyPI",
    vector: str | None = None,
    **more: Any,
) -> Mapping[str, Any]:
    """An advisory of OSV's form."""
    kind = "ECOSYSTEM" if ecosystem == "PyPI" else "SEMVER"
    events = [{"introduced": introduced}, {"fixed": fixed}]
    record: dict[str, Any] = {
        "schema_version": "1.6.0",
        "id": identity,
        "aliases": list(aliases),
        "summary": f"{name} is vulnerable",
        "affected": [{"package": {"ecosystem": ecosystem, "name": name}, "ranges": [{"type": kind, "events": events}]}],
    }
    if vector is not None:
        record["severity"] = [{"type": "CVSS_V3", "score": vector}]
    return record | more


@contextmanager
def feed_of(*advisories: Mapping[str, Any], **how: Any) -> Iterator[tuple[Feed, str]]:
    """A server that knows these and the canaries; yields it and its address."""
    feed = Feed([*advisories, *demo_advisories()], **how)
    with serving(feed) as url:
        yield feed, url
