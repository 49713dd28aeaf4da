"""What ails a training: rules over what its run recorded, each with its evidence, a source and what to change.

Imports what reads runs (`core.compare`, `core.runs`); never torch, and nothing that takes longer than a page's tick.
"""
