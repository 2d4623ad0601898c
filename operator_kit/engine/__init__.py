"""The engine below every operator: ids, queues, workers."""
