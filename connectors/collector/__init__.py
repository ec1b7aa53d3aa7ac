"""The tracking API: SDKs of Segment and RudderStack send, a journal keeps, the lander moves what it holds to bronze."""
