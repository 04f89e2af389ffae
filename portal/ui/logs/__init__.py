"""The page of an app's logs, and their fold on the app's page."""
