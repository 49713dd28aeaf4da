"""Images are found by their names."""

from core.data.source import find_images


def test_images_are_found_by_name_or_by_number() -> None:
    assert find_images(["b.png", "a.png", "c.png"], 3, {"c.png", "b.png", "gone.png"}).tolist() == [0, 2]
    assert find_images((), 20, {"12", "3", "20"}).tolist() == [3, 12]
    assert find_images((), 20, ()).tolist() == []
