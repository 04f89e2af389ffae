"""What a release may consist of: a rendered manifest is held against rules before it is applied."""
