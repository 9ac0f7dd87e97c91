"""Keeps a load test on its allowed hosts. Locust loads this file before the team's own: it needs nothing but Python.

A guard against mistakes (a redirect, an absolute URL, a file of another environment), not against hostile code.
"""

import errno
import ipaddress
import socket
from collections.abc import Callable, Iterable
from typing import Any

_MOST_REFUSED = 20
_LOOKUPS = ("socket.getaddrinfo", "socket.gethostbyname")
_SENDS = ("socket.connect", "socket.sendto", "socket.sendmsg")


class RefusedName(socket.gaierror):
    """A name that is not on the list was looked up."""


class RefusedAddress(ConnectionRefusedError):
    """Something wanted to connect to an address that is not on the list."""


class Fence:
    """Names (`HOST` or `HOST:PORT`) to which connections may be made, and the addresses that they resolved to."""

    def __init__(self, hosts: Iterable[str]) -> None:
        self._names: dict[str, set[int | None]] = {}
        self._addresses: dict[str, set[int | None]] = {}
        self.refused: dict[str, None] = {}
        for entry in hosts:
            name, port = _split(entry)
            self._names.setdefault(_plain(name), set()).add(port)

    def hook(self) -> Callable[[str, tuple[Any, ...]], None]:
        """For `sys.addaudithook`: it raises for what is not allowed, before anything is sent.

        A plain function, because Python takes three times as long to call a method here, and Locust causes six audit
        events a request.
        """

        def audit(event: str, args: tuple[Any, ...]) -> None:
            if event in _LOOKUPS:
                self.look_up(args[0], args[1] if len(args) > 1 else None)
            elif event in _SENDS:
                self.connect(args[0], args[1])

        return audit

    def look_up(self, host: str | bytes | None, port: Any) -> None:
        """Raises RefusedName for a name that is not on the list; addresses are judged when they are connected to."""
        name = _plain(host)
        if not name or _is_address(name):
            return
        if self._names.get(name) is None or not _fits(self._names[name], _number(port)):
            self._refuse(name, port)
            raise RefusedName(socket.EAI_FAIL, f"{name} is not in [load] hosts")

    def learn(self, host: str | bytes | None, addresses: Iterable[str]) -> None:
        """Remember what an allowed name resolved to."""
        if ports := self._names.get(_plain(host)):
            for address in addresses:
                self._addresses.setdefault(_plain(address), set()).update(ports)

    def connect(self, line: Any, to: Any) -> None:
        """Raises RefusedAddress for an address that is neither on the list nor what a name of it resolved to."""
        if not isinstance(to, tuple) or getattr(line, "family", None) not in (socket.AF_INET, socket.AF_INET6):
            return
        host, port = _plain(to[0]), _number(to[1])
        if not any(_fits(known.get(host, set()), port) for known in (self._names, self._addresses)):
            self._refuse(host, port)
            raise RefusedAddress(errno.ECONNREFUSED, f"{host}:{port} is not in [load] hosts")

    def _refuse(self, host: str, port: Any) -> None:
        if len(self.refused) < _MOST_REFUSED:
            self.refused[f"{host}:{port}" if port else host] = None


def _split(entry: str) -> tuple[str, int | None]:
    name, _, port = entry.rpartition(":")
    return (name, int(port)) if name and port.isdigit() and not name.endswith(":") else (entry, None)


def _plain(host: str | bytes | None) -> str:
    name = (host or b"").decode(errors="replace") if not isinstance(host, str) else host
    name = name.strip("[]").rstrip(".").lower().partition("%")[0]
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return name
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _number(port: Any) -> int | None:
    return int(port) if isinstance(port, int) or (isinstance(port, str | bytes) and port.isdigit()) else None


def _fits(ports: set[int | None], port: int | None) -> bool:
    """A look-up without a port may be for any of them."""
    return None in ports or port in ports or (port is None and bool(ports))
