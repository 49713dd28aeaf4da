"""`python -m core`: shape, cost, train, watch and compare without the browser."""

from core.cli.app import app

if __name__ == "__main__":
    app(prog_name="python -m core")
