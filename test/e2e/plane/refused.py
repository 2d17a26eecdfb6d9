"""What all the tests before have had the operator do, it did with the rights of install.yaml."""
from lib.tests import NotRun, equal, expect, test

ACCOUNT = 'system:serviceaccount:carrel:carrel'


@test('rights', 'in all these tests the operator asked for nothing that install.yaml does not allow')
def _(world):
    if not world.account:
        raise NotRun('only on a cluster that the tests have started')
    asked = [r for r in world.audit.since(0) if r.is_ours and r.user == ACCOUNT]
    expect(asked, 'it has asked for nothing')
    equal([r for r in asked if r.decision == 'forbid'], [])
