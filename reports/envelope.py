"""What every mail is made of: its headers, a text, and HTML with its style inside."""

import re
from collections.abc import Iterable
from email.message import EmailMessage
from email.policy import SMTP

import css_inline

from reports.templating import asset, render
from reports.words import Words

# 7bit: relays that know nothing else take it unchanged.
_POLICY = SMTP.clone(cte_type="7bit")
_INLINER = css_inline.CSSInliner(keep_at_rules=True, load_remote_stylesheets=False)


def envelope(text: str, headers: Iterable[tuple[str, object]]) -> EmailMessage:
    """A mail of a text alone; raises ValueError for an address with a line end."""
    mail = EmailMessage(policy=_POLICY)
    mail.set_content(text)
    for name, value in headers:  # set_content takes Content-… headers away
        mail[name] = value
    return mail


def mail_html(template: str, words: Words, **facts: object) -> str:
    """The HTML part of a mail from its template, with the style sheet of all mails."""
    return _INLINER.inline(render(template, words, style=asset("mail.css"), **facts).lstrip())


def atom(text: str) -> str:
    """The text with only the characters that an id may have."""
    return re.sub(r"[^A-Za-z0-9-]+", "-", text).strip("-") or "-"
