"""What schemathesis asks of an answer besides: no fault of the exchange's.

That the specification has something which is not done here (501) is none, and is told.
"""

import schemathesis


@schemathesis.check
def no_fault(ctx, response, case):
    assert response.status_code < 500 or response.status_code == 501, response.status_code
