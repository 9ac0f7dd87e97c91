"""Logging in to a mail server, only where nobody can read along."""

import base64
import ipaddress
from collections.abc import Coroutine
from typing import Any

from aiosmtplib import SMTP, SMTPResponse

from tasks.delivery.errors import permanent


def authenticate(smtp: SMTP, where: str, username: str, password: str) -> Coroutine[Any, Any, SMTPResponse]:
    """AUTH PLAIN or LOGIN, to be awaited; raises DeliveryError, OSError when the connection is lost.

    Not aiosmtplib's `login`: it tries a wrong password with every mechanism, which locks accounts sooner.
    """
    if not (username and password):
        raise permanent("a login needs both: set [mail] username and password, or neither")
    if smtp.get_transport_info("sslcontext") is None and not is_loopback(smtp.get_transport_info("peername")[0]):
        raise permanent(f"the password is not sent to {where} unencrypted: use smtp+starttls:// or smtps://")
    if "plain" in smtp.server_auth_methods:
        return smtp.auth_plain(username, password)
    if "login" in smtp.server_auth_methods:
        return smtp.auth_login(username, password)
    raise permanent(f"{where} offers neither AUTH PLAIN nor LOGIN: ask its operator for one of them")


def is_loopback(address: str) -> bool:
    """True when an IP address is this machine itself."""
    ip = ipaddress.ip_address(address)
    return (getattr(ip, "ipv4_mapped", None) or ip).is_loopback


def login_secrets(username: str, password: str) -> tuple[str, ...]:
    """Every form in which a login crosses the wire, by SMTP or HTTP, the longest first."""
    if not (username or password):
        return ()
    bare = [f"\0{username}\0{password}", f"{username}:{password}", password, username]
    wire = {text.encode(charset, "replace") for text in bare for charset in ("utf-8", "latin-1")}
    encoded = [base64.b64encode(data).decode() for data in wire]
    return tuple(sorted({*bare, *encoded} - {""}, key=len, reverse=True))
