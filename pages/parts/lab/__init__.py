"""Rows of the Lab page: devices and nodes, and who holds them."""
