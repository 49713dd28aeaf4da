"""A browser's part of a page's rerun without the drawing: the page server's own messages over its own socket."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect
from websockets.typing import Origin, Subprotocol

REPLY_SECONDS = 60


class PageClient:
    """One session of the page server. A rerun is timed from asking for it to the message that says it is finished."""

    def __init__(self, url: str) -> None:
        self._socket = connect(
            url.replace("http://", "ws://") + "/_stcore/stream",
            subprotocols=[Subprotocol("streamlit")],
            origin=Origin(url),
            max_size=None,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def rerun(self, page: str, query: str = "") -> tuple[float, int]:
        """Runs a page, by its address; returns the seconds it took and the bytes it sent. RuntimeError if it failed."""
        message = BackMsg()
        message.rerun_script.page_name = page
        message.rerun_script.query_string = query
        began, received = time.perf_counter(), 0
        self._socket.send(message.SerializeToString())
        while True:
            frame = self._socket.recv(timeout=REPLY_SECONDS)
            received += len(frame)
            reply = ForwardMsg.FromString(frame if isinstance(frame, bytes) else frame.encode())
            kind = reply.WhichOneof("type")
            if kind == "delta" and reply.delta.new_element.WhichOneof("type") == "exception":
                raise RuntimeError(f"{page}: {reply.delta.new_element.exception.message}")
            if kind == "script_finished" and reply.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY:
                return time.perf_counter() - began, received
