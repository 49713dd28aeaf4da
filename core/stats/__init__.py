"""Arrays in, numbers out. Imports nothing of the lab."""
