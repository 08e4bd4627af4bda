"""Derivatives of a problem: row by row, its diagonal, and products of its Hessian with vectors."""
