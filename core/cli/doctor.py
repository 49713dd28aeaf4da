"""The command `doctor`: what ails a run, by the rules of docs/DOCTOR.md."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from core.cli.find import find_run
from core.cli.output import print_json
from core.cli.source import AsJson, RunId
from core.text.safe import plain

if TYPE_CHECKING:
    from core.doctor.diagnose import Diagnosis, Finding


def diagnose_one(run_id: RunId, as_json: AsJson = False) -> None:
    """Says what ails a run, with the evidence, why it matters, and what to change.

    Exit status 0, whatever is found; docs/DOCTOR.md has the rules.
    """
    from core.compare.snapshot import read_run
    from core.doctor.diagnose import diagnose_run, sum_up

    run = find_run(run_id)
    run.require_own()
    diagnosis = diagnose_run(read_run(run.id))
    if as_json:
        print_json(_describe(diagnosis))
        return
    for finding in diagnosis.findings:
        _print_finding(finding)
    print(sum_up(diagnosis))
    for unseen in diagnosis.unseen:
        print(f"  {unseen.rule.title}: {unseen.why}.")


def _print_finding(finding: Finding) -> None:
    rule, found = finding.rule, finding.found
    print(f"{rule.title}\n  {plain(found.evidence)}\n  {rule.why}\n  Source: {rule.source}.")
    for fix in found.fixes:
        print(f"  Try: {' '.join(f'--set {path}={_write(value)}' for path, value in fix.values.items())}")
    print()


def _write(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _describe(diagnosis: Diagnosis) -> dict[str, Any]:
    return {
        "findings": [
            {
                "rule": finding.rule.name,
                "title": finding.rule.title,
                "evidence": finding.found.evidence,
                "marks": [{"column": mark.column, "epoch": mark.epoch} for mark in finding.found.marks],
                "fixes": [dict(fix.values) for fix in finding.found.fixes],
                "why": finding.rule.why,
                "source": finding.rule.source,
            }
            for finding in diagnosis.findings
        ],
        "nothing_found": [rule.name for rule in diagnosis.sound],
        "could_not_look": {unseen.rule.name: unseen.why for unseen in diagnosis.unseen},
    }
