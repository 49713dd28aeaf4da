"""Notifications: what the Lab page sets, and what a browser shows by itself."""
