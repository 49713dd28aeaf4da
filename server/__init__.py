"""Who gets in: what stands between the network and the pages."""
