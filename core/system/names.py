"""Names of files and folders as text that can be shown, compared and stored.

A name on a disk is bytes. Those that are no UTF-8 reach Python as lone surrogates, which nothing can write; and one
word may be spelt in several Unicode forms, which look the same.
"""

from __future__ import annotations


def readable(text: str) -> str:
    r"""Text that can be written as UTF-8: each byte that was none is shown by its number, as `caf\xe9`."""
    if text.isascii():
        return text
    try:
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:  # half a character that was no byte of a name
        return text.encode("utf-8", "backslashreplace").decode("utf-8")


def canonical(name: str) -> str:
    """A name as text, the same for all its Unicode forms (NFC): macOS writes `é` as two characters, others as one."""
    from unicodedata import normalize  # a megabyte, which waiting workers need not hold

    return normalize("NFC", readable(name))
