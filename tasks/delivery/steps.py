"""The steps of one delivery, and what a failure at each of them means."""

import socket
import ssl
from dataclasses import dataclass
from enum import Enum

from aiosmtplib import SMTPConnectError, SMTPException

from tasks.delivery.errors import DeliveryError, MailOutcome

_CONFIGURED = "check that [mail] smtp names the right host and port and that the server is up"
_MODE = "check that [mail] smtp names the TLS mode of this port (smtp+starttls or smtps)"
_UNWANTED = "ask its operator why the message is not wanted (size, content, sender)"
_OPERATOR = "ask its operator whether this machine may send mail through it"


@dataclass(frozen=True, slots=True)
class _Words:
    doing: str
    remedy: str


class SmtpStep(Enum):
    """In the order of the wire; only a loss in END leaves open whether the message was accepted."""

    CONNECT = _Words("connecting", _CONFIGURED)
    TLS = _Words("setting up TLS", _MODE)
    GREETING = _Words("waiting for the greeting", _CONFIGURED)
    EHLO = _Words("EHLO", _OPERATOR)
    STARTTLS = _Words("STARTTLS", "ask its operator for TLS, or use smtps:// if it offers that")
    AUTH = _Words("logging in", "check [mail] username and password")
    MAIL = _Words("MAIL", "check that [mail] sender may send through this server")
    RCPT = _Words("RCPT", "check the recipient's address in the service file")
    DATA = _Words("sending the text", _UNWANTED)
    END = _Words("ending the text", _UNWANTED)


def refused(step: SmtpStep, where: str, code: int, reply: str) -> DeliveryError:
    """The error for a reply that is not the wanted one: 5xx is PERMANENT, nonsense after the dot UNKNOWN."""
    problem = f"{where} answered {step.value.doing} with: {reply}"
    remedy = step.value.remedy
    if code // 100 == 5:
        return DeliveryError(MailOutcome.PERMANENT, f"{problem}; {remedy}")
    if code // 100 == 4:
        return DeliveryError(MailOutcome.RETRY, f"{problem}; send again later, and if it stays so {remedy}")
    if step is SmtpStep.END:
        return _unknown(problem)
    return DeliveryError(MailOutcome.RETRY, f"{problem}; {_CONFIGURED}, then send again")


def lost(step: SmtpStep, where: str, error: OSError) -> DeliveryError:
    """The error for a connection that could not be made, was dropped or did not answer in time."""
    step, error = _behind(step, error)
    if isinstance(error, ssl.SSLCertVerificationError):
        return DeliveryError(
            MailOutcome.PERMANENT,
            f"the certificate of {where} is not trusted ({error.verify_message}): name the server in "
            "[mail] smtp as its certificate does, have it renewed, or set [mail] ca_file to the authority "
            "that signed it",
        )
    if isinstance(error, ssl.SSLError) and error.reason == "WRONG_VERSION_NUMBER":
        return DeliveryError(MailOutcome.PERMANENT, f"{where} speaks no TLS here; {_MODE}")
    problem = f"{where} {_cause(error)} while {step.value.doing}"
    if step is SmtpStep.END:
        return _unknown(problem)
    remedy = step.value.remedy if step in (SmtpStep.CONNECT, SmtpStep.TLS) else _CONFIGURED
    return DeliveryError(MailOutcome.RETRY, f"{problem}; send again later, and if it stays so {remedy}")


def _behind(step: SmtpStep, error: OSError) -> tuple[SmtpStep, OSError]:
    """The step and the cause that aiosmtplib wraps: it sets up TLS inside of two other steps."""
    cause = error.__cause__
    if isinstance(error, SMTPConnectError) and isinstance(cause, OSError) and not isinstance(cause, SMTPException):
        return SmtpStep.TLS, cause
    after_reply = "upgrading" in str(error) or (str(error) == "Connection lost" and cause is None)
    if step is SmtpStep.STARTTLS and (isinstance(error, ssl.SSLError) or after_reply):
        return SmtpStep.TLS, error
    return step, error


def _unknown(problem: str) -> DeliveryError:
    return DeliveryError(
        MailOutcome.UNKNOWN,
        f"{problem}; the message may or may not have been accepted: send it once more with the same Message-ID",
    )


def _cause(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return "did not answer in time"
    if isinstance(error, ConnectionRefusedError):
        return "refused the connection"
    if isinstance(error, socket.gaierror):
        return f"could not be found ({error.strerror})"
    if isinstance(error, ConnectionError | ssl.SSLEOFError):
        return "dropped the connection"
    return f"could not be reached ({error.strerror or error})"
