"""Run folders that were damaged, each in a way of its own."""

from core.runs.folder import Run


def damage_run(run: Run, kind: str) -> None:
    spec, about, ended = (run.path / name for name in ("spec.json", "about.json", "end.json"))
    match kind:
        case "no spec":
            spec.unlink()
        case "torn spec":
            spec.write_bytes(spec.read_bytes()[:50])
        case "spec out of range":
            spec.write_text(spec.read_text().replace('"epochs": 5', '"epochs": -5'))
        case "spec is a folder":
            spec.unlink()
            spec.mkdir()
        case "spec is no text":
            spec.write_bytes(b"\xff\xfe\x00" * 100)
        case "no about":
            about.unlink()
        case "about is a list":
            about.write_text("[]")
        case "about of other types":
            about.write_text('{"name": 3, "tags": 4}')
        case "torn end":
            ended.write_text('{"state": "fini')
        case "unknown end":
            ended.write_text('{"state": "exploded"}')
        case "empty":
            for path in run.path.iterdir():
                path.unlink()


KINDS = [
    "no spec",
    "torn spec",
    "spec out of range",
    "spec is a folder",
    "spec is no text",
    "no about",
    "about is a list",
    "about of other types",
    "torn end",
    "unknown end",
    "empty",
]
