"""Access control: what is between the network and the pages."""
