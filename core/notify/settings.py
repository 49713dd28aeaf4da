"""Who is told, of what, and how: one file that only its owner reads, because it holds addresses that are secrets.

Whoever knows the address of a webhook can write to its channel. Such text is a `SecretStr`: what is printed, logged or
raised shows asterisks, and only the sender and `save_settings` ask for the value.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_core import PydanticCustomError

from core.notify.events import DEFAULT_EVENTS, EVENTS, settings_path
from core.spec.parse import FieldProblem
from core.system import files
from core.system.errors import LabError
from core.system.locks import hold

# For whoever starts the server: "yes" allows this machine and its own network, anything else forbids it. Where it is
# not set the settings decide. See docs/NOTIFICATIONS.md.
LOCAL = "RESNET_LAB_NOTIFY_LOCAL"

Form = Literal["json", "slack", "discord"]
Security = Literal["starttls", "tls", "none"]
FORMS: Mapping[Form, str] = {"json": "JSON", "slack": "Slack", "discord": "Discord"}
SECURITIES: Mapping[Security, str] = {"starttls": "STARTTLS", "tls": "TLS", "none": "None"}
PORTS: Mapping[Security, int] = {"starttls": 587, "tls": 465, "none": 25}
MAX_TEXT = 2000
MAX_RECEIVERS = 20
# One @, no spaces, controls, quotes or commas: what a header can carry and a mail server takes.
_MAILBOX = re.compile(r"[^\s@<>,;:\"()\[\]\\]{1,64}@[A-Za-z0-9.-]{1,253}")
_HOST = re.compile(r"[A-Za-z0-9.-]{1,253}|[0-9A-Fa-f:.]{2,45}")


class NotifyError(LabError):
    """A setting that cannot be kept, or a message that could not be sent. The sentence holds no secret.

    `passes` says whether another try may succeed.
    """

    def __init__(self, sentence: str, passes: bool = False) -> None:
        super().__init__(sentence)
        self.passes = passes

    def __reduce__(self) -> tuple[type[NotifyError], tuple[str, bool]]:
        return type(self), (str(self), self.passes)


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, hide_input_in_errors=True)


class SettingsError(NotifyError):
    """Settings that cannot be kept; `problems` holds one entry a field, never with its value."""

    def __init__(self, problems: list[FieldProblem]) -> None:
        self.problems = problems
        super().__init__("\n".join(map(str, problems)))

    def __reduce__(self) -> tuple[type[SettingsError], tuple[list[FieldProblem]]]:  # type: ignore[override]
        return type(self), (self.problems,)


def _refuse(message: str, path: str = "") -> PydanticCustomError:
    """`path` is the field, where a check looks at several."""
    return PydanticCustomError("problem", "{message}", {"message": message, "path": path})


class Webhook(_Strict):
    """An address that takes a message by POST."""

    form: Form = "json"
    address: SecretStr

    @field_validator("address")
    @classmethod
    def _check(cls, value: SecretStr) -> SecretStr:
        text = value.get_secret_value()
        if not 1 <= len(text) <= MAX_TEXT or not text.isascii() or any(not 33 <= ord(each) <= 126 for each in text):
            raise _refuse(f"must be 1 to {MAX_TEXT:,} ASCII characters without spaces")
        try:
            parts = urlsplit(text)
            port = parts.port
        except ValueError:
            raise _refuse("is no address, as https://host/path is") from None
        if parts.scheme not in ("https", "http") or not _HOST.fullmatch(parts.hostname or "") or port == 0:
            raise _refuse("is no address, as https://host/path is")
        if parts.username is not None or parts.password is not None:
            raise _refuse("must not hold a name or a password before the host")
        return value

    @property
    def host(self) -> str:
        """All of the address that may be shown."""
        return urlsplit(self.address.get_secret_value()).hostname or ""

    @property
    def is_encrypted(self) -> bool:
        return urlsplit(self.address.get_secret_value()).scheme == "https"


class Mail(_Strict):
    """A mail server, and whom it is asked to write to."""

    host: str
    port: int | None = Field(None, ge=1, le=65535)  # None is the usual one
    security: Security = "starttls"
    user: str = Field("", max_length=MAX_TEXT)
    password: SecretStr = SecretStr("")
    sender: str
    to: tuple[str, ...] = Field(min_length=1, max_length=MAX_RECEIVERS)

    @property
    def usual_port(self) -> int:
        return self.port or PORTS[self.security]

    @field_validator("host")
    @classmethod
    def _check_host(cls, value: str) -> str:
        if not _HOST.fullmatch(value):
            raise _refuse("must be the name or address of a mail server")
        return value

    @field_validator("user")
    @classmethod
    def _check_user(cls, value: str) -> str:
        if not value.isprintable():
            raise _refuse("must not hold control characters")
        return value

    @field_validator("password")
    @classmethod
    def _check_password(cls, value: SecretStr) -> SecretStr:
        text = value.get_secret_value()
        if len(text) > MAX_TEXT or not text.isascii() or not (text == "" or text.isprintable()):
            raise _refuse(f"must be at most {MAX_TEXT:,} printable ASCII characters")
        return value

    @field_validator("sender", "to")
    @classmethod
    def _check_mailbox(cls, value: Any) -> Any:
        for mailbox in (value,) if isinstance(value, str) else value:
            if not _MAILBOX.fullmatch(mailbox) or not mailbox.isascii():
                raise _refuse("must be a mail address, as ann@example.org is")
        return value


class Settings(_Strict):
    """What is told to whom. Nothing is sent before a webhook or a mail server is named."""

    events: tuple[str, ...] = DEFAULT_EVENTS
    trials: bool = False  # the runs of a study too
    figures: dict[str, float] = {}  # the figures to be beaten, see `core.notify.messages`
    webhook: Webhook | None = None
    mail: Mail | None = None
    lab_address: str = ""  # where people reach the lab's pages
    allow_local: bool = False

    @field_validator("events")
    @classmethod
    def _check_events(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if unknown := [event for event in value if event not in EVENTS]:
            raise _refuse(f"{unknown[0][:40]} is none of {', '.join(EVENTS)}")
        return tuple(dict.fromkeys(value))

    @field_validator("figures")
    @classmethod
    def _check_figures(cls, value: dict[str, float]) -> dict[str, float]:
        from core.notify.messages import FIGURES

        for name, threshold in value.items():
            if name not in FIGURES:
                raise _refuse(f"{name[:40]} is none of {', '.join(FIGURES)}")
            if threshold < 0 or (FIGURES[name].is_share and threshold > 1):
                raise _refuse(f"{name} must be {'0 to 1' if FIGURES[name].is_share else 'at least 0'}")
        return value

    @field_validator("lab_address")
    @classmethod
    def _check_address(cls, value: str) -> str:
        value = value.strip().rstrip("/")
        if value and (not re.fullmatch(r"https?://[!-~]{1,500}", value) or urlsplit(value).query):
            raise _refuse("must be where people reach the lab, as https://lab.example.org is")
        return value

    @model_validator(mode="after")
    def _check_encryption(self) -> Settings:
        """What leaves this machine's own network is encrypted."""
        is_local = may_reach_local(self)
        if self.webhook and not self.webhook.is_encrypted and not is_local:
            raise _refuse("must begin with https://, unless local addresses are allowed", "webhook.address")
        if self.mail and self.mail.security == "none":
            if not is_local:
                raise _refuse("must be STARTTLS or TLS, unless local addresses are allowed", "mail.security")
            if self.mail.password.get_secret_value():
                raise _refuse("is only sent over STARTTLS or TLS", "mail.password")
        if self.mail and bool(self.mail.user) != bool(self.mail.password.get_secret_value()):
            raise _refuse("name both a user and a password, or neither", "mail.password")
        return self

    @property
    def channels(self) -> tuple[str, ...]:
        """The names of the ways in which people are told."""
        return tuple(name for name in CHANNELS if getattr(self, name) is not None)


CHANNELS = {"webhook": "Webhook", "mail": "Mail"}


def parse_settings(values: Mapping[str, Any]) -> Settings:
    """Checked settings. Raises SettingsError."""
    try:
        return Settings.model_validate(dict(values))
    except ValidationError as error:
        raise SettingsError(list(map(_explain, error.errors(include_input=False)))) from None


def _explain(problem: Any) -> FieldProblem:
    place = ".".join(str(part) for part in problem["loc"])
    message = str(problem["msg"])
    if problem["type"] == "problem":
        place = problem["ctx"]["path"] or place
    elif problem["type"] == "missing" or (problem["type"], place) == ("too_short", "mail.to"):
        message = "is needed"
    elif problem["type"] == "extra_forbidden":
        # Its name may be a secret that was put in the wrong place.
        place, message = ".".join(str(part) for part in problem["loc"][:-1]) or "settings", "holds an unknown field"
    else:
        message = re.sub(r"^\w+ should", "must", message)
    return FieldProblem(place, message, missing=True)


def read_settings() -> Settings:
    """What is set; nothing to anybody where nothing is. Raises DamagedFileError, SettingsError."""
    noted = files.find_json(settings_path())
    return parse_settings(noted) if noted else Settings()


def save_settings(settings: Settings) -> None:
    """Keeps them in a file that no other user of this machine can read. Raises OSError, RunsFolderError."""
    path = settings_path()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with hold(path.parent / ".lock"):
        files.write_bytes(path, files.to_text(reveal(settings)), mode=0o600)


def reveal(settings: Settings) -> dict[str, Any]:
    """All values, secrets too: for the file alone."""
    values = json.loads(settings.model_dump_json(exclude_none=True))
    if settings.webhook:
        values["webhook"]["address"] = settings.webhook.address.get_secret_value()
    if settings.mail:
        values["mail"]["password"] = settings.mail.password.get_secret_value()
    return dict(values)


def show_settings(settings: Settings) -> dict[str, Any]:
    """What a page and a command may show: a webhook by its host alone, a password as whether there is one."""
    values: dict[str, Any] = json.loads(settings.model_dump_json(exclude={"webhook", "mail"}))
    mail, webhook = settings.mail, settings.webhook
    values["webhook"] = {"form": webhook.form, "host": webhook.host} if webhook else None
    values["mail"] = json.loads(mail.model_dump_json(exclude={"password"})) if mail else None
    if mail:
        values["mail"]["password_is_set"] = bool(mail.password.get_secret_value())
    return values


def may_reach_local(settings: Settings) -> bool:
    """Whether this machine and its own network may be reached."""
    said = os.environ.get(LOCAL, "").strip().lower()
    return said == "yes" if said else settings.allow_local


def change_settings(settings: Settings, changes: Mapping[str, Any]) -> Settings:
    """Settings with other values at paths such as `mail.to`; None takes a value out, at `webhook` or `mail` all of it.

    Raises SettingsError.
    """
    values = reveal(settings)
    for path, value in changes.items():
        section, _, name = path.partition(".")
        if not name:
            values[section] = value
        elif isinstance(owner := values.get(section) or {}, dict):
            values[section] = {key: each for key, each in {**owner, name: value}.items() if each is not None}
    mail, kept = values.get("mail"), settings.mail
    if isinstance(mail, dict) and kept and "mail.password" not in changes and _is_other_server(mail, kept):
        mail.pop("password", None)  # whoever names another server has to know it
    return parse_settings({key: value for key, value in values.items() if value is not None})


def _is_other_server(mail: Mapping[str, Any], kept: Mail) -> bool:
    before = kept.model_dump(mode="json")
    return any((mail.get(name) or "") != (before[name] or "") for name in ("host", "port", "user"))
