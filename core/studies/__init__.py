"""Searching: spaces, studies, their workers and what they found. Only `worker` and `warm` reach torch."""
