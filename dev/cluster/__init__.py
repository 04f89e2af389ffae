"""A Kubernetes to develop and test against, brought up by one command.

``python -m dev.cluster up`` picks what is there: a cluster named by ``KUBECONFIG``, kind on a
Docker engine, or a single-node Kubernetes of plain processes on this Linux machine.

Other scripts use :func:`dev.cluster.images.build_image`, :func:`dev.cluster.binaries.bin_dir`
and :class:`dev.cluster.paths.Layout`.
"""
