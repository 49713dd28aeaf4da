"""The parts of Run and Runs."""
