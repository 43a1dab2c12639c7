"""Style transfer: the content of one image in the style of another, by what a model can do.

`methods.py` has the four ways behind one interface, `statistics.py` the formulas of style, `networks.py` the features
that they are computed from, `stylizing.py` the work from what a user names to files.
"""
