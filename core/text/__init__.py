"""Numbers, lists and foreign text as people read them. Imports nothing of the lab."""
