"""The arguments of metrics that are computed from features: once per set of images, and stored if shared by models."""
