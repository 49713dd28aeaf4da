"""Searching: spaces, studies, their workers and what they found. Only `worker` reaches torch."""
