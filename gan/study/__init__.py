"""A study: everything that ganbench can say of a model, from a checkpoint and a folder of images, within a budget."""
