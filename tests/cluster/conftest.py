"""Tests on a Ray cluster of their own."""

from tests.ray_cluster import nodes, ray_cluster, ray_runs

__all__ = ["nodes", "ray_cluster", "ray_runs"]
