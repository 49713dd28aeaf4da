"""Tests on a Ray cluster of their own."""

from tests.ray_cluster import ray_cluster, ray_runs

__all__ = ["ray_cluster", "ray_runs"]
