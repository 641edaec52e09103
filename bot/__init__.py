"""malbeot's messaging service: gateway, worker and console around one mailbox in Redis."""
