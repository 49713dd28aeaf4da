"""Rows name who holds a device or a node, as text."""

from __future__ import annotations

from pages.parts.lab.rows import draw_bar, link_run, list_holders, name_wanted
from tests.pages.sample_runs import make_run


def test_holders_are_links_by_their_names_and_unknown_ones_by_their_ids() -> None:
    run = make_run(name="<b>mine</b>").summary()
    text = list_holders((run.id, "20990101-000000-000-abcdef"), {run.id: run})
    assert f'href="run?id={run.id}">&lt;b&gt;mine&lt;/b&gt;</a><br>' in text
    assert ">20990101-000000-000-abcdef</a>" in text


def test_what_nobody_holds_is_free() -> None:
    assert ">free</span>" in list_holders((), {})


def test_a_bar_is_as_long_as_what_it_says() -> None:
    assert 'style="width:25.0%"' in draw_bar("GPUs", 0.25, "1 of 4 taken")
    assert 'href="run?id=a"' in link_run("a", "name", "")


def test_what_a_run_waits_for_is_named_in_words() -> None:
    wanted = ("cuda:1", "cluster:auto", "cluster:cuda", "cluster")
    assert [name_wanted(device) for device in wanted] == ["cuda:1", "the cluster", "cuda on the cluster", "the cluster"]
