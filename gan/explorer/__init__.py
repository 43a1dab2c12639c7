"""Moving through what a model has learnt: the state of an image, the pages, and what computes them."""
