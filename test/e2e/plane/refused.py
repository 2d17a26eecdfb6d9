"""What all the tests before have had the operator do, it did with the rights of install.yaml."""
from lib.tests import NotRun, equal, expect, test

ACCOUNT = 'system:serviceaccount:carrel:carrel'


def asked(requests):
    return {(r.verb, r.group, r.kind, r.sub) for r in requests}


@test('rights', 'in all these tests the operator asked for nothing that install.yaml does not allow')
def _(world):
    if not world.account:
        raise NotRun('only on a cluster that the tests have started')
    ours = [r for r in world.audit.since(0) if r.is_ours and r.user == ACCOUNT]
    allowed = asked(r for r in ours if r.decision == 'allow')
    expect(allowed, 'it has asked for nothing')
    # an apiserver that has just begun knows nobody's rights yet: what is missing is never allowed
    equal(sorted(asked(r for r in ours if r.decision == 'forbid') - allowed), [])
