"""kdrep: Hinton et al. 2015 and Romero et al. 2015, claim by claim."""

from kdrep.environment import name_user

__version__ = "0.1.0"

name_user()
