"""Does a classifier of few real images learn more when a generator's images are added?  See docs/augment.md."""
