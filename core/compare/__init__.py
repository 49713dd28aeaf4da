"""Runs side by side: snapshots, units, figures, curves and verdicts. Imports no torch."""
