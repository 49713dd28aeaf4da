"""What every figure shares, in Python and in the browser. Imports nothing of the lab."""
