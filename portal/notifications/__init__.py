"""Messages to people who do not look at a page, and the webhook that takes them."""
