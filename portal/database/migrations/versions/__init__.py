"""The migrations, a module each: ``m0001_name.py`` holds revision ``0001``."""
