"""Models to be handed on: what is published, and how it is loaded again.  Reading from the Hub is the openers' work."""
