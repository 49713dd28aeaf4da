"""A report of runs, read as a browser would."""

from datetime import UTC, datetime

from core.export.report.make import make_report
from core.runs.folder import Run
from tests.reports import ReadReport

MOMENT = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)


def read(*runs: Run) -> ReadReport:
    return ReadReport(make_report([run.id for run in runs], moment=MOMENT))
