"""The actions on releases, a module for each, and what they share."""
