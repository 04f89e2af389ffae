"""The price of Kubernetes' decisions (``authorization.mode: kubernetes``), and their delay."""
