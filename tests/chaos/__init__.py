"""Whole clusters of real processes, and what breaks them while they fire.

`fault_proxy` is the network between the processes, `cluster` starts and questions them, `nemeses`
breaks them, `checker` judges what is left.
"""
