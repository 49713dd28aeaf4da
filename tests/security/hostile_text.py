"""What people, or those who mean harm, write where a name is asked for. Each is to be shown as typed, and no more.

Whatever is fetched from `BEACON`, a dialog, or `window.pwned` tells that a text was taken for something else.
"""

from __future__ import annotations

BEACON = "beacon.example"
URL = f"https://{BEACON}/x.png"
_CODE = "alert(1);window.pwned=1"

HTML = (
    f"<script>{_CODE}</script>",
    f'<img src=x onerror="{_CODE}">',
    f'<img src="{URL}">',
    f'"><img src={URL}>',
    f"'><svg/onload={_CODE}>",
    f"</title></textarea></style><script>{_CODE}</script>",
    f'<iframe src="javascript:{_CODE}"></iframe>',
    f'<a href="javascript:{_CODE}">click</a>',
    f"<style>@import '{URL}';</style>",
    f'<link rel=stylesheet href="{URL}">',
    '<base href="https://beacon.example/">',
    f'<meta http-equiv=refresh content="0;url={URL}">',
    f"<details open ontoggle={_CODE}>",
    f"<math><mi//xlink:href=data:x,<script>{_CODE}</script>",
    f"<video><source onerror={_CODE}></video>",
    f"<form action={URL}><button>Delete",
    "<!-- not closed",
    "&lt;b&gt; &amp;amp; &#60;script&#62;",
    "<b>bold</b> <i>and</i> <h1>large",
    "<table><tr><td>",
    "</div></div></div>",
    "${7*7} {{7*7}} <%= 7*7 %> #{7*7}",
)
MARKDOWN = (
    f"![picture]({URL})",
    f"[link]({URL})",
    f"[click](javascript:{_CODE})",
    f"<{URL}>",
    f"{URL} www.beacon.example",
    "# heading",
    "**bold** _it_ ~~gone~~ `code`",
    "- a list\n- of two",
    "| a | b |\n| - | - |",
    "> quoted\n\nand not",
    "```\nfence\n```",
    "---",
    f"[1]: {URL}",
    "$x^2$ and $$\\frac{1}{0}$$",
    "$\\href{javascript:alert(1)}{x}$",
    f"$\\includegraphics{{{URL}}}$",
    ":red[red] :blue-background[x] :rainbow[y] :small[z]",
    ":material/delete: :streamlit: :smile: :+1:",
    ":red-badge[:material/error: Failed]",
    "\\*escaped\\* \\\\",
)
DIRECTIONS = (
    "\u202egnp.exe\u202c",
    "\u2067left\u2069 \u200eright",
    "\u202a\u202a\u202a\u202a never closed",
    "zero\u200bwidth\u200c\u200d\ufeff",
    "שלום world مرحبا",
    "pаypal (а is Cyrillic)",
    "Z\u0351\u034a\u030b\u0324a\u0300\u0301\u0302\u0303\u0304l" + "\u0335\u0336\u0337\u0338" * 20 + "go",
    "e\u0301 and é",
    "👩‍👩‍👧‍👦🏳️‍🌈" * 5,
    "\U000e0041\U000e0042 tags",
)
FORMULAS = (
    "=1+1",
    f'=HYPERLINK("{URL}","x")',
    "=cmd|' /C calc'!A0",
    "+1+1",
    "-1+cmd|' /C calc'!A0",
    "@SUM(1,1)",
    "\t=1+1",
    "\r=1+1",
    "＝1+1",
    '",=1+1,"',
)
TERMINAL = (
    "\x1b[31mred\x1b[0m",
    "\x1b[2J\x1b[H cleared",
    "\x1b]0;title\x07",
    "\x1b]8;;https://beacon.example\x1b\\link\x1b]8;;\x1b\\",
    "\x9b31m eight bits",
    "back\b\b\b\bspace",
    "carriage\rreturn",
    "bell\x07 null\x00 delete\x7f",
    "[red]rich[/red] [link=https://beacon.example]x[/link]",
    "[/] [[bold]] \\[x]",
    ":boom: :warning:",
)
LONG = (
    "x" * 200,
    "w i d e " * 25,
    "W" * 100 + "\n" * 50,
    "   spaces   around   ",
    "%{x} %{customdata} <extra></extra> {y:.2f}",
    "__proto__",
    "constructor",
    "null",
    "../../etc/passwd",
    "'; DROP TABLE runs; --",
)
ALL = (*HTML, *MARKDOWN, *DIRECTIONS, *FORMULAS, *TERMINAL, *LONG)
# Half of a character, as the command line makes of bytes that are no text: it can be stored nowhere.
HALVES = ("\udcff", "name \ud83d", "\udc00\ud800")
assert len(ALL) >= 60


def as_file_name(text: str) -> str:
    """As close as a folder's or file's name may come."""
    return text.replace("/", "\N{DIVISION SLASH}").replace("\0", "")[:60].strip(". ") or "x"
