"""Control by class: images of one class from a model, by several methods, judged by a classifier that none has used.

A *guide* tells the methods which images are of the class; a *judge*, trained on other images with another network, says
afterwards whether they are.  What only the guide believes does not count.
"""
