"""What a service answered to a browser: headers and cookies, without any value of a cookie."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cookie:
    """A cookie that was set; its value is never kept. `same_site` is as written, None where it does not stand.

    `removed` is one that only takes an older one away.
    """

    name: str
    secure: bool
    http_only: bool
    same_site: str | None
    removed: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer to a path.

    `headers` have their names in small letters and every line of a name as it was sent, without those of cookies;
    `shown` has each as it may stand in a report. `location` is where a redirect leads, fit to be shown. `trusted` is
    False where the certificate was not: then the answer was read without being believed.
    """

    path: str
    https: bool
    status: int
    headers: Mapping[str, tuple[str, ...]]
    shown: Mapping[str, str]
    cookies: tuple[Cookie, ...]
    location: str | None = None
    trusted: bool = True

    def lines(self, name: str) -> tuple[str, ...]:
        """Every line of a header."""
        return self.headers.get(name, ())

    def joined(self, name: str) -> str | None:
        """A header's value as a browser reads it; None where it was not sent."""
        lines = self.lines(name)
        return ", ".join(lines) if lines else None

    @property
    def is_page(self) -> bool:
        """True for what the Observatory grades too: a page, or the refusal to show it to strangers."""
        return 200 <= self.status < 300 or self.status in (401, 403)
