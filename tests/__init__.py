"""Tests mirror the house; a package, so that `tests.refusals` is this one and not another distribution's."""
