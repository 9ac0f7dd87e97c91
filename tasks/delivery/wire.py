"""What aiosmtplib leaves to its caller: which address of a host answers, and the text apart from its dot."""

import asyncio
import re
import socket
from typing import cast

from aiosmtplib import SMTP, SMTPResponse

_CHUNK = 65_536
_TICK_S = 0.01


async def connect(host: str, port: int, timeout_s: float) -> socket.socket:
    """A socket to the first address of the host that answers within the time-out; raises OSError.

    aiosmtplib gives all addresses one time-out: a dead IPv6 route would hide a living IPv4 one.
    """
    loop = asyncio.get_running_loop()
    failure: OSError = OSError("the name has no address")
    for family, kind, protocol, _, address in await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        sock = socket.socket(family, kind, protocol)
        try:
            sock.setblocking(False)
            async with asyncio.timeout(timeout_s):
                await loop.sock_connect(sock, address)
        except OSError as error:
            sock.close()
            failure = error
        except BaseException:
            sock.close()
            raise
        else:
            return sock
    raise failure


def own_name(sock: socket.socket) -> str:
    """The name to say in EHLO."""
    name = socket.gethostname()  # getfqdn() may ask the name service, and wait for it
    if "." in name:
        return name
    address = str(sock.getsockname()[0])
    return f"[IPv6:{address}]" if ":" in address else f"[{address}]"


async def write_text(smtp: SMTP, text: bytes, timeout_s: float) -> tuple[bool, asyncio.Future[SMTPResponse]]:
    """Write a text and its final dot after DATA; False when the server left or spoke before the dot, which is not sent.

    A server that left or complained before the dot has not accepted the message. aiosmtplib's `data` raises the same
    error before and after it, and takes a reply that came together with the one to DATA for the one to the dot.
    Raises OSError when the dot was not sent.
    """
    protocol = smtp.protocol
    if protocol is None:
        raise ConnectionError("the connection is closed")
    transport = cast("asyncio.WriteTransport", protocol.transport)
    reply = asyncio.ensure_future(protocol.read_response())
    reply.add_done_callback(lambda it: it.cancelled() or it.exception())  # nobody may ask for it any more
    await asyncio.sleep(0)  # now it listens
    early = bytes(protocol._buffer)
    protocol._buffer.clear()
    protocol.data_received(early)
    text = re.sub(rb"(?m)^\.", b"..", text)
    for start in range(0, len(text), _CHUNK):
        protocol.write(text[start : start + _CHUNK])
        async with asyncio.timeout(timeout_s):
            while not (await asyncio.wait({reply}, timeout=_TICK_S))[0] and transport.get_write_buffer_size():
                pass
        if reply.done():
            return False, reply
    protocol.write(b".\r\n" if text.endswith(b"\r\n") else b"\r\n.\r\n")
    return True, reply
