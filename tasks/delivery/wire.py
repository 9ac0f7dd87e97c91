"""smtplib's client with a clock: no operation outlives its timeout, no message its deadline."""

import ipaddress
import smtplib
import socket
import ssl
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_CHUNK = 65_536
_LONGEST_REPLY = 65_536


class Wire(smtplib.SMTP):
    """One connection; every operation may raise OSError, a TimeoutError when the clock ran out."""

    def __init__(self, timeout_s: float, deadline: float) -> None:
        super().__init__(local_hostname="localhost", timeout=timeout_s)
        self.deadline = deadline
        self._timeout_s = timeout_s
        self._unread = b""

    def open(self, host: str, port: int) -> None:
        """Connect to the first address of the host that answers."""
        failure: OSError = OSError("the name has no address")
        for *_, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
            try:
                self.sock = socket.create_connection((str(address[0]), port), self._time_left())
            except OSError as error:
                failure = error
            else:
                # The final dot travels alone: without this it waits for the acknowledgement of the text.
                self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.local_hostname = self._own_name()
                return
        raise failure

    def secure(self, context: ssl.SSLContext, host: str) -> None:
        """Put the open connection under TLS; what was read or learnt before it is forgotten (RFC 3207)."""
        self.sock = context.wrap_socket(self._ready(), server_hostname=host)
        self._unread = b""
        self.esmtp_features = {}

    @property
    def private(self) -> bool:
        """True when a password sent now cannot be read on a network: TLS, or the same machine."""
        return isinstance(self.sock, ssl.SSLSocket) or is_loopback(str(self._ready().getpeername()[0]))

    def spoke_early(self) -> bool:
        """True when a reply is there that was not asked for; ConnectionError when the server is gone."""
        sock = self._ready()
        sock.settimeout(0)
        try:
            got = sock.recv(_CHUNK)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return bool(self._unread)
        if not got:
            raise ConnectionResetError("the server closed the connection")
        self._unread += got
        return True

    def send(self, s: "ReadableBuffer | str") -> None:
        left = memoryview(s.encode(self.command_encoding) if isinstance(s, str) else s)
        while left:
            left = left[self._ready().send(left[:_CHUNK]) :]

    def getreply(self) -> tuple[int, bytes]:
        # smtplib's own reads through a file, where each byte that trickles in starts the timeout anew.
        lines: list[bytes] = []
        length = 0
        while length < _LONGEST_REPLY:
            line = self._line()
            length += len(line)
            if not line[:3].isdigit():
                return -1, line
            lines.append(line[4:].strip())
            if line[3:4] != b"-":
                return int(line[:3]), b"\n".join(lines)
        raise ConnectionError("the server's reply has no end")

    def _line(self) -> bytes:
        while b"\n" not in self._unread:
            if len(self._unread) > _LONGEST_REPLY:
                raise ConnectionError("the server's reply has no end")
            got = self._ready().recv(_CHUNK)
            if not got:
                raise ConnectionResetError("the server closed the connection")
            self._unread += got
        line, _, self._unread = self._unread.partition(b"\n")
        return line

    def _ready(self) -> socket.socket:
        if self.sock is None:
            raise ConnectionError("the connection is closed")
        self.sock.settimeout(self._time_left())
        return self.sock

    def _time_left(self) -> float:
        left = min(self._timeout_s, self.deadline - time.monotonic())
        if left <= 0:
            raise TimeoutError("the time for one message is over")
        return left

    def _own_name(self) -> str:
        name = socket.gethostname()  # getfqdn() may ask the name service, and wait for it
        if "." in name:
            return name
        address = str(self._ready().getsockname()[0])
        return f"[IPv6:{address}]" if ":" in address else f"[{address}]"


def is_loopback(address: str) -> bool:
    """True when an IP address is this machine itself."""
    ip = ipaddress.ip_address(address)
    return (getattr(ip, "ipv4_mapped", None) or ip).is_loopback
