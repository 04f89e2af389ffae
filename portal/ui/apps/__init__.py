"""Apps (mine) and Admin (everybody's): the same grid."""
