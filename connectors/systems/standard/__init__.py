"""Standard Webhooks: the specification that many systems sign by."""
