"""How runs leave and come in. Imports no torch, except in what the helper process is asked for."""
