"""Nightly suites: what is measured every night, what changed since, and whether that is a regression."""
