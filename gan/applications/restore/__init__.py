"""Restoring damaged images with a generator as the prior, beside what people use without one."""
