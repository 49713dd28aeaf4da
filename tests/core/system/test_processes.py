"""A recorded process is told from another with its id; `tests/faults/test_processes.py` holds the attacks."""

import os
import subprocess

from core.system.processes import identify, is_same, kill


def test_a_process_is_the_same_until_it_ends() -> None:
    with subprocess.Popen(["sleep", "60"]) as process:
        recorded = identify(process.pid)
        assert recorded
        assert is_same(recorded)
        earlier = recorded | {"started": recorded["started"] - 1}  # another process that had this id
        assert not is_same(earlier)
        assert not kill(earlier)
        assert process.poll() is None
        assert kill(recorded)
        assert process.wait(10) == -9
    assert identify(process.pid) is None
    assert not kill(recorded)


def test_what_is_no_record_is_no_process() -> None:
    assert not is_same(None)
    assert not is_same({"pid": 1})
    assert not is_same({"pid": str(os.getpid())})
