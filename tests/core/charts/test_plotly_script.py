"""The installed plotly.js keeps the kinds of traces that the charts have; one of another form is left whole."""

from __future__ import annotations

import re

from core.charts.plotly_script import FILE, KINDS, NAME, keep_kinds, read_script
from core.system.folders import PROJECT

# What a "type" names in figures beside traces: axes and shapes.
OTHER_TYPES = {"category", "data", "date", "line", "linear", "log", "rect", "path", "circle"}


def test_the_installed_script_is_the_same_but_for_its_list_of_kinds() -> None:
    whole, kept = FILE.read_text(encoding="utf-8"), read_script()
    calls = re.compile(r"(?<=\.register\(\[)[\w$(),]*(?=\]\);)")
    assert calls.sub("", whole) == calls.sub("", kept)
    (all_kinds,), (ours,) = calls.findall(whole), calls.findall(kept)
    assert len(ours.split(",")) == len(KINDS)
    assert set(ours.split(",")) < set(all_kinds.split(","))


def test_its_name_tells_the_kinds() -> None:
    assert all(f"-{kind}" in NAME for kind in KINDS)


def test_every_kind_that_a_figure_of_ours_has_is_kept() -> None:
    kinds = {
        kind
        for folder in ("core", "pages")
        for path in (PROJECT / folder).rglob("*.py")
        for kind in re.findall(r'"type": "([a-z0-9]+)"', path.read_text(encoding="utf-8"))
    }
    assert kinds >= {"scatter", "bar", "heatmap", "contour"}
    assert kinds - OTHER_TYPES - {"scatter"} <= set(KINDS)


def test_a_script_of_another_form_is_left_whole() -> None:
    modules = (
        'var a=W((e,t)=>{"use strict";t.exports=b()});var b=W((e,t)=>{t.exports={moduleType:"trace",name:"bar"}});'
        'var c=W((e,t)=>{t.exports={moduleType:"trace",name:"contour"}});'
        'var d=W((e,t)=>{t.exports={moduleType:"trace",name:"heatmap"}});'
        'var f=W((e,t)=>{t.exports={moduleType:"trace",name:"pie"}});'
    )
    assert keep_kinds(f"{modules}x.register([f(),d(),c(),a()]);") == f"{modules}x.register([a(),c(),d()]);"
    for other in ("x.register([f(),d(),c()]);", "x.registerAll(f(),d(),c(),a());", "x.register([a,c,d]);"):
        assert keep_kinds(modules + other) == modules + other
