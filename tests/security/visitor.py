"""A visitor as a browser is one: cookies, the sign-in's redirects, and the page's own messages; it shows them all."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Self

import httpx2
import oidc_provider_mock
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.lab_server import LabServer, serve_lab

SECONDS = 60
PEOPLE = {
    "ann": {"email": "Ann@example.org", "email_verified": True},
    "bob": {"email": "bob@example.org", "email_verified": True},
    "mallory": {"email": "mallory@example.org", "email_verified": False},
    "eve": {"email": "eve@evil.example", "email_verified": True},
}


@contextmanager
def serve_with_sign_in(
    folder: Path, allowed: Sequence[str] = ("@example.org",), lab: LabServer | None = None, **auth: Any
) -> Iterator[LabServer]:
    """A lab at `localhost` whose visitors sign in at a real OpenID provider, which knows PEOPLE."""
    people = [oidc_provider_mock.User(sub=name, claims=claims) for name, claims in PEOPLE.items()]
    folder.mkdir(parents=True, exist_ok=True)
    with oidc_provider_mock.run_server_in_thread(user_claims=people) as provider:
        lab = lab or LabServer(folder)
        lab.url = f"http://localhost:{lab.port}"
        settings = {
            "redirect_uri": f"{lab.url}/oauth2callback",
            "cookie_secret": secrets.token_hex(32),
            "client_id": "lab",
            "client_secret": "any",
            "server_metadata_url": f"http://localhost:{provider.server_port}/.well-known/openid-configuration",
            "allowed": list(allowed),
            **auth,
        }
        secret = folder / "secrets.toml"
        secret.write_text("[auth]\n" + "".join(f"{key} = {value!r}\n" for key, value in settings.items()))
        with serve_lab(folder, server=lab, STREAMLIT_SECRETS_FILES=str(secret)):
            yield lab


class Visitor:
    """One browser: its tabs share its cookies."""

    def __init__(self, lab: LabServer, cookies: dict[str, str] | None = None) -> None:
        self.lab = lab
        self.http = httpx2.Client(base_url=lab.url, timeout=SECONDS)
        self._copied = cookies
        self.get("/_stcore/health")  # gives the cookie that Streamlit checks its pages' messages by

    def get(self, path: str) -> httpx2.Response:
        return self.http.get(path)

    @property
    def cookies(self) -> dict[str, str]:
        return self._copied or dict(self.http.cookies)

    def open_tab(self) -> Tab:
        return Tab(self)

    def sign_in(self, name: str) -> Self:
        """The whole way: the button of the page, the provider's form, and back."""
        with self.open_tab() as tab:
            tab.run("build")
            url = tab.press("Sign in")
        answer = self.get(url)
        answer = self.http.post(answer.headers["location"], data={"sub": name})
        answer = self.get(answer.headers["location"])
        assert answer.status_code == 302, answer.text
        return self

    def sign_out(self) -> None:
        self.get("/auth/logout")


class Tab:
    """One open page."""

    def __init__(self, visitor: Visitor) -> None:
        cookies = visitor.cookies
        self.lab = visitor.lab
        self.buttons: dict[str, str] = {}
        self._open = ExitStack()
        talk = connect(
            f"{self.lab.url.replace('http', 'ws')}/_stcore/stream",
            origin=self.lab.url,  # type: ignore[arg-type]
            subprotocols=["streamlit", cookies.get("_streamlit_xsrf", "none")],  # type: ignore[list-item]
            additional_headers={"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())},
            max_size=None,
        )
        self.socket = self._open.enter_context(talk)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def send(self, message: BackMsg) -> None:
        self.socket.send(message.SerializeToString())

    def run(self, page: str, query: str = "", **client_state: Any) -> list[ForwardMsg]:
        """Runs a page, or its fragment; all that the server said to it. Raises ConnectionClosed where it hung up."""
        message = BackMsg()
        message.rerun_script.page_name = page
        message.rerun_script.query_string = query
        for name, value in client_state.items():
            setattr(message.rerun_script, name, value)
        self.send(message)
        return self.listen()

    def listen(self) -> list[ForwardMsg]:
        """What the server says until the page has run; a page that leads to another has not."""
        said: list[ForwardMsg] = []
        while True:
            frame = self.socket.recv(timeout=SECONDS)
            assert isinstance(frame, bytes)
            reply = ForwardMsg.FromString(frame)
            said.append(reply)
            element = reply.delta.new_element
            if element.WhichOneof("type") == "button":
                self.buttons[element.button.label] = element.button.id
            finished = reply.WhichOneof("type") == "script_finished"
            if finished and reply.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN:
                return said

    def click(self, button_id: str, page: str = "", query: str = "") -> list[ForwardMsg]:
        message = BackMsg()
        message.rerun_script.page_name = page
        message.rerun_script.query_string = query
        message.rerun_script.widget_states.widgets.add(id=button_id, trigger_value=True)
        self.send(message)
        return self.listen()

    def press(self, label: str) -> str:
        """Presses a button that leads away; the address it leads to."""
        said = self.click(self.buttons[label])
        return next(each.auth_redirect.url for each in said if each.WhichOneof("type") == "auth_redirect")

    def is_hung_up(self) -> bool:
        """Whether the server ends the talk instead of answering."""
        try:
            while True:
                self.socket.recv(timeout=SECONDS)
        except ConnectionClosed as closed:
            return closed.rcvd is not None and closed.rcvd.code == 1008


def spell_out(said: Sequence[ForwardMsg]) -> str:
    """Every text that a browser was sent."""
    return "\n".join(str(each) for each in said)
