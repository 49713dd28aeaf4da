"""Which images there are, where they lie and how they are read. Imports no torch."""
