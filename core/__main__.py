"""`python -m core`: shape, cost, train, watch and compare without the browser."""

from core.cli.app import app
from core.cli.output import prepare_streams

if __name__ == "__main__":
    prepare_streams()
    app(prog_name="python -m core")
