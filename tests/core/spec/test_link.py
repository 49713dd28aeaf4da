"""A link keeps the spec that it was given, and refuses what it cannot read."""

import base64
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.spec import DataSpec, LayerSpec, ModelSpec, RunSpec
from core.spec.link import from_link, pack, pack_data, to_link, unpack_data
from core.spec.parse import SpecError
from core.spec.presets import PRESETS
from tests.core.spec.reading import read_or_refuse, refusal_of
from tests.specs import specs


@given(st.text(st.characters()) | st.binary().map(lambda raw: base64.urlsafe_b64encode(zlib.compress(raw)).decode()))
@settings(max_examples=200, deadline=None)
def test_any_link_becomes_a_spec_or_a_sentence(text: str) -> None:
    assert isinstance(read_or_refuse(from_link, text), RunSpec | str)


@given(specs())
@settings(max_examples=60, deadline=None)
def test_any_spec_comes_back_equal_from_its_link(spec: RunSpec) -> None:
    link = to_link(spec)
    assert from_link(link) == spec
    assert link.isascii()
    assert set(link) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


def test_a_link_keeps_a_first_layer_that_halves_the_map() -> None:
    spec = RunSpec(model=ModelSpec(layers=(LayerSpec(stride=2), LayerSpec(stride=1))))
    assert from_link(to_link(spec)) == spec


def test_the_link_of_every_preset_fits_an_address_bar() -> None:
    assert max(len(to_link(preset.spec)) for preset in PRESETS.values()) < 700


def test_a_link_that_lost_or_gained_a_piece_is_called_damaged() -> None:
    link = to_link(PRESETS["report"].spec)
    told = {refusal_of(from_link, link[:cut]) for cut in range(len(link))} | {refusal_of(from_link, link + "AAAA")}
    assert told == {"the link is damaged: it holds no spec"}


def test_a_link_that_unpacks_to_gigabytes_is_refused() -> None:
    bomb = base64.urlsafe_b64encode(zlib.compress(b" " * 10**8, 9)).decode()
    assert "damaged" in refusal_of(from_link, bomb)


def test_a_choice_of_images_comes_back_from_its_link() -> None:
    plain, folder = DataSpec(dataset="cifar10"), DataSpec(dataset="folder", folder="/é b", val_fraction=0.2)
    assert pack_data(plain) == "cifar10"
    assert [unpack_data(pack_data(data)) for data in (plain, folder)] == [plain, folder]
    assert unpack_data(pack_data(DataSpec(split_seed=3))) == DataSpec(split_seed=3)
    for text in ("made-up", pack({"dataset": "folder", "folder_parts": "="}), pack({"made": "up"})):
        with pytest.raises(SpecError):
            unpack_data(text)
