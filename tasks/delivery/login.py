"""Logging in to a mail server, only where nobody can read along."""

from tasks.delivery.dialogue import Dialogue, base64_of, plain_login
from tasks.delivery.errors import DeliveryError, Outcome
from tasks.delivery.steps import Step


def log_in(dialogue: Dialogue, username: str, password: str) -> None:
    """AUTH PLAIN or LOGIN in UTF-8; raises DeliveryError.

    Not smtplib's login: it raises UnicodeEncodeError, password included, on one that is not ASCII.
    """
    if not (username and password):
        raise _permanent("a login needs both: set [mail] username and password, or neither")
    wire, where = dialogue.wire, dialogue.where
    with dialogue.during(Step.AUTH):
        private = wire.private
    if not private:
        raise _permanent(f"the password is not sent to {where} unencrypted: use smtp+starttls:// or smtps://")
    offered = wire.esmtp_features.get("auth", "").upper().split()
    if "PLAIN" in offered:
        response = base64_of(plain_login(username, password))
        dialogue.ask(Step.AUTH, lambda: wire.docmd("AUTH", f"PLAIN {response}"))
    elif "LOGIN" in offered:
        dialogue.ask(Step.AUTH, lambda: wire.docmd("AUTH", "LOGIN"), wanted=3)
        dialogue.ask(Step.AUTH, lambda: wire.docmd(base64_of(username)), wanted=3)
        dialogue.ask(Step.AUTH, lambda: wire.docmd(base64_of(password)))
    else:
        raise _permanent(f"{where} offers neither AUTH PLAIN nor LOGIN: ask its operator for one of them")


def _permanent(text: str) -> DeliveryError:
    return DeliveryError(Outcome.PERMANENT, text)
