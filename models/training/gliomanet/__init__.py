"""Training of the default glioma network: T1, T1ce, T2, FLAIR in; whole tumour, tumour core, enhancing tumour out."""
