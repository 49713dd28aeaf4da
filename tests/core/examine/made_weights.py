"""Weights of runs that were made by hand."""

from core.examine.weights import find_weights


def weights_of(run, key="best"):
    return find_weights(run, key)
