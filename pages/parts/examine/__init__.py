"""The parts of the Examine page."""
