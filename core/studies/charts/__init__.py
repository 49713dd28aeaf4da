"""Optuna's figures of a study."""
