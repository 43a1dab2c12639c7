from .affine import scale as scale
