"""Arrays in, numbers out. Of the lab it imports only `core.text`."""
