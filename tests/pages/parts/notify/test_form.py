"""Lab sets who is told, tries it, and gives no secret back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from core.notify.events import settings_path
from core.notify.settings import LOCAL, Settings, parse_settings, read_settings, save_settings
from tests.core.workers import wait_for
from tests.pages.conftest import component_data, labels, press, texts
from tests.receivers import Hook, serving

Open = Callable[..., AppTest]


@pytest.fixture
def hook() -> Iterator[Hook]:
    with serving(Hook()) as server:
        yield server


def save(page: AppTest, part: str) -> AppTest:
    next(button for button in page.button if button.key == f"notify.save_{part}").click().run()
    assert not page.exception, page.exception
    return page


def test_ends_figures_and_the_labs_address_are_set_and_kept(open_page: Open) -> None:
    page = open_page("lab")
    page.text_input(key="notify.val/accuracy").set_value("90.1")
    page.text_input(key="notify.val/loss").set_value("0.25")
    page.text_input(key="notify.lab_address").set_value("https://lab.example.org/")
    page.checkbox(key="notify.trials").check()
    assert "Saved." in texts(save(page, "what"))
    kept = read_settings()
    assert kept.figures == {"val/accuracy": 0.901, "val/loss": 0.25}
    assert (kept.lab_address, kept.trials, kept.allow_local) == ("https://lab.example.org", True, False)
    assert kept.events == ("finished", "failed", "given_up", "figure")
    again = open_page("lab")
    assert again.text_input(key="notify.val/accuracy").value == "90.1"
    assert again.text_input(key="notify.test/accuracy").value == ""


def everything_sent(page: AppTest) -> str:
    """All that the page's elements hold, as the browser gets it."""

    def walk(node: Any) -> Iterator[str]:
        yield str(getattr(node, "proto", ""))
        for child in getattr(node, "children", {}).values():
            yield from walk(child)

    sent = "\n".join(walk(page._tree))
    assert "Mail server" in sent, "the search finds what there is"
    return sent


def test_a_webhook_is_set_tried_and_removed_and_its_address_never_comes_back(open_page: Open, hook: Hook) -> None:
    save_settings(Settings(allow_local=True))
    page = open_page("lab")
    page.text_input(key="notify.webhook.address").set_value(f"{hook.url}/secret-token")
    save(page, "webhook")
    assert page.text_input(key="notify.webhook.address").value == ""
    assert "secret-token" not in everything_sent(page)
    assert page.text_input(key="notify.webhook.address").placeholder == "kept, at 127.0.0.1"
    press(page, "Send a test")
    wait_for(page.session_state["notify.jobs"]["webhook"].is_over)
    page.run()
    assert hook.titles() == ["ResNet Lab: a test"]
    assert "Webhook delivered: ResNet Lab: a test, just now" in texts(page)
    save(page, "webhook")  # with the field left empty
    assert read_settings().webhook.address.get_secret_value() == f"{hook.url}/secret-token"
    press(page, "Remove")
    assert read_settings().channels == ()
    assert "Send a test" not in labels(page)


def test_mail_is_set_and_a_password_is_kept_until_it_is_replaced(open_page: Open) -> None:
    page = open_page("lab")
    typed = {"host": "mail.example.org", "user": "ann", "password": "very-secret", "sender": "lab@example.org"}
    for name, value in {**typed, "to": "ann@example.org, bob@example.org"}.items():
        page.text_input(key=f"notify.mail.{name}").set_value(value)
    save(page, "mail")
    mail = read_settings().mail
    assert (mail.to, mail.usual_port) == (("ann@example.org", "bob@example.org"), 587)
    assert "very-secret" not in everything_sent(page)
    page.selectbox(key="notify.mail.security").set_value("tls")
    save(page, "mail")
    mail = read_settings().mail
    assert (mail.password.get_secret_value(), mail.usual_port) == ("very-secret", 465)
    page.text_input(key="notify.mail.user").set_value("")
    save(page, "mail")
    assert read_settings().mail.password.get_secret_value() == ""


def test_what_cannot_be_used_is_told_at_its_place_and_nothing_is_kept(open_page: Open) -> None:
    page = open_page("lab")
    page.text_input(key="notify.webhook.address").set_value("http://example.org/secret-token")
    text = texts(save(page, "webhook"))
    assert "Address must begin with https://, unless local addresses are allowed." in text
    assert "secret-token" not in everything_sent(page)
    assert read_settings() == Settings()


@pytest.mark.parametrize(
    ("figure", "typed", "problem"),
    [
        ("val/accuracy", "901", "Validation accuracy above, % must be from 0 to 100"),
        ("test/accuracy", "-1", "must be from 0 to 100"),
        ("val/loss", "-0.25", "Validation loss below must be at least 0"),
    ],
)
def test_a_figure_that_cannot_be_is_refused_in_the_words_of_its_box(
    open_page: Open, figure: str, typed: str, problem: str
) -> None:
    page = open_page("lab")
    page.text_input(key=f"notify.{figure}").set_value(typed)
    text = texts(save(page, "what"))
    assert problem in text
    assert read_settings() == Settings()


def test_a_test_that_fails_says_why(open_page: Open, hook: Hook) -> None:
    webhook = {"address": f"{hook.url}/secret-token"}
    save_settings(parse_settings({"allow_local": True, "webhook": webhook}))
    hook.answers = [404]
    page = open_page("lab")
    press(page, "Send a test")
    wait_for(page.session_state["notify.jobs"]["webhook"].is_over)
    page.run()
    said = texts(page)
    assert "Not delivered: ResNet Lab: a test, just now. It answered 404: the webhook was removed" in said
    assert said.count("It answered 404") == 1


def test_where_people_sign_in_nobody_can_allow_the_machines_network(
    open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(LOCAL, "no")
    page = open_page("lab")
    assert "notify.allow_local" not in [box.key for box in page.checkbox]
    save(page, "what")
    assert not read_settings().allow_local


def test_settings_that_cannot_be_read_are_told(open_page: Open) -> None:
    save_settings(Settings())
    settings_path().write_text('{"webhook": {"address": "ftp://secret-token"}}')
    page = open_page("lab")
    assert "What was set cannot be used, so nobody is told: webhook.address: is no address" in texts(page)
    assert "secret-token" not in everything_sent(page)


def test_the_browser_is_asked_by_a_click_only(open_page: Open) -> None:
    assert component_data(open_page("lab"), "resnet_lab_permission") == [{}]
