"""Runs of other tools, read for what they are, and kept beside the lab's own."""
