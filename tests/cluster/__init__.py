"""Reliability of many machines: a cluster of this one's own, where only the loopback is."""
