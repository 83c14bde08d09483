"""Thin factories for the clients of broker, cache and tables. Heavy imports stay inside the functions."""
