"""Tenants apart, tried as an attacker would: the short form of `make isolation`."""

from test_platform import run


def test_no_attempt_to_reach_another_tenant_gets_through():
    run("Tests/Isolation/attack.py", "--seed", "1", "--share", "0.05", "--tenants", "8", "--at-least", "5000")
