"""TaskIQ on Redis lists, Redis streams and RabbitMQ."""
