"""Taking runs away and bringing them in."""
