"""The page of present sessions, for administrators."""
