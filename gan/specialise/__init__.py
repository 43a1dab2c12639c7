"""Specialisation: one model goes on to learn a few images of another kind, in several ways that are compared."""
