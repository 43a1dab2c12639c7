"""The mathematics of latent spaces: paths and their pace.  Nothing here evaluates a model or draws a page."""
