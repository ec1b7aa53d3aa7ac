"""Commands that run the pipeline and the services, and look after them."""
