"""Which images there are, where they are stored and how they are read. Imports no torch."""
