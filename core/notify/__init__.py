"""Telling people elsewhere: which ends and figures they asked for, and the webhook and mail that tell them."""
