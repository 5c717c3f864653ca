"""The report: sections made from plain data, and the page that shows them.

A section builder takes dataclasses, arrays and frames and gives a `Section`; none reads a store or a model.
"""
