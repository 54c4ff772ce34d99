"""Private keys and certificates: the built-in certificate authority and the webhooks' certificate."""
