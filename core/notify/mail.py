"""A message as mail, by SMTP with STARTTLS or TLS; the server's certificate is checked against its name."""

from __future__ import annotations

import smtplib
import socket
import ssl
from email.message import EmailMessage
from email.utils import formatdate, make_msgid

import httpcore2

from core.notify.addresses import connect, describe_trouble
from core.notify.messages import Message
from core.notify.settings import Mail, NotifyError, Settings, may_reach_local

SECONDS = 10.0  # for each step
# What this machine calls itself: its name is nobody's business, and looking it up may take as long as a lost network.
CALLED = "[127.0.0.1]"


class _Checked(smtplib.SMTP):
    """Connects to addresses that were checked; `_get_socket` is the step that smtplib's own SMTP_SSL replaces too."""

    local = False

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        return connect(host, port, timeout, local=self.local)


class _CheckedTls(smtplib.SMTP_SSL, _Checked):
    """The same, encrypted from the first byte."""


def send_mail(message: Message, settings: Settings) -> None:
    """Sends it once. Raises NotifyError."""
    mail = settings.mail
    assert mail
    context = httpcore2.default_ssl_context()
    try:
        with _open(mail, may_reach_local(settings), context) as server:
            if mail.security == "starttls":
                server.starttls(context=context)
            if mail.user:
                server.login(mail.user, mail.password.get_secret_value())
            server.send_message(write_mail(message, mail, settings.lab_address))
    except (smtplib.SMTPException, OSError) as error:
        raise _explain(error) from None


def _open(mail: Mail, local: bool, context: ssl.SSLContext) -> smtplib.SMTP:
    server: _Checked
    if mail.security == "tls":
        server = _CheckedTls(local_hostname=CALLED, timeout=SECONDS, context=context)
    else:
        server = _Checked(local_hostname=CALLED, timeout=SECONDS)
    server.local = local
    # The name that TLS checks: smtplib sets it only where its constructor connects.
    server._host = mail.host  # type: ignore[attr-defined]
    server.connect(mail.host, mail.usual_port)
    return server


def write_mail(message: Message, mail: Mail, lab_address: str) -> EmailMessage:
    """The message as plain text."""
    written = EmailMessage()
    written["Subject"] = message.title
    written["From"] = mail.sender
    written["To"] = ", ".join(mail.to)
    written["Date"] = formatdate(message.time)
    written["Message-ID"] = make_msgid(domain=mail.sender.rpartition("@")[2])
    written["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's absence note answers it
    link = message.link(lab_address)
    written.set_content("\n".join([*message.lines, *(["", link] if link else [])]) + "\n")
    return written


def _explain(error: Exception) -> NotifyError:
    """A sentence without what the server said, which may repeat addresses and names."""
    match error:
        case smtplib.SMTPAuthenticationError():
            return NotifyError(f"The mail server did not take the user and password ({error.smtp_code}).")
        case smtplib.SMTPSenderRefused():
            return _answered(error.smtp_code, "did not take the sender's address")
        case smtplib.SMTPRecipientsRefused():
            codes = [code for code, _ in error.recipients.values()]
            return _answered(min(codes, default=550), "took none of the receivers")
        case smtplib.SMTPResponseException():
            return _answered(error.smtp_code, "did not take the message")
        case smtplib.SMTPNotSupportedError():
            return NotifyError("The mail server does not offer STARTTLS, or no sign-in that is known here.")
        case smtplib.SMTPServerDisconnected():
            return NotifyError("The mail server ended the connection.", passes=True)
        case ssl.SSLCertVerificationError():
            return NotifyError("Its certificate is not trusted, or not for this name.")
        case ssl.SSLError():
            return NotifyError("It does not speak TLS here: the port and the kind of encryption must fit.")
        case OSError() if not isinstance(error, smtplib.SMTPException):
            return describe_trouble(error)
    return NotifyError("The mail server answered something else than SMTP.")


def _answered(code: int, what: str) -> NotifyError:
    # Codes of 400 to 499 ask to try again later (RFC 5321).
    return NotifyError(f"The mail server {what} ({code}).", passes=400 <= code < 500)
