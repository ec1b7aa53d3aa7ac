"""Stripe: payments and subscriptions."""
