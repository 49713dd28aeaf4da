"""Whole runs as a zip that another lab imports."""
