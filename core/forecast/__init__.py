"""Where a training's curve will end: curves fitted to it, and an interval that held for the lab's own finished runs.

Imports what reads runs (`core.compare`, `core.runs`); never torch.
"""
