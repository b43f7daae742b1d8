# SPDX-License-Identifier: Apache-2.0
"""A double of SPDK's target: what its management API says and does, without a data path."""
