"""The engines that run a transform, and what they share."""
