// Exists so that the precompiled header of core/tensor.h has a target to belong to.
