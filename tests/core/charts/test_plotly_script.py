"""The installed plotly.js keeps the kinds of traces that the charts have; one of another form is left whole."""

from __future__ import annotations

import re

from core.charts.plotly_script import FILE, KINDS, NAME, keep_kinds, leave_out_unused, read_script
from core.system.folders import PROJECT

# What a "type" names in figures beside traces: axes and shapes.
OTHER_TYPES = {"category", "data", "date", "line", "linear", "log", "rect", "path", "circle"}


def test_the_installed_script_is_the_same_but_for_its_list_of_kinds() -> None:
    whole = FILE.read_text(encoding="utf-8")
    kept = keep_kinds(whole)
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


def test_what_the_installed_script_does_not_use_is_left_out_and_no_name_of_it_stays() -> None:
    whole, kept = FILE.read_text(encoding="utf-8"), read_script()
    assert len(kept) < 0.3 * len(whole)
    module = re.compile(r"\bvar ([\w$]+)=W\(")
    gone = set(module.findall(whole)) - set(module.findall(kept))
    assert len(gone) > 500
    assert len(module.findall(kept)) + len(gone) == len(module.findall(whole))
    assert not gone & set(re.findall(r"[\w$]+", kept))
    assert kept.startswith(whole[:200])
    assert kept.endswith(whole[-200:])
    # The licences of all that is bundled stand at the end.
    assert kept.count("license") > 10


WRAPPER = "var W=(e,t)=>()=>{try{return t||e((t={exports:{}}).exports,t),t.exports}catch(r){throw t=0,r}};"


def test_a_module_goes_where_nothing_that_stays_names_it() -> None:
    used, inner = "var a=W((e,t)=>{t.exports=b()});", "var b=W(e=>{e.x=1});"
    unused, only_by_unused = "var c=W((e,t)=>{t.exports=d()});", "var d=W((e,t)=>{t.exports=a()});"
    last = "var f=W((e,t)=>{t.exports=2});x=a();"
    whole = WRAPPER + used + unused + inner + only_by_unused + last
    assert leave_out_unused(whole) == WRAPPER + used + inner + last


def test_modules_of_other_forms_stay_and_what_they_name() -> None:
    plain = "var c=W((e,t)=>{t.exports=2});"
    own = "var d=W((e,t)=>{t.exports=3});function g(){return c()}var h=Z(()=>{g()});var k=W((e,t)=>{});x=1;"
    assert leave_out_unused(WRAPPER + plain + own) == WRAPPER + plain + own
    assert leave_out_unused(plain + own) == plain + own
