"""What a standalone `predict.py` does: reads images, asks its networks, and writes a table.

`core.export.standalone` puts it together with the engine's own code, as one file that needs only torch, and gives the
constants below the values of its networks: this module is material, and runs in no process of the lab.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import json
import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from core.data.leftovers import is_leftover
from core.data.own_images import sort_as_read
from core.engine.augment import normalize
from core.engine.data import resize
from core.engine.model import ResNet, build_model
from core.spec import ModelSpec
from core.system.names import readable
from core.text.safe import plain_cell, write_line


@dataclass(frozen=True)
class Member:
    """One network: its weights beside this file, and how images become what it was trained on."""

    file: str
    sha256: str
    model: ModelSpec
    side: int  # to which image files are brought
    image_size: int  # at which the network looks at them
    is_grey: bool
    num_channels: int  # 3, or 1 where images become grey
    ground: int  # grey value below transparent parts
    mean: tuple[float, ...]  # of each channel
    std: tuple[float, ...]


MEMBERS: tuple[Member, ...] = ()
CLASSES: tuple[str, ...] = ()
NUMBERS: tuple[int, ...] = ()  # that the set gives the classes: what --labels index writes
# Those of the lab, whatever Pillow can read here: numbers of images then are the lab's.
SUFFIXES = (
    *(".apng", ".avif", ".bmp", ".dib", ".gif", ".jfif", ".jif", ".jpe", ".jpeg"),
    *(".jpg", ".pbm", ".pgm", ".png", ".pnm", ".ppm", ".tif", ".tiff", ".webp"),
)
BATCH = 256
DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "U8": torch.uint8,
}


class InputError(Exception):
    """What was given cannot be used; the message is a sentence."""


def main() -> int:
    """Writes one line an image; 0 if all could be read."""
    arguments = parse_arguments()
    try:
        columns = read_columns(arguments)
        networks = [load_network(member, Path(__file__).parent) for member in MEMBERS]
        names, batches = open_images(Path(arguments.images))
        rows: list[list[object]] = []
        for start in range(0, len(names), BATCH):
            some = range(start, min(start + BATCH, len(names)))
            chances = predict(networks, [batches(some, member) for member in MEMBERS])
            rows += describe(names, some, chances, arguments)
        if arguments.columns:
            require_own_ids(rows, arguments.ids)
        write(rows if arguments.exact else guard(rows), columns, arguments.out)
    except (InputError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("images", help="a folder of images, one image, or an array (.npy) of shape (n, h, w, 3)")
    parser.add_argument("--out", help="a CSV file; without it the table is printed")
    parser.add_argument("--columns", help="two names with a comma between, such as ID,Label: a file to hand in")
    parser.add_argument("--ids", choices=("name", "stem", "number"), default="name", help="of that file")
    parser.add_argument("--labels", choices=("name", "index"), default="name", help="of that file")
    parser.add_argument(
        "--exact",
        action="store_true",
        help="names as they are; else one that a spreadsheet would run as a formula gets an apostrophe in front",
    )
    return parser.parse_args()


def read_columns(arguments: argparse.Namespace) -> list[str]:
    if not arguments.columns:
        return ["image", "class", "probability", "second_guess", "second_probability"]
    named = [part.strip() for part in arguments.columns.split(",")]
    if len(named) != 2 or not all(named):
        raise InputError(f"--columns {arguments.columns}: two names with a comma between, such as ID,Label.")
    return named


def load_network(member: Member, folder: Path) -> ResNet:
    """In evaluation mode, with the weights of its safetensors file. Raises InputError for another or a damaged file."""
    content = (folder / member.file).read_bytes()
    if hashlib.sha256(content).hexdigest() != member.sha256:
        raise InputError(f"{member.file} is not the file that came with this script, or it is damaged.")
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:end])
    body = bytearray(content[end:])
    weights = {}
    for name, entry in header.items():
        if name != "__metadata__":
            shape, (first, _) = entry["shape"], entry["data_offsets"]
            flat = torch.frombuffer(body, dtype=DTYPES[entry["dtype"]], count=math.prod(shape), offset=first)
            weights[name] = flat.reshape(shape)
    network = build_model(member.model, len(CLASSES), member.image_size, member.num_channels)
    network.load_state_dict(weights)
    network.to(memory_format=torch.channels_last).eval()
    return network


@torch.no_grad()
def predict(networks: list[ResNet], images: list[Tensor]) -> Tensor:
    """The mean of the networks' probabilities (n, classes), for bytes (n, 3, side, side) as each of them takes them."""
    chances = []
    for member, network, pixels in zip(MEMBERS, networks, images, strict=True):
        if member.is_grey or member.num_channels == 1:
            pixels = make_grey(pixels).expand(-1, member.num_channels, -1, -1)
        small = resize(pixels, member.image_size)
        chances.append(network(normalize(small, member.mean, member.std)).softmax(1))
    return torch.stack(chances).mean(0)


def make_grey(pixels: Tensor) -> Tensor:
    """(n, 3, h, w) bytes -> (n, 1, h, w), their brightness (ITU-R BT.601, as Pillow rounds it)."""
    red, green, blue = pixels.int().unbind(1)
    grey = (19595 * red + 38470 * green + 7471 * blue + 0x8000) >> 16
    return grey.to(torch.uint8)[:, None]


# Images ---------------------------------------------------------------------------------------------------------------


def open_images(path: Path) -> tuple[list[str], Callable[[range, Member], Tensor]]:
    """The names of the images, and a function that reads some of them as a member takes them. Raises InputError."""
    if path.suffix.lower() == ".npy":
        array = read_array(path)
        numbers = [str(index) for index in range(len(array))]
        return numbers, lambda some, member: fit(array[some.start : some.stop], member)
    if path.is_dir():
        files = [file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES and file.is_file()]
        relative = [file.relative_to(path) for file in files]
        seen = [name.as_posix() for name in relative if not any(map(is_leftover, name.parts))]
        names = sort_as_read(seen)
        paths = [path / name for name in names]
    elif path.is_file():
        names, paths = [path.name], [path]
    else:
        raise InputError(f"There is no {path}.")
    if not names:
        raise InputError(f"{path} holds no images ({', '.join(SUFFIXES)}).")
    return names, lambda some, member: torch.stack([decode(paths[index], member) for index in some])


def decode(path: Path, member: Member) -> Tensor:
    """An image file as bytes (3, side, side): upright, RGB, centre cropped. Raises InputError."""
    try:
        from PIL import Image, ImageOps
    except ImportError:
        raise InputError("To read image files, install pillow; arrays (.npy) are read without it.") from None
    size = (member.side, member.side)
    try:
        with Image.open(path) as image:
            image.draft("RGB", (2 * member.side, 2 * member.side))
            ImageOps.exif_transpose(image, in_place=True)
            if image.mode[0] in "IF":
                raise InputError(f"{path} has more than 8 bits a value: the lab itself reads such images.")
            rgb = image.convert("RGB")
            if image.has_transparency_data:
                colours = image.convert("RGBA")
                rgb = Image.new("RGB", image.size, (member.ground,) * 3)
                rgb.paste(colours, mask=colours.getchannel("A"))
    except (OSError, SyntaxError, ValueError) as error:
        raise InputError(f"{path} cannot be read: {error}") from None
    fitted = rgb if rgb.size == size else ImageOps.fit(rgb, size, Image.Resampling.BILINEAR)
    return torch.frombuffer(bytearray(fitted.tobytes()), dtype=torch.uint8).view(*size, 3).permute(2, 0, 1)


def read_array(path: Path) -> Tensor:
    """A .npy file as bytes (n, 3, h, w), without numpy. Raises InputError."""
    content = path.read_bytes()
    if content[:6] != b"\x93NUMPY" or len(content) < 12:
        raise InputError(f"{path} is no .npy file.")
    length = 2 if content[6] == 1 else 4
    start = 8 + length + int.from_bytes(content[8 : 8 + length], "little")
    try:
        header = ast.literal_eval(content[8 + length : start].decode("latin-1"))
        shape, kind, fortran = tuple(header["shape"]), header["descr"], header["fortran_order"]
    except (ValueError, SyntaxError, KeyError, TypeError):
        raise InputError(f"{path} is no .npy file that can be read.") from None
    dtype = {"|u1": torch.uint8, "<f4": torch.float32, "<f8": torch.float64}.get(kind)
    if dtype is None or fortran or len(shape) not in (3, 4) or 0 in shape:
        raise InputError(f"{path} holds {kind} values of shape {shape}: images are bytes (n, h, w, 3) or (n, h, w).")
    try:
        array = torch.frombuffer(bytearray(content[start:]), dtype=dtype, count=math.prod(shape)).reshape(shape)
    except (ValueError, RuntimeError):
        raise InputError(f"{path} ends too early for its shape {shape}.") from None
    if dtype != torch.uint8:
        if not (array.min() >= 0 and array.max() <= 1):
            raise InputError(f"{path} holds values from {array.min():g} to {array.max():g}: fractions are from 0 to 1.")
        array = (array.double() * 255).round().to(torch.uint8)
    if array.ndim == 3:
        array = array[..., None]
    if array.shape[3] not in (1, 3) and array.shape[1] in (1, 3):
        array = array.permute(0, 2, 3, 1)
    if array.shape[3] not in (1, 3):
        raise InputError(f"{path} has the shape {shape}: images are (n, h, w, 3), (n, h, w, 1) or (n, h, w).")
    return array.expand(-1, -1, -1, 3).permute(0, 3, 1, 2)


def fit(images: Tensor, member: Member) -> Tensor:
    """Bytes (n, 3, h, w) -> (n, 3, side, side): centre cropped to a square, then resized, as Pillow does it."""
    height, width = images.shape[2:]
    if height == width == member.side:
        return images
    across, down = (weigh(length, min(height, width), member.side) for length in (width, height))
    return to_bytes(down @ to_bytes(images.float() @ across.T).float())


def weigh(length: int, cropped: int, side: int) -> Tensor:
    """How much each of `length` pixels counts for each of `side`, (side, length), if the middle `cropped` are resized.

    Bilinear, with antialiasing when it shrinks; pixels beside the crop count at its edges.
    """
    step = cropped / side
    centres = (length - cropped) / 2 + step * (torch.arange(side) + 0.5)
    distances = (torch.arange(length) + 0.5 - centres[:, None]).abs() / max(step, 1.0)
    weights = (1 - distances).clamp(min=0)
    return weights / weights.sum(1, keepdim=True)


def to_bytes(values: Tensor) -> Tensor:
    return (values + 0.5).clamp(0, 255).to(torch.uint8)


# The table ------------------------------------------------------------------------------------------------------------


def describe(names: list[str], some: range, chances: Tensor, arguments: argparse.Namespace) -> list[list[object]]:
    """One row an image; two columns where a file to hand in is asked for."""
    values, guesses = chances.topk(2)
    rows: list[list[object]] = []
    for index, value, guess in zip(some, values.tolist(), guesses.tolist(), strict=True):
        if arguments.columns:
            ids = {"name": names[index], "stem": Path(names[index]).stem, "number": index}
            rows.append([ids[arguments.ids], CLASSES[guess[0]] if arguments.labels == "name" else NUMBERS[guess[0]]])
        else:
            rows.append([names[index], CLASSES[guess[0]], f"{value[0]:.6f}", CLASSES[guess[1]], f"{value[1]:.6f}"])
    return rows


def require_own_ids(rows: list[list[object]], kind: str) -> None:
    if len({row[0] for row in rows}) < len(rows):
        raise InputError(f"Several images have the same id by their {kind}; take their name or number as id.")


def guard(rows: list[list[object]]) -> list[list[object]]:
    """No name becomes a formula where the table is opened in a spreadsheet."""
    return [[plain_cell(cell) if isinstance(cell, str) else cell for cell in row] for row in rows]


def write(rows: list[list[object]], columns: list[str], out: str | None) -> None:
    lines = [write_line(columns)]
    for row in rows:  # a name that is no UTF-8 gets marks where it is none
        lines.append(write_line([readable(cell) if isinstance(cell, str) else cell for cell in row]))
    if out is None:
        sys.stdout.writelines(lines)
        return
    with open(out, "w", newline="", encoding="utf-8") as file:
        file.writelines(lines)


if __name__ == "__main__":
    sys.exit(main())
