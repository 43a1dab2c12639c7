"""What metrics need beside features: each made once for a set of images, and in the store if others need it too."""
