"""HubSpot: customer relations, marketing and support."""
