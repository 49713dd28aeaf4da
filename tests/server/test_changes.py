"""A page is told of a change once, by an address of its own, and not more often than it wants."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator

import pytest
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.testclient import TestClient, WebSocketTestSession
from starlette.websockets import WebSocketDisconnect

from server import changes
from server.changes import ROUTE, UNKNOWN, Thing, Watch, register


class Counted:
    """What pages watch: counts how often it is looked at."""

    def __init__(self) -> None:
        self.value = 0
        self.looks = 0
        self.looked = threading.Condition()

    def look(self) -> int:
        with self.looked:
            self.looks += 1
            self.looked.notify_all()
            return self.value

    def wait(self, looks: int = 2) -> None:
        """Until it was looked at so many times more."""
        with self.looked:
            wanted = self.looks + looks
            assert self.looked.wait_for(lambda: self.looks >= wanted, 10)


@pytest.fixture
def client() -> Iterator[TestClient]:
    app = Starlette(routes=[WebSocketRoute(ROUTE + "/{token}", changes.tell_changes)])
    with TestClient(app) as client:
        yield client


def listen(client: TestClient, watch: Watch) -> WebSocketTestSession:
    return client.websocket_connect(register(watch))


def test_a_change_is_told_and_what_was_there_before_is_not(client: TestClient) -> None:
    thing = Counted()
    watch = Watch(Thing("thing", thing.look))
    with listen(client, watch) as socket:
        thing.wait()
        thing.value = 1
        assert socket.receive_text() == "changed"
        thing.wait()
        thing.value = 2
        assert socket.receive_text() == "changed"


def test_pages_that_watch_the_same_are_all_told_by_one_look(client: TestClient) -> None:
    thing = Counted()
    things = [Thing("thing", thing.look), Thing("thing", thing.look)]
    assert changes._look_all(things) == {"thing": 0}
    assert thing.looks == 1
    one, other = (Watch(each) for each in things)
    with listen(client, one) as first, listen(client, other) as last:
        thing.wait(3)
        thing.value = 1
        assert first.receive_text() == last.receive_text() == "changed"


def test_a_page_is_told_no_more_often_than_it_wants(client: TestClient) -> None:
    thing = Counted()
    gap = [0.0]
    watch = Watch(Thing("thing", thing.look), lambda: gap[0])
    with listen(client, watch) as socket:
        thing.wait()
        thing.value = 1
        assert socket.receive_text() == "changed"
        gap[0] = 1e9
        thing.value = 2
        thing.wait(3)
        assert next(iter(changes._listeners)).seen == 1
        gap[0] = 0.0
        assert socket.receive_text() == "changed"
        assert next(iter(changes._listeners)).seen == 2


def test_a_page_that_turned_to_another_thing_is_told_of_that_alone(client: TestClient) -> None:
    thing, other = Counted(), Counted()
    watch = Watch(Thing("thing", thing.look))
    with listen(client, watch) as socket:
        thing.wait()
        other.value = 7
        watch.thing = Thing("other", other.look)
        other.wait()
        other.value = 8
        assert socket.receive_text() == "changed"
        assert next(iter(changes._listeners)).seen == 8


def test_nobody_looks_once_all_have_left(client: TestClient) -> None:
    thing = Counted()
    watch = Watch(Thing("thing", thing.look))
    with listen(client, watch):
        thing.wait()
    assert not changes._listeners


def test_an_address_lives_as_long_as_its_page(client: TestClient) -> None:
    watch = Watch(Thing("thing", Counted().look))
    address = register(watch)
    del watch
    gc.collect()
    with client.websocket_connect(address) as socket, pytest.raises(WebSocketDisconnect) as closed:
        socket.receive_text()
    assert closed.value.code == UNKNOWN
